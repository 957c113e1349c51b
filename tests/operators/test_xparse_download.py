"""The operator that stores the results of xParse jobs."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from tests.running import new_context, run
from textin_provider.exceptions import (
    TextInAuthenticationError,
    TextInBadResultError,
    TextInJobFailedError,
    TextInRequestError,
    TextInServerError,
)
from textin_provider.operators.xparse import XParseDownloadResultOperator
from textin_provider.testing import JobScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.running import Outcome

DONE = {"states": ["completed"]}
HTML = b"<html>502 Bad Gateway</html>"


def _download(job_id: Any, output_path: str, **others: Any) -> Outcome:
    return run(
        lambda: XParseDownloadResultOperator(
            task_id="download", job_id=job_id, output_path=output_path, **others
        )
    )


def _done(textin: TextInServer, **script: Any) -> str:
    return textin.add_job(JobScript(**{**DONE, **script}))


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_manifest_describes_the_file(textin: TextInServer, tmp_path: Path) -> None:
    job_id = _done(textin)

    manifest = _download(job_id, str(tmp_path / "result.json")).returned()

    content = (tmp_path / "result.json").read_bytes()
    assert manifest == {
        "job_id": job_id,
        "file_id": textin.jobs[job_id].file_id,
        "output_path": str(tmp_path / "result.json"),
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "source": "sample.md",
        "pages": 1,
        "page_count": 1,
        "failed_pages": None,
        "exports": {},
    }
    assert {"elements", "markdown"} <= set(json.loads(content))
    assert _names(tmp_path) == ["result.json"]


def test_a_directory_gets_a_file_named_after_the_job(textin: TextInServer, tmp_path: Path) -> None:
    job_id = _done(textin)
    manifest = _download(job_id, f"{tmp_path}/new/deep/").returned()
    assert manifest["output_path"] == f"{tmp_path}/new/deep/{job_id}.json"
    assert _names(tmp_path / "new" / "deep") == [f"{job_id}.json"]


def test_a_wrapped_result_is_stored_bare(textin: TextInServer, tmp_path: Path) -> None:
    _download(_done(textin, wrapped=True), str(tmp_path / "a.json")).returned()
    assert "code" not in json.loads((tmp_path / "a.json").read_text())


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_list_of_jobs_gives_a_list_in_the_order_given(
    textin: TextInServer, tmp_path: Path, kind: type
) -> None:
    jobs = [_done(textin) for _ in range(3)]
    manifests = _download(kind(reversed(jobs)), f"{tmp_path}/").returned()
    assert [manifest["job_id"] for manifest in manifests] == jobs[::-1]
    assert _names(tmp_path) == sorted(f"{job_id}.json" for job_id in jobs)


def test_an_empty_list_gives_an_empty_list(textin: TextInServer, tmp_path: Path) -> None:
    assert _download([], f"{tmp_path}/").returned() == []


def test_a_list_needs_a_directory(textin: TextInServer, tmp_path: Path) -> None:
    error = _download([_done(textin)], str(tmp_path / "a.json")).raised()
    assert isinstance(error, TextInRequestError)
    assert "End it with /" in str(error)
    assert textin.count("*") == 0


def test_one_that_fails_does_not_keep_the_others_from_being_stored(
    textin: TextInServer, tmp_path: Path
) -> None:
    good, bad, last = _done(textin), textin.add_job(JobScript(states=["failed"], message="坏")), _done(textin)

    error = _download([good, bad, last], f"{tmp_path}/").raised()

    assert isinstance(error, TextInJobFailedError)
    assert bad in str(error)
    assert _names(tmp_path) == sorted([f"{good}.json", f"{last}.json"])


def test_if_a_retry_may_help_one_of_the_list_the_task_may_be_retried(
    textin: TextInServer, tmp_path: Path
) -> None:
    failed = textin.add_job(JobScript(states=["failed"]))
    unfinished = textin.add_job(JobScript(states=["in_progress"]))
    error = _download([failed, unfinished], f"{tmp_path}/").raised()
    assert not isinstance(error, AirflowFailException)


def test_the_templates_are_rendered() -> None:
    operator = XParseDownloadResultOperator(
        task_id="download",
        job_id=["{{ job }}1", "{{ job }}2"],
        output_path="s3://{{ job }}/",
        output_conn_id="{{ job }}_files",
        textin_conn_id="textin_{{ job }}",
    )
    operator.render_template_fields(new_context(job="a"))
    assert [operator.job_id, operator.output_path, operator.output_conn_id, operator.textin_conn_id] == [
        ["a1", "a2"],
        "s3://a/",
        "a_files",
        "textin_a",
    ]


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_file_that_is_there_is_replaced_only_where_it_may_be(
    textin: TextInServer, tmp_path: Path, overwrite: bool
) -> None:
    target = tmp_path / "a.json"
    target.write_text("mine")
    outcome = _download(_done(textin), str(target), overwrite=overwrite)
    if overwrite:
        assert outcome.returned()["size_bytes"] == target.stat().st_size
    else:
        assert isinstance(outcome.raised(), TextInRequestError)
        assert target.read_text() == "mine"
        assert textin.count("*") == 0


@pytest.mark.parametrize("job_id", [None, "", "None", 17, "a/b"], ids=repr)
def test_a_malformed_job_id_is_named(textin: TextInServer, tmp_path: Path, job_id: object) -> None:
    error = _download(job_id, f"{tmp_path}/").raised()
    assert isinstance(error, TextInRequestError)
    assert str(error).startswith(f"job_id={job_id!r}: ")
    assert textin.count("*") == 0


@pytest.mark.parametrize("output_path", ["", " ", "/proc/no/such/a.json", "nope://bucket/a.json"])
def test_a_place_that_cannot_be_written_is_named_before_anything_is_asked(
    textin: TextInServer, output_path: str
) -> None:
    error = _download(_done(textin), output_path).raised()
    assert isinstance(error, TextInRequestError)
    assert str(error).startswith(f"output_path={output_path!r}: ")
    assert textin.count("*") == 0


def test_a_failed_job_fails_without_retry_and_with_its_reason(textin: TextInServer, tmp_path: Path) -> None:
    error = _download(textin.add_job(JobScript(states=["failed"], message="坏文件")), f"{tmp_path}/").raised()
    assert isinstance(error, TextInJobFailedError)
    assert isinstance(error, AirflowFailException)
    assert "坏文件" in str(error)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param({"states": ["in_progress"]}, id="not finished"),
        pytest.param({"result_url": None}, id="no result_url"),
        pytest.param({"result": HTML}, id="a page"),
        pytest.param({"result": {"code": 404, "message": "gone"}}, id="an error envelope"),
        pytest.param({"result": b'{"elements": ['}, id="half of JSON"),
        pytest.param({"result": [1, 2]}, id="a list"),
        pytest.param({"result_url": "https://example.com/result.json"}, id="a foreign host"),
    ],
)
def test_what_is_no_result_is_never_stored(
    textin: TextInServer, tmp_path: Path, script: dict[str, Any]
) -> None:
    outcome = _download(_done(textin, **script), f"{tmp_path}/")
    assert outcome.error is not None
    assert _names(tmp_path) == []


def test_wrong_credentials_fail_without_retry(
    textin: TextInServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TEXTIN_DEFAULT", json.dumps(textin.connection() | {"password": "wrong"}))
    error = _download(_done(textin), f"{tmp_path}/").raised()
    assert isinstance(error, TextInAuthenticationError)
    assert isinstance(error, AirflowFailException)
    assert textin.count("status") == 1


def test_a_blip_is_tried_again(textin: TextInServer, tmp_path: Path) -> None:
    textin.fault("status", ScriptedFault(http_status=502, body=HTML))
    textin.fault("result", ScriptedFault(cut="in_body"))
    assert _download(_done(textin), f"{tmp_path}/").returned()["size_bytes"] > 0
    assert len(_names(tmp_path)) == 1


def test_a_server_that_stays_at_fault_is_a_plain_error_that_retries_apply_to(
    textin: TextInServer, tmp_path: Path
) -> None:
    textin.fault("status", ScriptedFault(http_status=502, body=HTML), times=None)
    error = _download(_done(textin), f"{tmp_path}/").raised()
    assert isinstance(error, TextInServerError)
    assert not isinstance(error, AirflowFailException)
    assert textin.count("status") == 4


def test_a_result_that_stays_bad_is_a_plain_error_that_retries_apply_to(
    textin: TextInServer, tmp_path: Path
) -> None:
    error = _download(_done(textin, result=HTML), f"{tmp_path}/").raised()
    assert isinstance(error, TextInBadResultError)
    assert not isinstance(error, AirflowFailException)


def test_an_id_given_twice_is_stored_once_and_listed_twice(textin: TextInServer, tmp_path: Path) -> None:
    job_id = _done(textin)
    manifests = _download([job_id, job_id], f"{tmp_path}/").returned()
    assert [manifest["job_id"] for manifest in manifests] == [job_id, job_id]
    assert textin.count("result") == 1


def test_a_few_of_many_are_downloaded_at_a_time(textin: TextInServer, tmp_path: Path) -> None:
    jobs = [_done(textin) for _ in range(40)]
    textin.fault("result", ScriptedFault(delay=0.05), times=None)
    manifests = _download(jobs, f"{tmp_path}/").returned()
    assert [manifest["job_id"] for manifest in manifests] == jobs
    # Connections are kept: one after the other would share one, all at once would need forty.
    assert 4 <= textin.connections <= 20


def test_what_could_not_be_stored_is_reported_together_and_the_rest_is_told(
    textin: TextInServer, tmp_path: Path
) -> None:
    jobs = [textin.add_job(JobScript(states=["failed" if n % 3 == 0 else "completed"])) for n in range(12)]

    outcome = _download(jobs, f"{tmp_path}/")

    assert "4 of 12 xParse results were not stored, the others are" in str(outcome.raised())
    for job_id in jobs[::3]:
        assert job_id in str(outcome.raised())
    stored = [job_id for n, job_id in enumerate(jobs) if n % 3]
    assert [manifest["job_id"] for manifest in outcome.xcoms["return_value"]] == stored
    assert _names(tmp_path) == sorted(f"{job_id}.json" for job_id in stored)
