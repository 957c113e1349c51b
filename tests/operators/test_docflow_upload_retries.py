"""Durable uploads as tasks of real DAG runs: retries and mapped instances upload each file once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowTaskTimeout

from tests.operators.uploads import NOWHERE, accepted, invoices, once
from tests.running import AIRFLOW_2, new_dag, run_dag
from textin_provider.operators.docflow import DocFlowUploadOperator
from textin_provider.testing import FileScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("airflow_db")

NO_FAULT = ScriptedFault()


def upload(task_id: str = "upload", **arguments: Any) -> DocFlowUploadOperator:
    return DocFlowUploadOperator(task_id=task_id, **arguments)


def ended(instances: dict[Any, Any]) -> dict[Any, tuple[str, int]]:
    return {key: (str(ti.state), ti.try_number) for key, ti in instances.items()}


@pytest.mark.parametrize("kind", ["files", "urls"])
def test_a_retry_sends_the_rest(textin: TextInServer, tmp_path: Path, kind: str) -> None:
    sources = invoices(tmp_path, 25) if kind == "files" else [f"{NOWHERE}/{n}.pdf" for n in range(25)]
    textin.fault("upload", NO_FAULT)
    textin.fault("upload", ScriptedFault(code=500))
    with new_dag(f"docflow_rest_of_{kind}") as dag:
        upload(files=sources) if kind == "files" else upload(urls=sources)

    [ti] = run_dag(dag, tmp_path / "dags").values()

    assert (str(ti.state), ti.try_number) == ("success", 2)
    assert accepted(textin) == once(sources)
    value = ti.xcom_pull(task_ids="upload")
    assert [file["file_id"] for file in value["files"]] == list(textin.files)


def test_a_timeout_of_airflow_while_the_response_trickles_in_bills_nothing_twice(
    textin: TextInServer, tmp_path: Path
) -> None:
    files = invoices(tmp_path, 2)
    textin.fault("upload", ScriptedFault(bytes_per_second=10.0))
    with new_dag("docflow_execution_timeout") as dag:
        upload(files=files, execution_timeout=timedelta(seconds=2))

    if AIRFLOW_2:  # whose `dag.test()` ends with it
        with pytest.raises(AirflowTaskTimeout):
            run_dag(dag, tmp_path / "dags")
    else:
        [ti] = run_dag(dag, tmp_path / "dags").values()
        assert (str(ti.state), ti.try_number) == ("success", 2)
        assert textin.count("upload") == 1
    assert accepted(textin) == once(files)


def test_a_response_that_names_fewer_files_is_completed_by_a_retry(
    textin: TextInServer, tmp_path: Path
) -> None:
    files = invoices(tmp_path, 12)
    for number in range(10):
        textin.script_file(FileScript(accepted=number != 4))
    with new_dag("docflow_fewer_named") as dag:
        upload(files=files)

    [ti] = run_dag(dag, tmp_path / "dags").values()

    assert (str(ti.state), ti.try_number) == ("success", 2)
    assert accepted(textin) == once(files)
    names = [file["name"] for file in ti.xcom_pull(task_ids="upload")["files"]]
    assert names == [f"invoice {number}.txt" for number in range(12)]


def test_mapped_instances_have_a_batch_each_also_for_the_same_files(
    textin: TextInServer, tmp_path: Path
) -> None:
    first, second = invoices(tmp_path / "a", 2), invoices(tmp_path / "b", 2)
    textin.fault("upload", ScriptedFault(cut="before_answer", accept=True))
    textin.fault("upload", ScriptedFault(code=500))
    with new_dag("docflow_mapped_uploads") as dag:
        DocFlowUploadOperator.partial(task_id="upload").expand(files=[first, second, second])

    instances = run_dag(dag, tmp_path / "dags")

    assert {state for state, _ in ended(instances).values()} == {"success"}
    values = [instances["upload", n].xcom_pull(task_ids="upload", map_indexes=n) for n in range(3)]
    assert len({value["batch_number"] for value in values}) == 3
    ids = [file["file_id"] for value in values for file in value["files"]]
    assert sorted(ids) == sorted(textin.files)
    assert len(ids) == 6


def test_two_tasks_share_a_batch_of_ones_own_number(textin: TextInServer, tmp_path: Path) -> None:
    first, second = invoices(tmp_path, 12), invoices(tmp_path, 12, start=12)

    def fault(context: Any) -> None:
        if context["ti"].try_number == 1:
            textin.fault("upload", NO_FAULT)
            textin.fault("upload", ScriptedFault(code=500))

    with new_dag("docflow_shared_batch") as dag:
        one = upload("one", files=first, batch_number="{{ run_id }}", pre_execute=fault)
        other = upload("other", files=second, batch_number="{{ run_id }}", pre_execute=fault)
        one >> other

    instances = run_dag(dag, tmp_path / "dags")

    assert {state for state, _ in ended(instances).values()} == {"success"}
    assert accepted(textin) == once(first + second)
    assert len({file.batch_number for file in textin.files.values()}) == 1
    for task_id in ("one", "other"):
        assert len(instances[task_id, -1].xcom_pull(task_ids=task_id)["files"]) == 12


def test_files_that_change_between_two_tries_are_another_batch(textin: TextInServer, tmp_path: Path) -> None:
    files = invoices(tmp_path, 2)
    textin.fault("upload", ScriptedFault(code=500))

    def change(context: Any) -> None:
        if context["ti"].try_number == 2:
            (tmp_path / "invoice 1.txt").write_text("Invoice number: 2026-2\n")

    with new_dag("docflow_changed_files") as dag:
        upload(files=files, pre_execute=change)

    [ti] = run_dag(dag, tmp_path / "dags").values()

    assert (str(ti.state), ti.try_number) == ("success", 2)
    numbers = {
        dict(p.partition("=")[::2] for p in r.query.split("&"))["batch_number"] for r in textin.requests
    }
    assert len(numbers) == 2
    assert {file.batch_number for file in textin.files.values()} == {
        ti.xcom_pull(task_ids="upload")["batch_number"]
    }


@pytest.mark.parametrize("durable", [True, False])
def test_values_of_native_rendering_are_taken(
    textin: TextInServer, tmp_path: Path, durable: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    files = invoices(tmp_path, 1)
    with new_dag(f"docflow_native_{durable}") as dag:
        dag.render_template_as_native_obj = True
        upload(
            files="{{ params.files }}",
            pdf_password="{{ params.password }}",
            split_flag="{{ params.split }}",
            parser_params="{{ params.parser | tojson }}",
            batch_number="{{ params.batch }}",
            params={
                "files": files,
                "password": "84213579",
                "split": "false",
                "parser": {"dpi": 144},
                "batch": "20261019",
            },
            durable=durable,
        )

    [ti] = run_dag(dag, tmp_path / "dags").values()

    assert str(ti.state) == "success"
    [file] = textin.files.values()
    options = {name: file.options[name] for name in ("parser_pdf_pwd", "split_flag", "parser_dpi")}
    assert options == {"parser_pdf_pwd": "84213579", "split_flag": False, "parser_dpi": 144}
    assert file.batch_number == "20261019"
    assert rendered(ti)["pdf_password"] == "***"
    # dag.test() prints the messages between task and supervisor, which no log of a task has.
    lines = "".join(capfd.readouterr()).splitlines()
    output = "\n".join(line for line in lines if " msg=" not in line)
    assert "84213579" not in output


@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.parametrize("password", [42, 7.5, 84213579])
def test_a_password_of_digits_that_textin_repeats_is_in_no_error(
    textin: TextInServer, tmp_path: Path, password: Any, durable: bool
) -> None:
    errors: list[BaseException] = []
    textin.fault("upload", ScriptedFault(code=400, message=f"parser_pdf_pwd: {password} is wrong"))
    with new_dag("docflow_digits") as dag:
        upload(
            files=invoices(tmp_path, 1),
            pdf_password=password,
            durable=durable,
            on_failure_callback=lambda context: errors.append(context["exception"]),
        )

    [ti] = run_dag(dag, tmp_path / "dags").values()

    assert (str(ti.state), ti.try_number) == ("failed", 1)
    [error] = errors
    assert "parser_pdf_pwd: *** is wrong" in str(error)
    # The request id is made of random digits.
    assert str(password) not in f"{error} {error!r}".replace(str(getattr(error, "request_id", "")), "")


def rendered(ti: Any) -> Any:
    """Return what Airflow shows under "Rendered Template"."""
    from airflow.models.renderedtifields import RenderedTaskInstanceFields

    return RenderedTaskInstanceFields.get_templated_fields(ti)
