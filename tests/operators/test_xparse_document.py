"""The operator that submits, waits and stores in one task: one try of it, in both of its modes."""

from __future__ import annotations

import hashlib
import json
import logging
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from fsspec.implementations.memory import MemoryFileSystem

from tests.airflow_versions import attach
from tests.operators.document import MODES, Store, modes, new_operator, parse
from tests.running import TaskInstance, new_context
from textin_provider.exceptions import (
    TextInConfigurationError,
    TextInRequestError,
)
from textin_provider.operators.document import XParseDocumentOperator
from textin_provider.testing import JobScript, TextInServer

if TYPE_CHECKING:
    from pathlib import Path


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
        "source": document,
        "pages": 1,
        "page_count": 1,
        "failed_pages": None,
        "exports": {},
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
        ({"timeout": timedelta(0)}, "timeout=0.0"),
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


def test_seconds_may_be_a_timedelta() -> None:
    hours, seconds = timedelta(hours=2), timedelta(seconds=30)
    operator = XParseDocumentOperator(
        task_id="parse", file="a.pdf", output_path="a.json", poll_interval=seconds, timeout=hours
    )
    assert (operator.poll_interval, operator.timeout) == (30, 7200)


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
