"""Documents that fail, submits that are refused, and what a run leaves to the next one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.folder.folder import counts, manifest, numbered, parse, summary, write_documents
from textin_provider.exceptions import (
    TextInAuthenticationError,
    TextInJobFailedError,
    TextInQuotaError,
    TextInRateLimitError,
    TextInRequestError,
    TextInTimeoutError,
    TextInUncertainSubmitError,
)
from textin_provider.testing import JobScript, ScriptedFault, fast_polling

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from textin_provider.testing import TextInServer


@pytest.fixture(autouse=True)
def _fast() -> Iterator[None]:
    with fast_polling(keep_intervals=True):
        yield


def test_a_failed_document_stops_no_other_and_is_named(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", *numbered(3))
    textin.script(JobScript(status="failed", message="page 2 is torn"))
    outcome = parse(source, tmp_path / "out")
    error = outcome.raised()
    assert isinstance(error, TextInJobFailedError)
    assert "1 failed of 3 documents" in str(error)
    assert "000.md: page 2 is torn" in str(error)
    assert counts(outcome.xcoms["return_value"]) == {"found": 3, "submitted": 3, "succeeded": 2, "failed": 1}
    line = manifest(tmp_path / "out")["000.md"]
    assert (line["status"], line["message"], line["output_paths"]) == ("failed", "page 2 is torn", {})


def test_a_failed_document_is_not_sent_again_unless_told(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", *numbered(2))
    textin.script(JobScript(status="failed"))
    options = {"raise_on_failure": False}
    summary(source, tmp_path / "out", **options)
    assert counts(summary(source, tmp_path / "out", **options)) == {"found": 2, "unchanged": 1, "failed": 1}
    assert textin.submissions == 2
    again = summary(source, tmp_path / "out", retry_failed=True)
    assert counts(again) == {"found": 2, "unchanged": 1, "submitted": 1, "succeeded": 1}


def test_a_document_that_textin_does_not_take_is_failed(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", *numbered(2))
    textin.fault("submit", ScriptedFault(code=40303, message="file type unsupported"))
    value = summary(source, tmp_path / "out", raise_on_failure=False)
    assert counts(value) == {"found": 2, "submitted": 1, "succeeded": 1, "failed": 1}
    assert manifest(tmp_path / "out")["000.md"]["message"] == "file type unsupported"


@pytest.mark.parametrize(("code", "failed"), [(40008, 0), (40004, 8)])
def test_a_refusal_of_every_document_stops_the_run(
    code: int, failed: int, textin: TextInServer, tmp_path: Path
) -> None:
    source = write_documents(tmp_path / "in", *numbered(20))
    textin.fault("submit", ScriptedFault(code=code), None)
    outcome = parse(source, tmp_path / "out")
    assert isinstance(outcome.raised(), TextInRequestError)
    value = outcome.xcoms["return_value"]
    assert value["failed"] <= failed
    assert value["failed"] + value["left"] == 20


def test_an_empty_document_is_failed_and_nothing_is_sent(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", "a.md")
    (source / "empty.pdf").touch()
    value = summary(source, tmp_path / "out", raise_on_failure=False)
    assert counts(value) == {"found": 2, "submitted": 1, "succeeded": 1, "failed": 1}
    assert "empty" in manifest(tmp_path / "out")["empty.pdf"]["message"]


def test_an_uncertain_submit_is_reported_and_sent_again_only_if_told(
    textin: TextInServer, tmp_path: Path
) -> None:
    source = write_documents(tmp_path / "in", *numbered(2))
    textin.fault("submit", ScriptedFault(cut="in_headers", accept=True))
    error = parse(source, tmp_path / "out").raised()
    assert isinstance(error, TextInUncertainSubmitError)
    assert "000.md" in str(error)
    options = {"raise_on_failure": False}
    assert counts(summary(source, tmp_path / "out", **options)) == {
        "found": 2,
        "unchanged": 1,
        "uncertain": 1,
    }
    assert textin.submissions == 2
    again = summary(source, tmp_path / "out", resubmit_uncertain=True)
    assert counts(again) == {"found": 2, "unchanged": 1, "submitted": 1, "succeeded": 1}
    assert textin.submissions == 3


def test_a_gateway_that_answers_every_submit_makes_few_documents_uncertain(
    textin: TextInServer, tmp_path: Path
) -> None:
    source = write_documents(tmp_path / "in", *numbered(30))
    textin.fault("submit", ScriptedFault(http_status=502, body=b"<html>", content_type="text/html"), None)
    outcome = parse(source, tmp_path / "out")
    assert outcome.error is not None
    value = outcome.xcoms["return_value"]
    assert value["uncertain"] <= 8
    assert value["uncertain"] + value["left"] == 30


def test_an_empty_balance_stops_sending_and_stores_what_is_paid_for(
    textin: TextInServer, tmp_path: Path
) -> None:
    source = write_documents(tmp_path / "in", *numbered(6))
    for _ in range(3):
        textin.fault("submit", ScriptedFault(delay=0.01))
    textin.fault("submit", ScriptedFault(code=40003), None)
    outcome = parse(source, tmp_path / "out")
    error = outcome.raised()
    assert isinstance(error, TextInQuotaError)
    assert "3 documents are left" in str(error)
    assert counts(outcome.xcoms["return_value"]) == {"found": 6, "submitted": 3, "succeeded": 3, "left": 3}
    textin.clear_faults()
    assert counts(summary(source, tmp_path / "out")) == {
        "found": 6,
        "unchanged": 3,
        "submitted": 3,
        "succeeded": 3,
    }


def test_credentials_that_fail_halfway_end_the_run_at_once(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", *numbered(6))
    for _ in range(2):
        textin.fault("submit", ScriptedFault(delay=0.01))
    textin.fault("submit", ScriptedFault(code=40102), None)
    outcome = parse(source, tmp_path / "out")
    assert isinstance(outcome.raised(), TextInAuthenticationError)
    value = outcome.xcoms["return_value"]
    assert value["submitted"] == 2
    assert value["uncertain"] == 0
    textin.clear_faults()
    later = summary(source, tmp_path / "out")
    assert later["unchanged"] + later["succeeded"] == 6
    assert textin.submissions == 6


def test_a_refused_rate_shrinks_the_window_and_loses_nothing(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", *numbered(8))
    for _ in range(2):
        textin.fault("submit", ScriptedFault(delay=0.01))
    textin.fault("submit", ScriptedFault(code=40306), 2)
    value = summary(source, tmp_path / "out")
    assert counts(value) == {"found": 8, "submitted": 8, "succeeded": 8}
    assert textin.submissions == 8


def test_a_rate_that_stays_refused_fails_the_run_transiently(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", *numbered(3))
    textin.fault("submit", ScriptedFault(code=40306), None)
    outcome = parse(source, tmp_path / "out", rate_limit_timeout=0.3)
    assert isinstance(outcome.raised(), TextInRateLimitError)
    assert counts(outcome.xcoms["return_value"]) == {"found": 3, "left": 3}


def test_jobs_that_do_not_end_in_time_are_waited_for_by_the_next_run(
    textin: TextInServer, tmp_path: Path
) -> None:
    source = write_documents(tmp_path / "in", *numbered(2))
    textin.script(JobScript(pending_seconds=1.5))
    outcome = parse(source, tmp_path / "out", timeout=0.8)
    assert isinstance(outcome.raised(), TextInTimeoutError)
    assert manifest(tmp_path / "out")["000.md"]["status"] == "submitted"
    assert counts(summary(source, tmp_path / "out")) == {"found": 2, "unchanged": 1, "succeeded": 1}
    assert textin.submissions == 2


def test_max_documents_leaves_the_rest_to_the_next_run(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", *numbered(5))
    value = summary(source, tmp_path / "out", max_documents="2")
    assert counts(value) == {"found": 5, "submitted": 2, "succeeded": 2, "left": 3}
    line = manifest(tmp_path / "out")["004.md"]
    assert (line["status"], line["message"]) == ("left", "not sent: max_documents=2 is reached")
    value = summary(source, tmp_path / "out", max_documents=2)
    assert counts(value) == {"found": 5, "unchanged": 2, "submitted": 2, "succeeded": 2, "left": 1}


@pytest.mark.parametrize("deferrable", [False, True])
def test_no_more_jobs_are_in_flight_than_told(deferrable: bool, textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", *numbered(6))
    value = summary(source, tmp_path / "out", max_in_flight=2, deferrable=deferrable)
    assert counts(value) == {"found": 6, "submitted": 6, "succeeded": 6}
    jobs = list(textin.jobs.values())
    for job in jobs:
        begun = [other for other in jobs if other.pending_until - 0.1 <= job.pending_until - 0.1]
        in_work = [other for other in begun if other.ready_at > job.pending_until - 0.1]
        assert len(in_work) <= 2


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"config": "{not json"}, "config"),
        ({"source": "/nowhere/at/all"}, "does not exist"),
        ({"source": []}, None),
    ],
)
def test_bad_arguments_send_nothing(
    options: dict[str, Any], problem: str | None, textin: TextInServer, tmp_path: Path
) -> None:
    source = options.pop("source", None)
    source = write_documents(tmp_path / "in", "a.md") if source is None else source
    outcome = parse(source, tmp_path / "out", **options)
    if problem is None:
        assert counts(outcome.returned()) == {}
    else:
        assert isinstance(outcome.raised(), TextInRequestError)
        assert problem in str(outcome.error)
    assert textin.count("submit") == 0


def test_a_source_that_is_a_file_or_a_single_address_is_refused(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", "a.md")
    for wrong in (str(source / "a.md"), "https://example.com/a.pdf"):
        assert isinstance(parse(wrong, tmp_path / "out").raised(), TextInRequestError)
    assert not (tmp_path / "out").exists()


def test_an_output_that_cannot_be_written_sends_nothing(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", "a.md")
    (tmp_path / "out").write_text("a file")
    assert parse(source, tmp_path / "out").error is not None
    assert textin.count("submit") == 0


def test_a_secret_in_the_config_is_in_no_file_of_the_ledger(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", "a.md")
    textin.script(JobScript(status="failed", message="hunter2-hunter2 opens nothing"))
    config = {"document": {"password": "hunter2-hunter2"}}
    outcome = parse(source, tmp_path / "out", config=config)
    assert "hunter2" not in str(outcome.error)
    for path in (tmp_path / "out").rglob("*"):
        assert not path.is_file() or b"hunter2" not in path.read_bytes()
    assert json.dumps(outcome.xcoms)
