"""Statuses of files over time and fetches, and their children."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.testing.client import Client
from tests.testing.docflow_client import RETRY, DocFlowClient
from tests.testing.small_pdf import small_pdf
from textin_provider.testing import FileScript, TextInServer
from textin_provider.testing.docflow.files import File, Reading
from textin_provider.testing.docflow.registry import FileRegistry

TEXT = ("a.txt", b"Invoice\nNo: 1")
TWO = b"Invoice\nNo: 1\n\n---\nContract\nParty: A\n"


def stages(
    options: dict[str, Any], script: FileScript | None = None, reading: Reading | None = None
) -> list[int]:
    """Return the statuses of a file during 1 second in the queue and 100 in processing."""
    registry = FileRegistry(1.0, 100.0)
    file = registry.make(script or FileScript(), "a.txt", "b", "w", options=options)
    file.schedule(0.0, 1.0, 100.0)
    registry.set_reading(file, reading or Reading())
    seen = [file.status(float(now)) for now in range(103)]
    return [status for index, status in enumerate(seen) if index == 0 or seen[index - 1] != status]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0, 5, 20, 3, 4, 1]),
        ({"category": "invoice"}, [0, 5, 20, 4, 1]),
        ({"target_process": "classify"}, [0, 5, 20, 3, 10]),
        ({"target_process": "extract"}, [0, 5, 20, 3, 4, 1]),
        ({"split_flag": True}, [0, 5, 20, 6, 3, 4, 1]),
        ({"crop_flag": True}, [0, 5, 20, 7, 3, 4, 1]),
        ({"split_flag": True, "crop_flag": True}, [0, 5, 20, 6, 7, 3, 4, 1]),
    ],
)
def test_the_options_of_a_file_determine_its_statuses(options: dict[str, Any], expected: list[int]) -> None:
    assert stages(options) == expected


@pytest.mark.parametrize(
    ("script", "last"),
    [
        (FileScript(status=2), 2),
        (FileScript(status=10), 10),
        (FileScript(status=99), 99),
        (FileScript(status="never"), 4),
        (FileScript(failure_causes="x"), 2),
    ],
)
def test_a_script_sets_the_final_status_of_a_file(script: FileScript, last: int) -> None:
    assert stages({}, script)[-1] == last


def test_an_unreadable_file_fails_unless_its_script_sets_a_status() -> None:
    broken = Reading(failure_causes="broken")
    assert stages({}, reading=broken)[-1] == 2
    assert stages({"target_process": "classify"}, reading=broken)[-1] == 2
    assert stages({}, FileScript(status=1), broken)[-1] == 1


def test_a_file_that_has_not_been_read_stays_unfinished() -> None:
    registry = FileRegistry(0.0, 0.0)
    file: File = registry.make(FileScript(), "a.txt", "b", "w")
    file.schedule(0.0, 0.0, 0.0)
    assert file.status(1000.0) == 4


def test_an_uploaded_file_ends_after_its_time() -> None:
    # Long enough for a fetch on a machine that stalls.
    with TextInServer(pending_seconds=1.0, processing_seconds=0.1) as textin:
        docflow = DocFlowClient(Client(textin))
        batch = docflow.upload(TEXT)
        (queued,) = docflow.files(batch_number=batch)
        assert (queued["recognition_status"], queued["category"], queued["data"]) == (0, "", None)
        assert "duration_ms" not in queued
        (done,) = docflow.wait(batch)
        assert (done["recognition_status"], done["category"], done["duration_ms"]) == (1, "invoice", 100)


def test_a_file_that_is_only_classified_has_no_data(docflow: DocFlowClient) -> None:
    file = docflow.read(*TEXT, target_process="classify")
    assert (file["recognition_status"], file["category"], file["data"]) == (10, "invoice", None)


def test_a_named_category_overrides_the_guessed_one(docflow: DocFlowClient) -> None:
    assert docflow.read(*TEXT, category="我的分类")["category"] == "我的分类"


def test_scripts_are_used_for_files_in_the_order_given(docflow: DocFlowClient, textin: TextInServer) -> None:
    textin.script_file(FileScript(failure_causes="too blurred"))
    textin.script_file(FileScript(data={"fields": [{"key": "a", "value": "b"}]}, name="other.pdf"))
    first, second, third = docflow.wait(docflow.upload(TEXT, TEXT, TEXT))
    assert (first["recognition_status"], first["failure_causes"], first["data"]) == (2, "too blurred", None)
    assert second["data"] == {"fields": [{"key": "a", "value": "b"}]}
    assert (second["name"], second["format"]) == ("other.pdf", "pdf")
    assert third["data"]["fields"][0]["value"] == "1"


def test_statuses_can_depend_on_fetches(docflow: DocFlowClient, textin: TextInServer) -> None:
    textin.script_file(FileScript(statuses=[0, 20, 77, 1]))
    batch = docflow.upload(TEXT)
    assert [docflow.statuses(batch)[0] for _ in range(5)] == [0, 20, 77, 1, 1]
    (file,) = docflow.files(batch_number=batch)
    assert file["data"]["fields"]
    assert textin.files[file["id"]].fetches == 6


def test_only_fetches_whose_conditions_a_file_meets_count(
    docflow: DocFlowClient, textin: TextInServer
) -> None:
    textin.add_batch("b", [FileScript(), FileScript(statuses=[0, 4, 1])])
    assert docflow.statuses("b", recognition_status=1) == [1]
    assert docflow.statuses("b", recognition_status=0) == [0]
    assert docflow.get(batch_number="b", recognition_status=4, page_size=1)["result"]["total"] == 1
    assert docflow.statuses("b", page_size=1, page=2) == [1]


def test_a_file_can_become_visible_after_fetches(docflow: DocFlowClient, textin: TextInServer) -> None:
    textin.add_batch("b", [FileScript(visible_after_fetches=2), FileScript(visible_after_fetches=1)])
    assert [len(docflow.files(batch_number="b")) for _ in range(4)] == [0, 1, 2, 2]


def test_a_file_can_become_visible_after_seconds(docflow: DocFlowClient, textin: TextInServer) -> None:
    textin.add_batch("b", [FileScript(visible_after_seconds=0.05), FileScript(visible_after_seconds=600)])
    while not docflow.files(batch_number="b"):
        time.sleep(0.005)
    assert len(docflow.files(batch_number="b")) == 1


def test_a_file_can_vanish(docflow: DocFlowClient, textin: TextInServer) -> None:
    textin.add_batch("b", [FileScript(status="never", vanish_after_fetches=2), FileScript()])
    assert [len(docflow.files(batch_number="b")) for _ in range(3)] == [2, 2, 1]
    assert len(textin.files) == 1


def test_fields_can_be_null_or_absent(docflow: DocFlowClient, textin: TextInServer) -> None:
    textin.add_batch(
        "b",
        [
            FileScript(null_fields=["name", "data", "child_files"], omit_fields=["category"]),
            FileScript(omit_fields="*"),
            FileScript(null_fields="*", file_id="1955840505753140508", task_id="1981692246135111680"),
        ],
    )
    named, bare, null = docflow.files(conform=False, batch_number="b")
    assert (named["name"], named["data"], named["child_files"]) == (None, None, None)
    assert "category" not in named
    required = {"id", "name", "format", "recognition_status", "verification_status", "category"}
    assert bare.keys() == required
    assert {name for name, value in null.items() if value is not None} == required
    assert null["id"] == "1955840505753140508"


@pytest.mark.parametrize(("flag", "task_type"), [("split_flag", 0), ("crop_flag", 3)])
def test_a_text_is_split_into_documents_at_its_rules(
    docflow: DocFlowClient, flag: str, task_type: int
) -> None:
    file = docflow.read("a.md", TWO, **{flag: "true"})
    first, second = file["child_files"]
    assert (file["task_type"], file["recognition_status"], file["data"]) == (2, 1, None)
    assert {first["task_type"], second["task_type"]} == {task_type}
    assert (first["name"], first["category"]) == ("a_1.md", "invoice")
    assert (second["name"], second["category"]) == ("a_2.md", "contract")
    assert [child["data"]["fields"][0]["value"] for child in (first, second)] == ["1", "A"]
    assert {child["parent_task_id"] for child in (first, second)} == {file["task_id"]}
    assert [child["pages"][0]["page"] for child in (first, second)] == [0, 1]
    assert [page["page"] for page in file["pages"]] == [0, 1]


@pytest.mark.parametrize(
    ("name", "content", "count"),
    [
        ("a.txt", b"one\x0ctwo\x0cthree\x0c", 3),
        ("a.pdf", small_pdf(), 3),
        ("a.txt", b"---\none\n\n-----\n\ntwo\n\n---", 2),
        ("a.md", b"A title\n---\n\n| a | b |\n|---|---|\n| 1 | 2 |", 0),
        ("a.txt", b"just one", 0),
    ],
)
def test_form_feeds_rules_and_pdf_pages_separate_documents(
    docflow: DocFlowClient, name: str, content: bytes, count: int
) -> None:
    file = docflow.read(name, content, split_flag="true")
    assert len(file["child_files"]) == count
    assert file["task_type"] == (2 if count else 1)


def test_children_are_listed_once_the_file_is_split(docflow: DocFlowClient, textin: TextInServer) -> None:
    textin.script_file(FileScript(statuses=[0, 20, 6, 3, 1]))
    batch = docflow.upload(("a.txt", TWO), split_flag="true")
    counts = [len(docflow.files(batch_number=batch)[0]["child_files"]) for _ in range(5)]
    assert counts == [0, 0, 0, 2, 2]


def test_each_child_can_have_its_own_script(docflow: DocFlowClient, textin: TextInServer) -> None:
    children = (
        FileScript(name="x.pdf", category="invoice"),
        FileScript(status="never", task_type=3),
        FileScript(failure_causes="blurred", statuses=[4, 2]),
    )
    textin.add_batch("b", [FileScript(children=children)])
    (before,), (after,) = (docflow.files(batch_number="b") for _ in range(2))
    assert [child["recognition_status"] for child in before["child_files"]] == [1, 4, 4]
    assert [child["recognition_status"] for child in after["child_files"]] == [1, 4, 2]
    assert [child["task_type"] for child in after["child_files"]] == [0, 3, 0]
    assert after["child_files"][2]["failure_causes"] == "blurred"
    assert len(docflow.files(batch_number="b")) == 1


def test_children_can_be_listed_beside_their_parent(docflow: DocFlowClient, textin: TextInServer) -> None:
    children = (FileScript(name="x.pdf"), FileScript(name="y.pdf"))
    textin.add_batch("b", [FileScript(name="all.pdf", children=children, list_children_at_top_level=True)])
    parent, *others = docflow.files(batch_number="b")
    assert others == parent["child_files"]
    assert docflow.names(task_id=others[0]["task_id"]) == ["x.pdf"]
    assert len(textin.files) == 3
    textin.add_batch("b", [FileScript(name="late.pdf")])
    assert docflow.names(batch_number="b") == ["all.pdf", "x.pdf", "y.pdf", "late.pdf"]


def test_a_child_listed_twice_counts_a_fetch_once(docflow: DocFlowClient, textin: TextInServer) -> None:
    child = FileScript(statuses=[0, 4, 1])
    textin.add_batch("b", [FileScript(children=(child,), list_children_at_top_level=True)])
    assert [docflow.statuses("b")[1] for _ in range(3)] == [0, 4, 1]


def test_a_finished_task_can_be_run_again(docflow: DocFlowClient, textin: TextInServer) -> None:
    textin.add_batch("b", [FileScript(children=(FileScript(),)), FileScript(status="never")])
    finished, unfinished = docflow.files(batch_number="b")
    assert docflow.post_json(RETRY, task_id=finished["task_id"])["code"] == 200
    (again,) = docflow.files(file_id=finished["id"])
    assert again["task_id"] == finished["task_id"]
    assert docflow.post_json(RETRY, task_id=finished["child_files"][0]["task_id"])["code"] == 1005016000
    assert docflow.post_json(RETRY, task_id=unfinished["task_id"])["code"] == 1005006016
    assert docflow.post_json(RETRY, task_id="1")["code"] == 1005016000
    assert docflow.post_json(RETRY)["code"] == 400


def test_scripted_statuses_must_not_be_empty() -> None:
    with pytest.raises(ValueError, match="statuses"):
        FileScript(statuses=[])


def test_the_files_of_a_stopped_server_are_readable(docflow: DocFlowClient, textin: TextInServer) -> None:
    batch = docflow.upload(TEXT)
    textin.stop()
    (file,) = textin.files.values()
    assert (file.batch_number, file.name) == (batch, "a.txt")
