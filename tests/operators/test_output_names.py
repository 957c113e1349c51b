"""Names of results: placeholders in `output_path`, and mapped tasks that would all write one file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.operators.document import modes, parse
from tests.running import new_dag, run, run_dag
from textin_provider.exceptions import TextInRequestError
from textin_provider.hooks.output_names import named
from textin_provider.operators.xparse import XParseDocumentOperator, XParseDownloadResultOperator
from textin_provider.testing import JobScript

if TYPE_CHECKING:
    from textin_provider.testing import TextInServer

JOB = "c020"


@pytest.mark.parametrize(
    ("document", "name", "stem"),
    [
        ("/in/report.pdf", "report.pdf", "report"),
        ("/in/a.tar.gz", "a.tar.gz", "a.tar"),
        ("s3://conn@bucket/2026/合同 1#?%20.pdf", "合同 1#?%20.pdf", "合同 1#?%20"),
        (Path("/in/README"), "README", "README"),
        ("/in/.hidden", ".hidden", ".hidden"),
        ("https://example.com/d/in%20voice.pdf?sig=/a/b#c", "in voice.pdf", "in voice"),
        ("HTTPS://example.com/%2e%2e", JOB, JOB),
        ("https://example.com/d/%2E%2E%2Fetc%2Fpasswd", "passwd", "passwd"),
        ("https://example.com/", JOB, JOB),
        ("https://example.com", JOB, JOB),
        ("/in/..", JOB, JOB),
        ("/in/. .", JOB, JOB),
    ],
    ids=str,
)
def test_the_name_is_the_last_part_of_the_document(document: Any, name: str, stem: str) -> None:
    assert named("/out/{name}.json", JOB, document) == f"/out/{name}.json"
    assert named("/out/{stem}.json", JOB, document) == f"/out/{stem}.json"
    assert named("/{job_id}/{stem}/{name}", JOB, document) == f"/{JOB}/{stem}/{name}"


def test_a_placeholder_in_the_name_of_a_document_stays() -> None:
    assert named("/out/{name}", JOB, "/in/{job_id}.pdf") == "/out/{job_id}.pdf"


@pytest.mark.parametrize(
    "path", ["/out/a.json", "/out/{other}.json", "/out/{ stem }", "/out/{STEM}", "/o/{}"]
)
def test_other_braces_are_part_of_the_path(path: str) -> None:
    assert named(path, JOB, "/in/a.pdf") == path
    assert named(Path(path), JOB) == Path(path)


def test_a_path_stays_a_path() -> None:
    assert named(Path("/out/{job_id}.json"), JOB) == Path("/out/c020.json")


@pytest.mark.parametrize("placeholder", ["{name}", "{stem}"])
def test_without_a_document_its_name_is_an_error(placeholder: str) -> None:
    with pytest.raises(TextInRequestError, match=r"output_path='/out/\{.*not known.*Use \{job_id\}"):
        named(f"/out/{placeholder}", JOB)


@modes
def test_a_result_is_named_after_its_document(
    textin: TextInServer, document: str, tmp_path: Path, mode: str
) -> None:
    manifest = parse(
        file=document, output_path=f"{tmp_path}/out/{{stem}}.json", deferrable=mode == "deferrable"
    ).returned()
    assert manifest["output_path"] == f"{tmp_path}/out/contract.json"
    assert json.loads((tmp_path / "out" / "contract.json").read_text())["elements"]


def test_results_of_a_list_may_be_named_after_their_jobs(textin: TextInServer, tmp_path: Path) -> None:
    jobs = [textin.add_job(JobScript(pending_seconds=0, processing_seconds=0)) for _ in range(3)]
    output = f"{tmp_path}/xparse-{{job_id}}.json"
    manifests = run(
        lambda: XParseDownloadResultOperator(task_id="download", job_id=jobs, output_path=output)
    ).returned()
    assert [manifest["output_path"] for manifest in manifests] == [
        f"{tmp_path}/xparse-{job}.json" for job in jobs
    ]


def _mapped(tmp_path: Path, dag_id: str, output: Any) -> dict[Any, Any]:
    documents = []
    for number in range(2):
        (tmp_path / f"{number}.md").write_text(f"# {number}\n")
        documents.append(str(tmp_path / f"{number}.md"))
    with new_dag(dag_id) as dag:
        task = XParseDocumentOperator.partial(task_id="parse", poll_interval=0.05, **output)
        task.expand(file=documents)
    return run_dag(dag, tmp_path / "dags")


@pytest.mark.usefixtures("airflow_db")
def test_mapped_tasks_that_would_write_one_file_pay_nothing(textin: TextInServer, tmp_path: Path) -> None:
    instances = _mapped(tmp_path, "mapped_to_one_file", {"output_path": f"{tmp_path}/out/result.json"})
    assert {str(ti.state) for ti in instances.values()} == {"failed"}
    assert {ti.try_number for ti in instances.values()} == {1}
    assert textin.submissions == 0


@pytest.mark.usefixtures("airflow_db")
@pytest.mark.parametrize("name", ["", "{stem}.json", "{job_id}", "{{ ti.map_index }}.json"])
def test_mapped_tasks_with_names_of_their_own_run(textin: TextInServer, tmp_path: Path, name: str) -> None:
    dag_id = f"mapped_names_{abs(hash(name))}"
    instances = _mapped(tmp_path, dag_id, {"output_path": f"{tmp_path}/out/{name}"})
    assert {str(ti.state) for ti in instances.values()} == {"success"}
    assert len(list((tmp_path / "out").iterdir())) == 2


@pytest.mark.usefixtures("airflow_db")
def test_a_path_for_each_mapped_task_is_not_one_file(textin: TextInServer, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A\n")
    with new_dag("mapped_paths") as dag:
        XParseDocumentOperator.partial(
            task_id="parse", poll_interval=0.05, file=str(tmp_path / "a.md")
        ).expand(output_path=[f"{tmp_path}/out/{number}.json" for number in range(2)])
    instances = run_dag(dag, tmp_path / "dags")
    assert {str(ti.state) for ti in instances.values()} == {"success"}
