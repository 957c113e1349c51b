"""The operator that submits, waits and stores in one task: one try of it, in both of its modes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred
from fsspec.implementations.memory import MemoryFileSystem

from tests.airflow_versions import attach
from tests.operators.document import GATEWAY, MODES, Store, modes, new_operator, parse
from tests.running import TaskInstance, new_context, only_event, reload, says_in_time
from textin_provider.exceptions import (
    TextInAuthenticationError,
    TextInConfigurationError,
    TextInDocumentFailedError,
    TextInError,
    TextInQuotaError,
    TextInRequestError,
    TextInTimeoutError,
    TextInUncertainSubmitError,
)
from textin_provider.operators.document import XParseDocumentOperator
from textin_provider.testing import JobScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def document(tmp_path: Path) -> str:
    path = tmp_path / "contract.md"
    path.write_text("# 合同\n\n维修前必须切断电源。\n")
    return str(path)


@modes
def test_a_document_becomes_a_stored_result(
    textin: TextInServer, document: str, tmp_path: Path, mode: str
) -> None:
    outcome = parse(
        file=document, output_path=f"{tmp_path}/a.json", config={"scope": {"page_range": "1"}}, **MODES[mode]
    )

    manifest = outcome.returned()
    [(job_id, job)] = textin.jobs.items()
    content = (tmp_path / "a.json").read_bytes()
    assert manifest == {
        "job_id": job_id,
        "file_id": job.file_id,
        "output_path": f"{tmp_path}/a.json",
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    assert "维修前必须切断电源" in json.loads(content)["markdown"]
    assert job.config == {"scope": {"page_range": "1"}}
    assert outcome.xcoms == {"job_id": job_id}
    assert len(outcome.deferrals) == (mode == "deferrable")
    assert (textin.count("submit"), textin.count("result")) == (1, 1)


@modes
def test_a_url_is_parsed_as_well_and_the_webhook_called(
    textin: TextInServer, tmp_path: Path, mode: str
) -> None:
    textin.script(JobScript(result={"elements": []}, states=["in_progress", "completed"]))
    address: dict[str, Any] = {"file_url": f"{textin.url}/health?sig=1", "webhook": f"{textin.url}/hook"}
    manifest = parse(output_path=f"{tmp_path}/new/deep/", **address, **MODES[mode]).returned()
    [job] = textin.jobs.values()
    assert (job.file_url, job.webhook) == (address["file_url"], address["webhook"])
    assert manifest["output_path"] == f"{tmp_path}/new/deep/{job.job_id}.json"


@modes
def test_object_storage_at_both_ends(textin: TextInServer, mode: str) -> None:
    attach(protocol="memory", fs=MemoryFileSystem())
    bucket = uuid.uuid4().hex
    MemoryFileSystem().pipe_file(f"/{bucket}/in/a.md", b"# A\n")

    manifest = parse(
        Store(), file=f"memory://{bucket}/in/a.md", output_path=f"memory://{bucket}/out/", **MODES[mode]
    ).returned()

    assert manifest["output_path"] == f"memory://{bucket}/out/{manifest['job_id']}.json"
    assert MemoryFileSystem().find(f"/{bucket}/out") == [f"/{bucket}/out/{manifest['job_id']}.json"]


def test_the_job_id_is_known_before_the_wait_begins(
    textin: TextInServer, document: str, tmp_path: Path
) -> None:
    ti, store = TaskInstance(), Store()
    operator = new_operator(file=document, output_path=f"{tmp_path}/a.json", deferrable=True)()
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(new_context(ti=ti, task_state_store=store))
    [job_id] = textin.jobs
    assert ti.xcoms == {"job_id": job_id}
    assert store.job["job_id"] == job_id
    assert textin.count("status") == 0
    assert deferred.value.timeout is not None
    assert timedelta(seconds=600) < deferred.value.timeout <= timedelta(seconds=660)


@modes
def test_a_task_that_pushes_no_xcom_pushes_no_job_id(
    textin: TextInServer, document: str, tmp_path: Path, mode: str
) -> None:
    outcome = parse(file=document, output_path=f"{tmp_path}/", do_xcom_push=False, **MODES[mode])
    assert outcome.returned()["job_id"] in textin.jobs
    assert outcome.xcoms == {}


@modes
@pytest.mark.parametrize("store", [None, Store()], ids=["no store", "store"])
@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"file": None}, "file=None, file_url=None: none is given"),
        ({"file_url": "https://example.com/a.pdf?sig=hush"}, "file='"),
        ({"file": "/no/such/file.pdf"}, "file='/no/such/file.pdf'"),
        ({"file": None, "file_url": "ftp://example.com/a.pdf"}, "file_url='ftp://example.com/a.pdf'"),
        ({"config": "{"}, "config="),
        ({"config": [1]}, "config="),
        ({"webhook": "nowhere"}, "webhook='nowhere'"),
        ({"output_path": ""}, "output_path=''"),
        ({"output_path": "/proc/no/such/a.json"}, "output_path='/proc/no/such/a.json'"),
        ({"output_path": "nope://bucket/a.json"}, "output_path='nope://bucket/a.json'"),
        ({"poll_interval": 0}, "poll_interval=0"),
        ({"poll_interval": float("nan")}, "poll_interval=nan"),
        ({"timeout": -1}, "timeout=-1"),
        ({"timeout": float("inf")}, "timeout=inf"),
        ({"timeout": "60"}, "timeout='60'"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named_before_anything_is_sent(
    textin: TextInServer,
    document: str,
    tmp_path: Path,
    mode: str,
    store: Store | None,
    wrong: dict[str, Any],
    expected: str,
) -> None:
    options = {"file": document, "output_path": f"{tmp_path}/a.json", **MODES[mode], **wrong}
    error = parse(store, **options).raised()
    assert isinstance(error, TextInRequestError)
    assert str(error).startswith(expected)
    assert "hush" not in str(error)
    assert textin.count("*") == 0


@pytest.mark.parametrize("folder", [False, True])
def test_a_file_that_is_there_is_an_error_before_anything_is_sent_unless_it_may_be_replaced(
    textin: TextInServer, document: str, tmp_path: Path, folder: bool
) -> None:
    (tmp_path / "a.json").write_text("mine")
    options: dict[str, Any] = {"file": document, "output_path": f"{tmp_path}/{'' if folder else 'a.json'}"}

    outcome = parse(overwrite=False, **options)

    assert (tmp_path / "a.json").read_text() == "mine"
    if folder:
        assert outcome.returned()["job_id"] in textin.jobs
    else:
        assert isinstance(outcome.raised(), TextInRequestError)
        assert textin.count("*") == 0
        assert parse(**options).returned()["size_bytes"] == (tmp_path / "a.json").stat().st_size


def test_a_connection_that_is_missing_or_half_filled_is_named_before_anything_is_sent(
    textin: TextInServer, document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = textin.connection() | {"password": ""}
    monkeypatch.setenv("AIRFLOW_CONN_TEXTIN_HALF", json.dumps(half))
    for name in ("textin_half", "textin_nowhere"):
        error = parse(file=document, output_path=f"{tmp_path}/", textin_conn_id=name).raised()
        assert isinstance(error, TextInConfigurationError)
        assert name in str(error)
    assert textin.count("*") == 0


@modes
@pytest.mark.parametrize(
    ("code", "kind"),
    [(40102, TextInAuthenticationError), (40003, TextInQuotaError), (40303, TextInRequestError)],
)
def test_a_submit_that_is_refused_is_not_retried(
    textin: TextInServer, document: str, tmp_path: Path, mode: str, code: int, kind: type[TextInError]
) -> None:
    textin.fault("submit", ScriptedFault(code=code))
    error = parse(Store(), file=document, output_path=f"{tmp_path}/", **MODES[mode]).raised()
    assert isinstance(error, kind)
    assert isinstance(error, AirflowFailException)
    assert textin.count("submit") == 1


def test_a_submit_that_may_have_been_accepted_is_not_retried(
    textin: TextInServer, document: str, tmp_path: Path
) -> None:
    textin.fault("submit", ScriptedFault(cut="in_headers"))
    store = Store()
    assert isinstance(
        parse(store, file=document, output_path=f"{tmp_path}/").raised(), TextInUncertainSubmitError
    )
    assert store.values == {}


@modes
def test_a_failed_job_is_an_error_that_is_retried_and_quotes_textin(
    textin: TextInServer, document: str, tmp_path: Path, mode: str
) -> None:
    textin.script(JobScript(states=["pending", "failed"], message="文件已损坏"))
    outcome = parse(file=document, output_path=f"{tmp_path}/out/", **MODES[mode])
    error = outcome.raised()
    assert isinstance(error, TextInDocumentFailedError)
    assert not isinstance(error, AirflowFailException)
    [job_id] = textin.jobs
    assert f"xParse job {job_id} failed: 文件已损坏" in str(error)
    assert outcome.xcoms == {"job_id": job_id}
    assert list((tmp_path / "out").iterdir()) == []


@modes
def test_a_job_that_vanishes_while_it_is_waited_for_is_an_error_that_is_retried(
    textin: TextInServer, document: str, tmp_path: Path, mode: str
) -> None:
    textin.script(JobScript(status="never", vanish=2))
    error = parse(file=document, output_path=f"{tmp_path}/", **MODES[mode]).raised()
    assert isinstance(error, TextInDocumentFailedError)
    assert not isinstance(error, AirflowFailException)
    assert "A retry polls the job again" in str(error)


@modes
def test_faults_are_waited_out(textin: TextInServer, document: str, tmp_path: Path, mode: str) -> None:
    textin.fault("status", GATEWAY, times=6)
    textin.fault("status", ScriptedFault(code=40306))
    assert parse(file=document, output_path=f"{tmp_path}/", **MODES[mode]).returned()
    assert textin.count("submit") == 1


@modes
def test_wrong_credentials_end_the_wait(
    textin: TextInServer, document: str, tmp_path: Path, mode: str
) -> None:
    textin.fault("status", ScriptedFault(code=40102))
    error = parse(file=document, output_path=f"{tmp_path}/", **MODES[mode]).raised()
    assert isinstance(error, TextInAuthenticationError)


@modes
@pytest.mark.parametrize("durable", [True, False])
def test_a_wait_that_is_over_says_so_and_is_retried(
    textin: TextInServer, document: str, tmp_path: Path, mode: str, durable: bool
) -> None:
    def last_words(timeout: float) -> str:
        textin.script(JobScript(status="never", pending_seconds=0))
        options = {"timeout": timeout, "durable": durable, **MODES[mode]}
        error = parse(Store(), file=document, output_path=f"{tmp_path}/", **options).raised()
        assert isinstance(error, TextInTimeoutError)
        assert not isinstance(error, AirflowFailException)
        assert f"timeout={timeout:g}s" in str(error)
        assert ("waits for the same job" in str(error)) is durable
        assert ("submits the document again" in str(error)) is not durable
        return str(error)

    says_in_time("last status in_progress", last_words)


def test_a_retry_that_is_resumed_with_the_event_of_the_try_before_it_submits_anew(
    textin: TextInServer, document: str, tmp_path: Path
) -> None:
    textin.script(JobScript(states=["failed"]))
    make = new_operator(file=document, output_path=f"{tmp_path}/a.json", deferrable=True)
    ti = TaskInstance()
    with pytest.raises(TaskDeferred) as deferral:
        make().execute(new_context(ti=ti))
    event = asyncio.run(only_event(reload(deferral.value.trigger)))
    kwargs = {**(deferral.value.kwargs or {}), "event": event}
    with pytest.raises(TextInDocumentFailedError):
        make().resume_execution("execute_complete", kwargs, new_context(ti=ti))

    # As Airflow before 3.1.1 does.
    ti.try_number = 2
    with pytest.raises(TaskDeferred):
        make().resume_execution("execute_complete", kwargs, new_context(ti=ti))

    assert textin.submissions == 2


@pytest.mark.parametrize("reason", ["Trigger timeout", "Trigger/execution timeout"])
def test_a_deferral_that_nobody_ended_says_so_and_is_retried(reason: str) -> None:
    operator = new_operator(file="a", output_path="b", deferrable=True)()
    with pytest.raises(TextInTimeoutError, match="Is a triggerer running"):
        operator.resume_execution("__fail__", {"error": reason}, {})


@pytest.mark.parametrize("event", [None, {}, {"ending": "later"}, {"ending": "terminal", "jobs": []}])
def test_a_malformed_event_is_never_a_success(textin: TextInServer, event: Any) -> None:
    operator = new_operator(file="a", output_path="b", deferrable=True)()
    with pytest.raises(Exception) as raised:  # noqa: PT011
        operator.resume_execution("execute_complete", {"event": event}, {})
    assert not isinstance(raised.value, TextInError)
    assert textin.count("*") == 0


@modes
def test_no_log_error_xcom_trigger_or_store_tells_a_secret(
    textin: TextInServer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
) -> None:
    caplog.set_level("DEBUG")
    # The local TextIn tells in its own log what it was sent.
    monkeypatch.setattr(logging.getLogger("textin_provider.testing"), "disabled", True)
    # Airflow 3 writes what a task logs to a stream of its own choice.
    monkeypatch.setattr(XParseDocumentOperator, "log", logging.getLogger("task"))
    store = Store()
    textin.script(
        JobScript(states=["pending", "failed"], message="cannot fetch https://a.example/b?sig=hush")
    )
    outcome = parse(
        store,
        file_url=f"{textin.url}/health?sig=hush",
        config={"document": {"password": "open sesame"}},
        output_path=f"{tmp_path}/",
        **MODES[mode],
    )
    logs = caplog.text + "".join(capfd.readouterr())
    assert "TextIn accepted the document" in logs
    shown = f"{outcome.error!r}{outcome.xcoms}{store.values}{logs}"
    shown += "".join(repr(deferral.trigger.serialize()) for deferral in outcome.deferrals)
    assert [secret for secret in (textin.secret_code, "hush", "open sesame") if secret in shown] == []
    assert "cannot fetch" in str(outcome.error)


def test_the_templates_are_rendered() -> None:
    operator = XParseDocumentOperator(
        task_id="parse",
        file="s3://in/{{ job }}.pdf",
        file_url="{{ job }}1",
        output_path="s3://{{ job }}/",
        config={"document": {"password": "{{ job }}"}},
        webhook="{{ job }}2",
        file_conn_id="{{ job }}3",
        output_conn_id="{{ job }}4",
        textin_conn_id="textin_{{ job }}",
    )
    operator.render_template_fields(new_context(job="a"))
    assert [getattr(operator, name) for name in operator.template_fields] == [
        "s3://in/a.pdf",
        "a1",
        "s3://a/",
        {"document": {"password": "a"}},
        "a2",
        "a3",
        "a4",
        "textin_a",
    ]
