"""The password of a configuration is in nothing that a task run logs or prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.running import new_context, new_dag, run_dag
from textin_provider.exceptions import TextInDocumentFailedError
from textin_provider.operators.xparse import XParseDocumentOperator, XParseSubmitOperator
from textin_provider.testing import JobScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("airflow_db")
PASSWORD = 90817263
SAID = json.dumps({"code": 40423, "message": f"password {PASSWORD} is wrong"}).encode()
FAULTS = {
    "refused": ScriptedFault(body=SAID),
    "broken off": ScriptedFault(cut="in_headers"),
    "accepted": ScriptedFault(),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_password_of_a_document_is_in_no_log(
    textin: TextInServer,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    fault: str,
) -> None:
    caplog.set_level("DEBUG")
    caplog.set_level("WARNING", logger="textin_provider.testing")  # the log of the local TextIn
    textin.fault("submit", FAULTS[fault], times=None)
    for _ in range(2):
        textin.script(JobScript(states=["failed"], message=f"password {PASSWORD} is wrong"))
    (tmp_path / "a.md").write_text("# A\n")
    arguments: dict[str, Any] = {
        "file": f"{tmp_path}/a.md",
        "config": {"document": {"password": PASSWORD}},
        "retries": 0,
    }
    with new_dag(f"xparse_password_{fault.replace(' ', '_')}") as dag:
        XParseSubmitOperator(task_id="submit", **arguments)
        XParseDocumentOperator(
            task_id="document",
            output_path=f"{tmp_path}/out/",
            poll_interval=0.05,
            deferrable=False,
            **arguments,
        )

    instances = run_dag(dag, tmp_path / "dags")

    assert str(instances["document", -1].state) == "failed"
    assert textin.count("submit") == 2
    written = _by_the_task("".join(capfd.readouterr()) + caplog.text)
    assert str(PASSWORD) not in written


def _by_the_task(output: str) -> str:
    """Leave out what Airflow 3.0 and its tasks tell each other, which `dag.test()` prints unmasked there."""
    talk = ("Sending request", "Received message from task runner")
    return "\n".join(line for line in output.splitlines() if not any(words in line for words in talk))


def test_no_error_of_a_job_repeats_a_password(textin: TextInServer, tmp_path: Path) -> None:
    textin.script(JobScript(states=["failed"], message="password 20261126 is wrong"))
    (tmp_path / "a.md").write_text("# A\n")
    operator = XParseDocumentOperator(
        task_id="parse",
        file=f"{tmp_path}/a.md",
        output_path=f"{tmp_path}/out/",
        config={"document": {"password": 20261126}},
        poll_interval=0.02,
        deferrable=False,
    )
    with pytest.raises(TextInDocumentFailedError, match=r"password \*\*\* is wrong"):
        operator.execute(new_context())
