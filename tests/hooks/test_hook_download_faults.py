"""Downloads that go wrong: no half file, no web page, no other host, and another try where it may help."""

from __future__ import annotations

import gzip
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from tests.hooks.support import readable
from textin_provider.exceptions import (
    TextInAuthenticationError,
    TextInBadResultError,
    TextInError,
    TextInJobFailedError,
    TextInRequestError,
    TextInServerError,
    TextInTransportError,
)
from textin_provider.testing import JobScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.hooks.support import Connect, Foreign, Pauses
    from textin_provider.hooks.textin import TextInHook

SIZE = 400_000
HTML = {"content_type": "text/html", "body": b"<html>expired</html>"}

FAULTS = [
    ({"cut": "before_answer"}, TextInTransportError),
    ({"cut": "in_headers"}, TextInBadResultError),
    ({"cut": "in_body"}, TextInError),
    ({"truncate": SIZE - 1}, TextInError),
    ({"truncate": 0}, TextInError),
    ({"truncate": 300_000, "chunked": True}, TextInTransportError),
    ({"http_status": 502, **HTML}, TextInServerError),
    ({"http_status": 404, **HTML}, TextInBadResultError),
    ({"http_status": 403, **HTML}, TextInBadResultError),
    ({"http_status": 410, **HTML}, TextInBadResultError),
    ({"http_status": 204, "body": b""}, TextInServerError),
    ({"http_status": 206, "body": b'{"elements": []}'}, TextInServerError),
    (HTML, TextInBadResultError),
    ({"body": b""}, TextInBadResultError),
    ({"body": b"[]"}, TextInBadResultError),
    ({"body": b'{"hello": "world"}'}, TextInBadResultError),
    ({"body": b'{"elements": ['}, TextInBadResultError),
    ({"body": b"<html>" + b"x" * SIZE}, TextInBadResultError),
    ({"code": 500}, TextInServerError),
    ({"code": 30203}, TextInServerError),
]


def done(**script: Any) -> JobScript:
    return JobScript(states=["completed"], **({"result_bytes": SIZE} | script))


@pytest.mark.parametrize(("fault", "error"), FAULTS, ids=readable)
def test_what_is_no_whole_result_is_never_stored(
    hook: TextInHook, textin: TextInServer, tmp_path: Path, fault: dict[str, Any], error: type[TextInError]
) -> None:
    job_id = textin.add_job(done())
    path = tmp_path / "r.json"
    path.write_text("old")
    textin.fault("result", ScriptedFault(**fault), times=None)

    with pytest.raises(error, match=job_id) as caught:
        hook.download_xparse_result(job_id, str(path))

    assert error in (TextInError, type(caught.value))
    assert caught.value.kind.is_transient
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]
    assert path.read_text() == "old"
    assert textin.count("result") == 4


@pytest.mark.parametrize(("fault", "error"), FAULTS, ids=readable)
def test_a_download_that_went_wrong_is_tried_again(
    hook: TextInHook, textin: TextInServer, tmp_path: Path, fault: dict[str, Any], error: type[TextInError]
) -> None:
    job_id = textin.add_job(done())
    textin.fault("result", ScriptedFault(**fault), times=2)

    assert hook.download_xparse_result(job_id, str(tmp_path / "r.json"))["size_bytes"] == SIZE
    assert (textin.count("result"), textin.count("status")) == (3, 3)


def test_a_body_that_stalls_is_given_up_and_tried_again(
    connect: Connect, textin: TextInServer, tmp_path: Path
) -> None:
    job_id = textin.add_job(done())
    textin.fault("result", ScriptedFault(bytes_per_second=0.5))
    textin.fault("result", ScriptedFault(delay=5))

    manifest = connect({"timeout": 0.3}).download_xparse_result(job_id, str(tmp_path / "r.json"))

    assert manifest["size_bytes"] == SIZE
    assert textin.count("result") == 3


def test_a_permanent_code_at_the_result_is_told_at_once(
    hook: TextInHook, textin: TextInServer, tmp_path: Path, pauses: Pauses
) -> None:
    job_id = textin.add_job(done())
    textin.fault("result", ScriptedFault(code=40102), times=None)

    with pytest.raises(TextInAuthenticationError):
        hook.download_xparse_result(job_id, str(tmp_path / "r.json"))

    assert (textin.count("result"), pauses, list(tmp_path.iterdir())) == (1, [], [])


