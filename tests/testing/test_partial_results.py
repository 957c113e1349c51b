"""Partial results: failed pages, scripted page counts, page ranges, and the states around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.testing.client import Client, conforms
from tests.testing.small_pdf import Page, small_pdf, with_image, written
from textin_provider.testing import JobScript, TextInServer

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXT = "\n\n".join(f"Paragraph {number}." for number in range(1, 25)).encode()
PAGES = {"capabilities": {"pages": True}}


def many_pages(count: int) -> bytes:
    lines: list[Page] = [[(f"Page number {number}.", 12, 72, 720)] for number in range(1, count + 1)]
    return small_pdf(lines)


def parsed(
    client: Client, textin: TextInServer, script: JobScript, document: bytes = TEXT, config: Any = None
) -> dict[str, Any]:
    textin.script(script)
    return client.parse(document, "a.pdf" if document.startswith(b"%PDF") else "a.txt", config)


def pages_with_elements(result: dict[str, Any]) -> list[int]:
    return sorted({element["page_number"] for element in result["elements"]})


@pytest.mark.parametrize(
    ("failed", "left"),
    [
        ("2,5-6", [1, 3, 4, 7, 8]),
        (" 8 , 1 - 2 ", [3, 4, 5, 6, 7]),
        ([8, 3], [1, 2, 4, 5, 6, 7]),
        (range(1, 8), [8]),
        ("", [1, 2, 3, 4, 5, 6, 7, 8]),
        ("1-8", []),
    ],
)
def test_failed_pages_have_no_elements_and_do_not_count(
    client: Client, textin: TextInServer, failed: str | Sequence[int], left: list[int]
) -> None:
    result = parsed(client, textin, JobScript(failed_pages=failed, page_count=8), config=PAGES)
    assert pages_with_elements(result) == left
    assert (result["metadata"]["page_count"], result["success_count"]) == (8, len(left))
    assert [page["page_number"] for page in result["pages"]] == list(range(1, 9))
    assert [page["page_number"] for page in result["pages"] if page["status"] == "Success"] == left
    assert [bool(page["element_ids"]) for page in result["pages"]] == [n in left for n in range(1, 9)]


def test_failed_pages_of_a_pdf_are_its_own(client: Client, textin: TextInServer) -> None:
    result = parsed(client, textin, JobScript(failed_pages="3,9"), many_pages(4))
    texts = [element["text"] for element in result["elements"]]
    assert texts == ["Page number 1.", "Page number 2.", "Page number 4."]
    assert (result["metadata"]["page_count"], result["success_count"]) == (4, 3)
    assert "pages" not in result
    assert "number 3" not in result["markdown"]


@pytest.mark.parametrize(("count", "shown"), [(2, [1, 2]), (7, [1, 2, 3, 4, 5, 6, 7])])
def test_a_page_count_shortens_and_extends_a_pdf(
    client: Client, textin: TextInServer, count: int, shown: list[int]
) -> None:
    result = parsed(client, textin, JobScript(page_count=count), many_pages(4))
    assert pages_with_elements(result) == shown
    assert result["success_count"] == result["metadata"]["page_count"] == count


def test_a_page_that_cannot_be_read_gets_no_text(client: Client, textin: TextInServer) -> None:
    document = written(with_image(pages=2))
    result = parsed(client, textin, JobScript(page_count=4, list_pages=True), document)
    assert [page["status"] for page in result["pages"]] == ["Failed", "Success", "Success", "Success"]
    assert pages_with_elements(result) == [2, 3, 4]


@pytest.mark.parametrize("count", [1, 3, 24, 40, 2000])
def test_text_is_spread_over_the_pages_in_order(client: Client, textin: TextInServer, count: int) -> None:
    result = parsed(client, textin, JobScript(page_count=count))
    numbers = [element["page_number"] for element in result["elements"]]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(1, count + 1))
    own = [e["text"] for e in result["elements"] if e["text"].startswith("Paragraph")]
    assert own == [f"Paragraph {number}." for number in range(1, 25)]


@pytest.mark.parametrize(
    ("page_range", "failed", "succeeded", "failing"),
    [
        ("1-5,10", (), [1, 2, 3, 4, 5, 10], []),
        ("1-5,10", "4,7", [1, 2, 3, 5, 10], [4]),
        ("12", "12", [], [12]),
        ("2-3,3-4", [1], [2, 3, 4], []),
    ],
)
def test_only_the_chosen_pages_are_parsed_and_counted(
    client: Client,
    textin: TextInServer,
    page_range: str,
    failed: str | list[int],
    succeeded: list[int],
    failing: list[int],
) -> None:
    config = PAGES | {"scope": {"page_range": page_range}}
    for script, document in [
        (JobScript(failed_pages=failed, page_count=12), TEXT),
        (JobScript(failed_pages=failed), many_pages(12)),
    ]:
        result = parsed(client, textin, script, document, config)
        assert (result["metadata"]["page_count"], result["success_count"]) == (12, len(succeeded))
        assert pages_with_elements(result) == succeeded
        status = {page["page_number"]: page["status"] for page in result["pages"]}
        assert [page for page, word in status.items() if word != "Success"] == failing
        assert sorted(status) == sorted(succeeded + failing)


def test_a_page_range_beyond_the_scripted_page_count_is_refused(client: Client, textin: TextInServer) -> None:
    textin.script(JobScript(page_count=6))
    assert client.submit(TEXT, "a.txt", {"scope": {"page_range": "5-7"}})["code"] == 40424
    assert client.submit(TEXT, "a.txt", {"scope": {"page_range": "5-6"}})["code"] == 200


def test_a_script_lists_the_pages_that_the_config_did_not_ask_for(
    client: Client, textin: TextInServer
) -> None:
    result = parsed(client, textin, JobScript(failed_pages="2", page_count=3, list_pages=True))
    assert [page["status"] for page in result["pages"]] == ["Success", "Failed", "Success"]


@pytest.mark.parametrize(("code", "message"), [(50207, "Some pages failed"), (59999, "scripted code")])
def test_the_envelope_of_a_result_can_have_another_code(
    client: Client, textin: TextInServer, code: int, message: str
) -> None:
    job_id = textin.add_job(JobScript(code=code, failed_pages="1", page_count=2))
    envelope = requests.get(client.wait(job_id)["result_url"], timeout=30).json()
    assert (envelope["code"], envelope["message"]) == (code, message)
    assert conforms(envelope["data"], "ParseResult")["success_count"] == 1
    assert textin.requests[-1].code == code


def test_a_partly_completed_job_has_a_result(client: Client, textin: TextInServer) -> None:
    ends = [
        JobScript(status="partial_completed", failed_pages="2", page_count=3),
        JobScript(states=["pending", "partial_completed"], failed_pages="2", page_count=3),
        JobScript(status="partial_completed", result={"elements": [], "success_count": 2}),
    ]
    for script in ends:
        job = client.wait(textin.add_job(script))
        assert job["status"] == "partial_completed"
        assert "message" not in job
        assert requests.get(job["result_url"], timeout=30).json()["success_count"] == 2


@pytest.mark.parametrize("status", ["stopped", "deleted", "cancelled", "partial_failed"])
@pytest.mark.parametrize("message", [None, "由用户取消"])
def test_a_job_without_a_result_has_the_message_of_its_script(
    client: Client, textin: TextInServer, status: str, message: str | None
) -> None:
    job = client.wait(textin.add_job(JobScript(status=status, message=message)))
    assert (job["status"], job.get("message")) == (status, message)
    assert "result_url" not in job


def test_a_failed_job_has_a_message_without_a_scripted_one(client: Client, textin: TextInServer) -> None:
    assert (
        client.wait(textin.add_job(JobScript(status="failed")))["message"] == "document could not be parsed"
    )


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"failed_pages": "2;3"}, "failed_pages: '2;3' is not like"),
        ({"failed_pages": "0-3"}, "failed_pages: '0-3' is not a range of pages from 1"),
        ({"failed_pages": [4, -1]}, "failed_pages: -1 is not a range of pages from 1"),
        ({"failed_pages": "2-9", "page_count": 8}, "failed_pages: page 9 is beyond page_count 8"),
        ({"page_count": 0}, "page_count: 0 is less than 1"),
    ],
)
def test_an_impossible_script_is_refused(arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        JobScript(**arguments)
