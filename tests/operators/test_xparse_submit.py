"""The operator that submits one document to xParse."""

from __future__ import annotations

import hashlib
import json
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from tests.running import new_context, run
from textin_provider.exceptions import (
    TextInAuthenticationError,
    TextInConfigurationError,
    TextInQuotaError,
    TextInRateLimitError,
    TextInRequestError,
    TextInTransportError,
    TextInUncertainSubmitError,
)
from textin_provider.operators.xparse import XParseSubmitOperator
from textin_provider.testing import Job, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.running import Outcome

TEXT = "# Pump P-200\n\n维修前必须切断电源。\n"
CONFIG = {"scope": {"page_range": "1"}, "document": {"password": "open sesame"}}


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "Pumpe ü 泵.md"
    path.write_text(TEXT)
    return path


def _submit(**arguments: Any) -> Outcome:
    return run(lambda: XParseSubmitOperator(task_id="submit", **arguments))


def _job(textin: TextInServer, outcome: Outcome) -> Job:
    return textin.jobs[outcome.returned()]


def test_a_file_arrives_whole_and_the_job_id_is_returned(textin: TextInServer, document: Path) -> None:
    job = _job(textin, _submit(file=str(document)))
    assert (job.filename, job.sha256) == (document.name, hashlib.sha256(TEXT.encode()).hexdigest())
    assert textin.submissions == 1


def test_a_file_may_be_named_by_a_url(textin: TextInServer, tmp_path: Path) -> None:
    (tmp_path / "pump.md").write_text(TEXT)
    job = _job(textin, _submit(file=f"file://{tmp_path}/pump.md"))
    assert (job.filename, job.size) == ("pump.md", len(TEXT.encode()))


def test_a_file_url_is_handed_on(textin: TextInServer) -> None:
    job = _job(textin, _submit(file_url="https://example.com/pump.pdf?version=2"))
    assert job.file_url == "https://example.com/pump.pdf?version=2"


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(CONFIG, id="a dict"),
        pytest.param(json.dumps(CONFIG), id="JSON text"),
        pytest.param({}, id="an empty dict"),
    ],
)
def test_the_configuration_arrives_as_json(textin: TextInServer, document: Path, config: Any) -> None:
    job = _job(textin, _submit(file=str(document), config=config))
    assert job.config == (config if isinstance(config, dict) else json.loads(config))
    assert job.config_content_type == "application/json"


def test_a_webhook_is_handed_on(textin: TextInServer, document: Path) -> None:
    job = _job(textin, _submit(file=str(document), webhook="https://example.com/done"))
    assert job.webhook == "https://example.com/done"


def test_every_argument_is_a_template(textin: TextInServer) -> None:
    arguments: dict[str, Any] = {
        "file": "{{ folder }}/pump.md",
        "file_url": "https://{{ folder }}/pump.md",
        "config": {"scope": {"page_range": "{{ pages }}"}},
        "webhook": "https://{{ folder }}/done",
        "file_conn_id": "{{ folder }}_files",
        "textin_conn_id": "textin_{{ folder }}",
    }
    operator = XParseSubmitOperator(task_id="submit", **arguments)
    operator.render_template_fields(new_context(folder="berlin", pages="1-3"))
    assert {name: getattr(operator, name) for name in arguments} == {
        "file": "berlin/pump.md",
        "file_url": "https://berlin/pump.md",
        "config": {"scope": {"page_range": "1-3"}},
        "webhook": "https://berlin/done",
        "file_conn_id": "berlin_files",
        "textin_conn_id": "textin_berlin",
    }
    assert operator.hook.textin_conn_id == "textin_berlin"


BAD_INPUT = {
    "nothing": ({}, "file=None, file_url=None: none is given"),
    "two documents": (
        {"file": "a.md", "file_url": "https://example.com/a.md"},
        "file='a.md', file_url='https://example.com/a",
    ),
    "a file that is not there": ({"file": "/no/such.md"}, "file='/no/such.md': it does not exist"),
    "a folder": ({"file": "/"}, "file='/': "),
    "an empty path": ({"file": " "}, "file=' ': it is empty"),
    "a scheme nobody opens": (
        {"file": "nope://bucket/a.md"},
        "file='nope://bucket/a.md': Airflow cannot open it",
    ),
    "a URL that is none": ({"file_url": "example.com/a.md"}, "file_url='example.com/a.md': "),
    "a webhook that is none": (
        {"file_url": "https://example.com/a.md", "webhook": "done"},
        "webhook='done': it is not such a URL",
    ),
    "a configuration that is no JSON": (
        {"file_url": "https://example.com/a.md", "config": "{not json"},
        "config='...': it is not valid JSON",
    ),
    "a configuration that is a list": (
        {"file_url": "https://example.com/a.md", "config": "[1]"},
        "config='...': it is a list",
    ),
}