def test_an_address_that_has_expired_is_asked_for_anew(
    hook: TextInHook, textin: TextInServer, tmp_path: Path
) -> None:
    job_id = textin.add_job(done(result_token_downloads=1))
    textin.fault("result", ScriptedFault(truncate=100))

    assert hook.download_xparse_result(job_id, str(tmp_path / "r.json"))["size_bytes"] == SIZE
    assert len({request.path for request in textin.requests if request.endpoint == "result"}) == 2


def test_a_failed_job_is_told_with_textins_reason(
    hook: TextInHook, textin: TextInServer, tmp_path: Path
) -> None:
    job_id = textin.add_job(JobScript(states=["failed"], message="page 3 is blank"))

    with pytest.raises(TextInJobFailedError, match=f"{job_id}.*page 3 is blank"):
        hook.download_xparse_result(job_id, str(tmp_path / "r.json"))

    assert (textin.count("status"), textin.count("result"), list(tmp_path.iterdir())) == (1, 0, [])


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (JobScript(states=["in_progress"]), "'in_progress'.*XParseJobSensor"),
        (JobScript(states=["suspended"]), "'suspended'"),
        (JobScript(states=["completed"], result_url=None, result_bytes=SIZE), "without a result_url"),
    ],
    ids=["not finished", "unknown", "no address"],
)
def test_a_job_without_a_result_is_told(
    hook: TextInHook, textin: TextInServer, tmp_path: Path, script: JobScript, words: str
) -> None:
    job_id = textin.add_job(script)

    with pytest.raises(TextInBadResultError, match=words):
        hook.download_xparse_result(job_id, str(tmp_path / "r.json"))

    assert list(tmp_path.iterdir()) == []


def test_a_job_that_is_not_known_or_cannot_be_is_told(
    hook: TextInHook, textin: TextInServer, tmp_path: Path
) -> None:
    with pytest.raises(TextInRequestError, match="Job not found"):
        hook.download_xparse_result("c020", str(tmp_path / "r.json"))
    with pytest.raises(TextInRequestError, match="job_id="):
        hook.download_xparse_result("../r", f"{tmp_path}/")

    assert (textin.count("*"), list(tmp_path.iterdir())) == (1, [])


@pytest.mark.parametrize("cut", ["compressed", "close"])
def test_a_cut_that_only_the_content_shows_is_found(
    connect: Connect, textin: TextInServer, foreign: Foreign, tmp_path: Path, cut: str
) -> None:
    whole = json.dumps({"elements": [{"text": f"}} {number}"} for number in range(50_000)]}).encode()
    half = whole[: whole.index(b"}, {", len(whole) // 2) + 1]
    if cut == "compressed":
        foreign.body, foreign.headers = gzip.compress(whole)[:-5000], {"Content-Encoding": "gzip"}
    else:
        foreign.body, foreign.headers = half, {"Content-Length": "", "Connection": "close"}
    job_id = textin.add_job(done(result_url=f"{foreign.url}/r"))

    with pytest.raises(TextInError):
        connect({"result_hosts": foreign.url}).download_xparse_result(job_id, str(tmp_path / "r.json"))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [200, 404, 503])
def test_no_log_and_no_error_shows_a_signature(
    connect: Connect,
    textin: TextInServer,
    foreign: Foreign,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    foreign.status, foreign.body = status, b"<html>"
    job_id = textin.add_job(done(result_url=f"{foreign.url}/r?sig=hush"))
    caplog.set_level(logging.INFO)

    with pytest.raises(TextInError) as caught:
        connect({"result_hosts": foreign.url}).download_xparse_result(job_id, str(tmp_path / "r.json"))

    assert "hush" not in str(caught.value)
    assert "hush" not in caplog.text


@pytest.mark.parametrize("fault", [{"http_status": 429, "body": b""}, {"code": 40306}], ids=["HTTP", "code"])
def test_a_limit_on_the_download_pauses_the_credential_before_the_next_try(
    hook: TextInHook, textin: TextInServer, tmp_path: Path, pauses: Pauses, fault: dict[str, Any]
) -> None:
    textin.fault("result", ScriptedFault(**fault, headers={"Retry-After": "9"}), times=1)

    hook.download_xparse_result(textin.add_job(done()), str(tmp_path / "r.json"))
    assert sum(pauses) == pytest.approx(9, abs=1) if "http_status" in fault else max(pauses) >= 1
