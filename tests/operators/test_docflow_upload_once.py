"""Every accepted file is billed: what becomes of an upload that breaks off without ``durable``."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from tests.operators.test_docflow_upload import NOWHERE, invoices, upload
from tests.running import new_dag, run_dag
from textin_provider.exceptions import (
    TextInRateLimitError,
    TextInRequestError,
    TextInTransportError,
    TextInUncertainSubmitError,
)
from textin_provider.operators.docflow import DocFlowUploadOperator
from textin_provider.testing import ScriptedFault, TextInServer

if TYPE_CHECKING:
    from pathlib import Path

HTML = b"<html>504 Gateway Timeout</html>"
PASSWORD = "open sesame & more"
NO_FAULT = ScriptedFault()
UNCERTAIN = {
    "the connection closed in the answer": ScriptedFault(cut="in_headers"),
    "the connection reset": ScriptedFault(cut="before_answer", accept=True),
    "a gateway that gave up": ScriptedFault(
        http_status=504, body=HTML, content_type="text/html", accept=True
    ),
    "a server that failed": ScriptedFault(http_status=500, body=b"", accept=True),
    "an answer cut short": ScriptedFault(truncate=5),
    "an answer without files": ScriptedFault(body=b'{"code": 200, "result": {}}', accept=True),
    "an answer without a result": ScriptedFault(body=b'{"code": 200, "result": null}', accept=True),
}


@pytest.mark.parametrize("kind", ["files", "urls"])
@pytest.mark.parametrize("fault", UNCERTAIN.values(), ids=UNCERTAIN)
def test_an_upload_that_broke_off_is_not_repeated(
    textin: TextInServer, tmp_path: Path, fault: ScriptedFault, kind: str
) -> None:
    textin.fault("upload", fault)
    sources = invoices(tmp_path, 2) if kind == "files" else [f"{NOWHERE}/a.pdf", f"{NOWHERE}/b.pdf"]

    outcome = upload(**{kind: sources}, durable=False)

    error = outcome.raised()
    assert isinstance(error, TextInUncertainSubmitError)
    assert isinstance(error, AirflowFailException)
    assert "may have been accepted" in str(error)
    assert (textin.count("upload"), textin.uploads_accepted, outcome.xcoms) == (1, 2, {})


@pytest.mark.parametrize("fault", UNCERTAIN.values(), ids=UNCERTAIN)
def test_what_earlier_portions_had_accepted_is_pushed_when_a_later_one_breaks_off(
    textin: TextInServer, tmp_path: Path, fault: ScriptedFault
) -> None:
    textin.fault("upload", NO_FAULT, times=2)
    textin.fault("upload", fault)

    outcome = upload(files=invoices(tmp_path, 35), durable=False)

    error = outcome.raised()
    assert isinstance(error, TextInUncertainSubmitError)
    pushed = outcome.xcoms["return_value"]
    assert [file["file_id"] for file in pushed["files"]] == list(textin.files)[:20]
    assert f"20 of 35 files were accepted under batch_number={pushed['batch_number']!r}" in str(error)
    assert (textin.count("upload"), textin.uploads_accepted) == (3, 30)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        pytest.param(ScriptedFault(code=500), TextInUncertainSubmitError, id="server error"),
        pytest.param(
            ScriptedFault(http_status=503, body=HTML), TextInUncertainSubmitError, id="out of service"
        ),
        pytest.param(ScriptedFault(code=400), TextInRequestError, id="refused"),
    ],
)
def test_a_later_portion_that_fails_in_any_way_forbids_a_retry(
    textin: TextInServer, tmp_path: Path, fault: ScriptedFault, expected: type[Exception]
) -> None:
    textin.fault("upload", NO_FAULT)
    textin.fault("upload", fault, times=None)
    outcome = upload(files=invoices(tmp_path, 15), durable=False)
    error = outcome.raised()
    assert isinstance(error, expected)
    assert isinstance(error, AirflowFailException)
    assert "10 of 15 files were accepted" in str(error)
    assert len(outcome.xcoms["return_value"]["files"]) == 10
    assert textin.uploads_accepted == 10


def test_nothing_is_pushed_where_the_task_shall_push_nothing(textin: TextInServer, tmp_path: Path) -> None:
    textin.fault("upload", NO_FAULT)
    textin.fault("upload", ScriptedFault(code=400))
    assert upload(files=invoices(tmp_path, 11), do_xcom_push=False).xcoms == {}


def test_a_refused_first_portion_is_a_plain_error_that_retries_apply_to(
    textin: TextInServer, tmp_path: Path
) -> None:
    textin.fault("upload", ScriptedFault(code=429), times=None)
    error = upload(files=invoices(tmp_path, 11), rate_limit_timeout=0).raised()
    assert isinstance(error, TextInRateLimitError)
    assert not isinstance(error, AirflowFailException)
    assert textin.uploads_accepted == 0


def test_a_service_that_cannot_be_reached_is_a_plain_error_that_retries_apply_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as bound:  # bound and never listening: connections are refused
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        extra = {"docflow_host": url, "workspace_id": "1"}
        connection = {"conn_type": "textin", "login": "a", "password": "b", "host": url, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_TEXTIN_DEFAULT", json.dumps(connection))
        error = upload(files=invoices(tmp_path, 2)).raised()
    assert isinstance(error, TextInTransportError)
    assert not isinstance(error, AirflowFailException)


def test_retries_of_the_task_never_upload_twice(
    airflow_db: None, textin: TextInServer, tmp_path: Path
) -> None:
    files = invoices(tmp_path, 15)
    textin.fault("upload", ScriptedFault(cut="in_headers"))
    with new_dag("docflow_uploads_uncertain") as first:
        DocFlowUploadOperator(task_id="uncertain", files=files, durable=False)
    with new_dag("docflow_uploads_in_part") as second:
        DocFlowUploadOperator(task_id="in_part", files=files, durable=False)

    [uncertain] = run_dag(first, tmp_path / "dags").values()
    assert (str(uncertain.state), uncertain.try_number) == ("failed", 1)
    assert (textin.count("upload"), textin.uploads_accepted) == (1, 10)

    textin.fault("upload", NO_FAULT)
    textin.fault("upload", ScriptedFault(code=500))
    [in_part] = run_dag(second, tmp_path / "dags").values()
    assert (str(in_part.state), in_part.try_number) == ("failed", 1)
    assert (textin.count("upload"), textin.uploads_accepted) == (3, 20)
    pushed = in_part.xcom_pull(task_ids="in_part")
    assert [file["file_id"] for file in pushed["files"]] == list(textin.files)[10:]


def test_a_retry_that_can_help_uploads_once(airflow_db: None, textin: TextInServer, tmp_path: Path) -> None:
    textin.fault("upload", ScriptedFault(code=500))
    with new_dag("docflow_uploads_again") as dag:
        DocFlowUploadOperator(task_id="upload", files=invoices(tmp_path, 2))
    [ti] = run_dag(dag, tmp_path / "dags").values()
    assert (str(ti.state), ti.try_number, textin.uploads_accepted) == ("success", 2, 2)


def _hidden(text: str) -> list[str]:
    """Return what a text should not hold."""
    forms = (PASSWORD, "sesame", "open+sesame", "open%20sesame")
    return [form for form in forms if form in text]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(NO_FAULT, id="accepted"),
        pytest.param(ScriptedFault(cut="in_headers"), id="broken off"),
        pytest.param(ScriptedFault(code=400), id="refused"),
        pytest.param(ScriptedFault(http_status=502, body=HTML), id="a gateway"),
    ],
)
def test_the_password_of_a_document_is_in_no_log_error_or_rendered_template(
    airflow_db: None,
    textin: TextInServer,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    fault: ScriptedFault,
) -> None:
    caplog.set_level("DEBUG")
    textin.fault("upload", fault, times=None)
    with new_dag("docflow_password") as dag:
        DocFlowUploadOperator(
            task_id="upload",
            files=invoices(tmp_path, 1),
            pdf_password="open {{ params.rest }}",
            params={"rest": PASSWORD.removeprefix("open ")},
        )

    [ti] = run_dag(dag, tmp_path / "dags").values()

    assert textin.count("upload") >= 1
    assert {file.options["parser_pdf_pwd"] for file in textin.files.values()} <= {PASSWORD}
    rendered = _rendered(ti)
    assert rendered["files"]
    assert rendered["pdf_password"] == "***"
    written = json.dumps(rendered) + _by_the_task("".join(capfd.readouterr())) + caplog.text
    assert _hidden(written) == []


def _by_the_task(output: str) -> str:
    """Leave out what Airflow 3.0 and its tasks tell each other, which `dag.test()` prints unmasked there."""
    talk = ("Sending request", "Received message from task runner")
    return "\n".join(line for line in output.splitlines() if not any(words in line for words in talk))


def _rendered(ti: Any) -> Any:
    """Return what Airflow shows under "Rendered Template"."""
    from airflow.models.renderedtifields import RenderedTaskInstanceFields

    return RenderedTaskInstanceFields.get_templated_fields(ti)


@pytest.mark.parametrize("durable", [True, False])
def test_the_password_is_in_no_error_of_an_upload_alone(
    textin: TextInServer, tmp_path: Path, durable: bool
) -> None:
    textin.fault("upload", ScriptedFault(cut="before_answer"), times=None)
    error = upload(files=invoices(tmp_path, 1), pdf_password=PASSWORD, durable=durable).raised()
    assert _hidden(f"{error!r} {error} {error.__cause__!r} {error.__context__!r}") == []
