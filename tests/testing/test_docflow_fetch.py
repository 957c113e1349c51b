"""Fetch and delete: conditions, pages and quirks of the list of files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.testing.docflow_client import DELETE, FETCH, DocFlowClient, conforms
from textin_provider.testing import FileScript, Quirks, ScriptedFault, TextInServer

REPORT = FileScript(
    name="企业信用报告.pdf", format="pdf", status=1, category="credit_report", duration_ms=15000
)
INVOICE = FileScript(
    name="发票.pdf", status=2, category="invoice", duration_ms=8000, failure_causes="文件格式不支持"
)


@pytest.fixture
def batch(textin: TextInServer) -> str:
    return textin.add_batch("b", [FileScript(name=f"{number}.pdf") for number in range(5)])


def test_the_example_of_the_status_page_can_be_reproduced(
    docflow: DocFlowClient, textin: TextInServer
) -> None:
    textin.add_batch("batch", files=[REPORT, INVOICE])
    first, second = docflow.files(batch_number="batch")
    expected: dict[str, Any] = {
        "name": "企业信用报告.pdf",
        "format": "pdf",
        "recognition_status": 1,
        "verification_status": 0,
        "category": "credit_report",
        "duration_ms": 15000,
        "failure_causes": None,
    }
    assert expected.items() <= first.items()
    assert second["recognition_status"] == 2
    assert (second["name"], second["format"]) == ("发票.pdf", "pdf")
    assert (second["duration_ms"], second["failure_causes"]) == (8000, "文件格式不支持")
    assert textin.uploads_accepted == 0


def test_the_example_of_textins_status_page_conforms_to_the_contract() -> None:
    from textin_provider.testing.contract import document

    response = document("docflow-v2")["paths"][FETCH]["get"]["responses"]["200"]["content"][
        "application/json"
    ]
    conforms("GET", FETCH, response["examples"]["status_page"]["value"])


def test_conditions_are_combined_with_and(docflow: DocFlowClient, textin: TextInServer) -> None:
    textin.add_batch("one", [REPORT, INVOICE])
    textin.add_batch("two", [INVOICE, FileScript(name="c.pdf", category="invoice", verification_status=2)])
    report, invoice = docflow.files(batch_number="one")
    assert docflow.names(category="invoice") == ["发票.pdf", "发票.pdf", "c.pdf"]
    assert docflow.names(category="invoice", recognition_status=1) == ["c.pdf"]
    assert docflow.names(category="invoice", recognition_status=1, batch_number="one") == []
    assert docflow.names(verification_status=2) == ["c.pdf"]
    assert docflow.names(file_id=report["id"]) == docflow.names(task_id=report["task_id"]) == [report["name"]]
    assert docflow.names(file_id=report["id"], task_id=invoice["task_id"]) == []
    assert docflow.names(file_id=report["id"], batch_number="two") == []
    assert len(docflow.files()) == 4


@pytest.mark.parametrize(
    "query", [{"batch_number": "none"}, {"file_id": "1"}, {"task_id": "x"}, {"recognition_status": 99}]
)
def test_a_fetch_without_matches_is_an_empty_list(
    docflow: DocFlowClient, batch: str, query: dict[str, Any]
) -> None:
    envelope = docflow.get(**query)
    assert envelope["code"] == 200
    assert envelope["result"] == {"total": 0, "page": 1, "page_size": 1000, "files": []}


@pytest.mark.parametrize(
    "query",
    [
        {"page": "0"},
        {"page": "x"},
        {"page_size": "0"},
        {"page_size": "1_0"},
        {"recognition_status": "done"},
        {"with_document": "yes"},
        {"start_time": "yesterday"},
        {"start_time": "2026-01-01T00:00:00"},
        {"end_time": "2026-01-01"},
        {"batch_numbers": "a"},
        {"file_id": ["1", "2"]},
        {"workspace_id": ""},
    ],
)
def test_an_invalid_condition_is_named_in_the_error(
    docflow: DocFlowClient, batch: str, query: dict[str, Any]
) -> None:
    envelope = docflow.get(**query)
    assert envelope["code"] == 400
    assert next(iter(query)) in envelope["msg"]


def test_files_are_listed_in_pages_with_the_total(docflow: DocFlowClient, batch: str) -> None:
    pages = [docflow.get(batch_number=batch, page=page, page_size=2)["result"] for page in (1, 2, 3, 4)]
    assert [[file["name"][0] for file in page["files"]] for page in pages] == [
        ["0", "1"],
        ["2", "3"],
        ["4"],
        [],
    ]
    assert {(page["total"], page["page_size"]) for page in pages} == {(5, 2)}
    assert [page["page"] for page in pages] == [1, 2, 3, 4]


def test_times_select_by_the_last_update(docflow: DocFlowClient, textin: TextInServer, batch: str) -> None:
    now = datetime.now(UTC)
    before, after = (now + timedelta(minutes=minutes) for minutes in (-1, 1))
    assert len(docflow.files(start_time=before.isoformat())) == 5
    assert len(docflow.files(start_time=before.isoformat(), end_time=after.isoformat())) == 5
    assert docflow.files(start_time=after.strftime("%Y-%m-%dT%H:%M:%SZ")) == []
    assert docflow.files(end_time=before.isoformat()) == []
    textin.add_batch("unfinished", [FileScript(statuses=[0, 1])])
    assert len(docflow.files(batch_number="unfinished", start_time=before.isoformat())) == 1


def test_a_fetch_can_request_optional_fields(docflow: DocFlowClient) -> None:
    batch = docflow.upload(("a.md", b"# Title\n\nKey: value"))
    docflow.wait(batch)
    (plain,) = docflow.files(batch_number=batch)
    (full,) = docflow.files(
        batch_number=batch, with_document="true", with_task_detail_url="true", with_image_url="true"
    )
    assert {"document", "task_detail_url"} & plain.keys() == set()
    assert "image_url" not in plain["pages"][0]
    assert [line["text"] for line in full["document"]["pages"][0]["lines"]] == ["Title", "Key: value"]
    assert full["task_detail_url"].startswith("http")
    assert full["pages"][0]["image_url"].startswith("http")


@pytest.mark.parametrize(
    ("text", "given"), [("True", True), ("TRUE", True), ("False", False), ("false", False)]
)
def test_a_flag_may_be_spelled_as_in_python(
    docflow: DocFlowClient, batch: str, text: str, given: bool
) -> None:
    files = docflow.files(batch_number=batch, with_task_detail_url=text)
    assert [("task_detail_url" in file) for file in files] == [given] * 5


def test_counts_can_be_omitted(docflow: DocFlowClient, textin: TextInServer, batch: str) -> None:
    textin.quirks.omit_total = True
    assert docflow.get(batch_number=batch)["result"].keys() == {"files"}


def test_a_file_can_be_listed_on_two_pages(docflow: DocFlowClient, textin: TextInServer, batch: str) -> None:
    textin.quirks.duplicate_over_pages = True
    pages = [docflow.names(batch_number=batch, page=page, page_size=3) for page in (1, 2, 3)]
    assert pages == [["0.pdf", "1.pdf", "2.pdf"], ["2.pdf", "3.pdf", "4.pdf"], ["4.pdf"]]
    assert docflow.names(batch_number=batch, page=5, page_size=1) == ["4.pdf"]


def test_the_page_can_be_ignored(docflow: DocFlowClient, batch: str, textin: TextInServer) -> None:
    textin.quirks.ignore_page = True
    assert docflow.names(batch_number=batch, page=2, page_size=2) == ["0.pdf", "1.pdf"]


def test_pages_can_be_shorter_than_requested(
    docflow: DocFlowClient, textin: TextInServer, batch: str
) -> None:
    textin.quirks.max_page_size = 2
    result = docflow.get(batch_number=batch, page=2)["result"]
    assert [file["name"] for file in result["files"]] == ["2.pdf", "3.pdf"]
    assert (result["total"], result["page_size"]) == (5, 1000)


def test_the_order_can_change(docflow: DocFlowClient, textin: TextInServer) -> None:
    textin.quirks.shuffle = True
    textin.add_batch("many", count=50)
    lists = [docflow.names(batch_number="many") for _ in range(3)]
    assert len({tuple(names) for names in lists}) > 1
    assert len({frozenset(names) for names in lists}) == 1


def test_quirks_can_be_passed_to_the_constructor() -> None:
    with TextInServer(quirks=Quirks(omit_total=True)) as textin:
        assert textin.quirks.omit_total


def test_delete_removes_the_files_that_meet_any_condition(
    docflow: DocFlowClient, textin: TextInServer, batch: str
) -> None:
    files = docflow.files(batch_number=batch)
    textin.add_batch("other", count=2)
    body = {"file_id": [files[0]["id"]], "task_id": [files[1]["task_id"], "1"], "batch_number": ["other"]}
    assert docflow.post_json(DELETE, **body)["result"] == {"deleted_count": 4}
    assert docflow.names() == ["2.pdf", "3.pdf", "4.pdf"]
    assert docflow.post_json(DELETE, start_time=0)["result"] == {"deleted_count": 3}
    assert not textin.files


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 400),
        ({"file_id": "1"}, 400),
        ({"start_time": "now"}, 400),
        ({"workspace_id": "elsewhere", "file_id": ["1"]}, 1005006000),
    ],
)
def test_delete_without_a_valid_condition_is_rejected(
    docflow: DocFlowClient, textin: TextInServer, batch: str, body: dict[str, Any], code: int
) -> None:
    assert docflow.post_json(DELETE, **body)["code"] == code
    assert len(textin.files) == 5


def test_a_thousand_files_with_data_are_listed_at_once(docflow: DocFlowClient, textin: TextInServer) -> None:
    textin.add_batch("big", count=1000, data_bytes=10_000)
    files = docflow.files(conform=False, batch_number="big")
    assert len({file["id"] for file in files}) == 1000
    for _ in range(2):
        (one,) = docflow.files(batch_number="big", page_size=1, recognition_status=1)
        assert one == files[0]
    assert docflow.get(batch_number="big", page_size=1, recognition_status=2)["result"]["total"] == 0
    textin.add_batch("big", [FileScript(status=2)], data_bytes=10_000)
    assert docflow.get(batch_number="big", page_size=1, recognition_status=2)["result"]["total"] == 1
    assert docflow.get(batch_number="big", page_size=1)["result"]["total"] == 1001


@pytest.mark.parametrize("size", [250, 499, 10_000, 12_345])
def test_synthetic_data_has_the_requested_size(size: int) -> None:
    from textin_provider.testing.synthetic import synthetic_data

    assert len(synthetic_data(size)) == size


def test_synthetic_data_has_a_minimum_size(textin: TextInServer) -> None:
    with pytest.raises(ValueError, match="249 is less than 250"):
        textin.add_batch("x", count=1, data_bytes=249)


def test_a_chunked_fetch_counts_and_a_replaced_one_does_not(
    docflow: DocFlowClient, textin: TextInServer
) -> None:
    textin.add_batch("b", [FileScript(statuses=[0, 1])])
    textin.fault("fetch", ScriptedFault(chunked=True))
    assert docflow.statuses("b") == [0]
    textin.fault("fetch", ScriptedFault(code=500))
    assert docflow.get(batch_number="b")["code"] == 500
    assert docflow.statuses("b") == [1]