@pytest.mark.parametrize(("arguments", "message"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_fails_without_retry_before_anything_is_sent(
    textin: TextInServer, arguments: dict[str, Any], message: str
) -> None:
    error = _submit(**arguments).raised()
    assert isinstance(error, TextInRequestError)
    assert isinstance(error, AirflowFailException)
    assert str(error).startswith(message)
    assert textin.count("*") == 0


def test_an_empty_file_is_refused_before_it_is_sent(textin: TextInServer, tmp_path: Path) -> None:
    (tmp_path / "empty.pdf").touch()
    error = _submit(file=str(tmp_path / "empty.pdf")).raised()
    assert str(error).startswith("file='empty.pdf': it is empty")
    assert textin.count("*") == 0


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        pytest.param(ScriptedFault(code=40101), TextInAuthenticationError, id="no credentials"),
        pytest.param(ScriptedFault(code=40102), TextInAuthenticationError, id="wrong credentials"),
        pytest.param(ScriptedFault(code=40003), TextInQuotaError, id="no balance"),
        pytest.param(ScriptedFault(code=40303), TextInRequestError, id="unsupported type"),
        pytest.param(ScriptedFault(code=40422), TextInRequestError, id="corrupted"),
    ],
)
def test_a_refusal_fails_at_once_and_without_retry(
    textin: TextInServer, document: Path, fault: ScriptedFault, expected: type[Exception]
) -> None:
    textin.fault("submit", fault, times=None)
    error = _submit(file=str(document)).raised()
    assert isinstance(error, expected)
    assert isinstance(error, AirflowFailException)
    assert document.name in str(error)
    assert (textin.count("submit"), textin.submissions) == (1, 0)


def test_a_missing_connection_is_named(textin: TextInServer, document: Path, airflow_db: None) -> None:
    error = _submit(file=str(document), textin_conn_id="textin_elsewhere").raised()
    assert isinstance(error, TextInConfigurationError)
    assert "textin_elsewhere" in str(error)


UNCERTAIN = {
    "the connection closed in the answer": ScriptedFault(cut="in_headers"),
    "the connection reset": ScriptedFault(cut="before_answer", accept=True),
    "a gateway that gave up": ScriptedFault(
        http_status=504, body=b"<html>", content_type="text/html", accept=True
    ),
    "a server that failed": ScriptedFault(http_status=500, body=b"", accept=True),
    "an answer cut short": ScriptedFault(truncate=5),
    "an answer without a job id": ScriptedFault(body=b'{"code": 200, "data": {}}', accept=True),
}


@pytest.mark.parametrize("fault", UNCERTAIN.values(), ids=UNCERTAIN)
def test_a_submit_that_broke_off_is_not_repeated(
    textin: TextInServer, document: Path, fault: ScriptedFault
) -> None:
    textin.fault("submit", fault)
    error = _submit(file=str(document)).raised()
    assert isinstance(error, TextInUncertainSubmitError)
    assert isinstance(error, AirflowFailException)
    assert "may have been accepted" in str(error)
    assert (textin.count("submit"), textin.submissions) == (1, 1)


def test_a_rate_limit_is_a_plain_error_that_retries_apply_to(textin: TextInServer, document: Path) -> None:
    textin.fault("submit", ScriptedFault(code=40306), times=None)
    error = _submit(file=str(document), rate_limit_timeout=0).raised()
    assert isinstance(error, TextInRateLimitError)
    assert not isinstance(error, AirflowFailException)
    assert textin.submissions == 0


def test_a_service_that_cannot_be_reached_is_a_plain_error_that_retries_apply_to(
    document: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as bound:  # bound and never listening: connections are refused
        bound.bind(("127.0.0.1", 0))
        connection = {"conn_type": "textin", "login": "a", "password": "b"}
        connection["host"] = f"http://127.0.0.1:{bound.getsockname()[1]}"
        monkeypatch.setenv("AIRFLOW_CONN_TEXTIN_DEFAULT", json.dumps(connection))
        error = _submit(file=str(document)).raised()
    assert isinstance(error, TextInTransportError)
    assert not isinstance(error, AirflowFailException)


def test_a_service_that_comes_up_late_gets_the_document_once(
    document: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = TextInServer(port=_free_port())
    with server:
        monkeypatch.setenv("AIRFLOW_CONN_TEXTIN_DEFAULT", json.dumps(server.connection()))
    pauses = []

    def come_up(seconds: float) -> None:
        pauses.append(seconds)
        server.start()

    monkeypatch.setattr(time, "sleep", come_up)
    try:
        assert _submit(file=str(document)).returned() in server.jobs
    finally:
        server.stop()
    assert (len(pauses), server.submissions) == (1, 1)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def test_neither_error_nor_log_tells_a_secret(
    textin: TextInServer, document: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    textin.fault("submit", ScriptedFault(cut="in_headers"))
    outcome = _submit(file=str(document), config=CONFIG)
    shown = repr(outcome.raised()) + caplog.text + "".join(capfd.readouterr())
    assert [secret for secret in (textin.secret_code, "open sesame", "切断电源") if secret in shown] == []
