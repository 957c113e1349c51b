"""What lineage and asset events are told of documents and results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import Asset
from airflow.utils.session import create_session
from sqlalchemy import select

from tests.airflow_versions import AssetEvent, HookLineageCollector, OutletEventAccessors
from tests.operators.document import MODES, modes, new_operator
from tests.running import AIRFLOW_2, new_dag, run, run_dag
from textin_provider.hooks.textin import TextInHook
from textin_provider.operators.docflow import DocFlowDownloadResultsOperator, DocFlowUploadOperator
from textin_provider.operators.xparse import (
    XParseDocumentOperator,
    XParseDownloadResultOperator,
    XParseSubmitOperator,
)
from textin_provider.sensors.docflow import DocFlowBatchSensor
from textin_provider.sensors.xparse import XParseJobSensor
from textin_provider.testing import JobScript, TextInServer

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def lineage(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what lists the addresses that were collected, as inputs and as outputs."""
    collector: Any = HookLineageCollector()
    monkeypatch.setattr(
        "airflow.providers.common.compat.sdk.get_hook_lineage_collector", lambda: collector, raising=False
    )

    def collected() -> tuple[set[str], set[str]]:
        found = collector.collected_datasets if AIRFLOW_2 else collector.collected_assets
        name = "dataset" if AIRFLOW_2 else "asset"
        ours = [
            {getattr(info, name).uri for info in side if isinstance(info.context, TextInHook)}
            for side in (found.inputs, found.outputs)
        ]
        return ours[0], ours[1]

    return collected


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "report.txt"
    path.write_text("Revenue was up.\n", encoding="utf-8")
    return path


@modes
def test_who_stores_a_result_names_the_document_too(
    textin: TextInServer, lineage: Any, document: Path, tmp_path: Path, mode: str
) -> None:
    result = tmp_path / "out" / "report.json"
    outcome = run(new_operator(file=str(document), output_path=str(result), **MODES[mode]))

    assert outcome.returned()["output_path"] == str(result)
    assert lineage() == ({document.as_uri()}, {result.as_uri()})


def test_each_of_three_tasks_names_what_it_touches(
    textin: TextInServer, lineage: Any, document: Path, tmp_path: Path
) -> None:
    job_id = run(lambda: XParseSubmitOperator(task_id="submit", file=str(document))).returned()
    assert lineage() == ({document.as_uri()}, set())

    run(lambda: XParseJobSensor(task_id="wait", job_id=job_id, poke_interval=0.05)).returned()
    folder = f"{tmp_path}/out/"
    run(lambda: XParseDownloadResultOperator(task_id="store", job_id=[job_id], output_path=folder)).returned()
    assert lineage() == ({document.as_uri()}, {(tmp_path / "out" / f"{job_id}.json").as_uri()})


def test_an_address_is_named_without_its_signature(textin: TextInServer, lineage: Any) -> None:
    url = "https://files.example.com/a/report.pdf?sig=hush-7f3a"
    run(lambda: XParseSubmitOperator(task_id="submit", file_url=url)).returned()

    assert lineage() == ({"https://files.example.com/a/report.pdf"}, set())


def test_a_batch_names_its_files_and_where_their_results_are(
    textin: TextInServer, lineage: Any, document: Path, tmp_path: Path
) -> None:
    batch = run(lambda: DocFlowUploadOperator(task_id="upload", files=[str(document)])).returned()
    assert lineage() == ({document.as_uri()}, set())

    result = tmp_path / "out.jsonl"
    number = batch["batch_number"]
    waited = run(lambda: DocFlowBatchSensor(task_id="wait", batch_number=number, poke_interval=0.05))
    waited.returned()
    stored = run(
        lambda: DocFlowDownloadResultsOperator(task_id="store", batch_number=number, output_path=str(result))
    )
    stored.returned()
    assert lineage() == ({document.as_uri()}, {result.as_uri()})


def test_lineage_that_cannot_be_told_costs_nothing(
    textin: TextInServer, monkeypatch: pytest.MonkeyPatch, document: Path
) -> None:
    class Broken(HookLineageCollector):
        def create_asset(self, **kwargs: Any) -> Any:
            raise ValueError("no such scheme")

        create_dataset = create_asset

    new_collector: Any = Broken
    broken = new_collector()
    monkeypatch.setattr(
        "airflow.providers.common.compat.sdk.get_hook_lineage_collector", lambda: broken, raising=False
    )
    assert run(lambda: XParseSubmitOperator(task_id="submit", file=str(document))).returned()


@pytest.mark.skipif(AIRFLOW_2, reason="dag.test() of Airflow 2 registers no events")
def test_the_stored_event_of_an_asset_carries_the_manifest(
    textin: TextInServer, document: Path, tmp_path: Path, airflow_db: None
) -> None:
    asset = Asset("s3://parsed/report.json")
    result = str(tmp_path / "report.json")
    with new_dag("document_with_an_outlet") as dag:
        XParseDocumentOperator(
            task_id="parse", file=str(document), output_path=result, poll_interval=0.05, outlets=[asset]
        )
    [parsed] = run_dag(dag, tmp_path).values()

    assert parsed.state == "success"
    with create_session() as session:
        extra: Any = session.scalar(select(AssetEvent.extra).where(AssetEvent.source_task_id == "parse"))
    assert {**extra, "sha256": len(extra["sha256"])} == {
        "job_id": next(iter(textin.jobs)),
        "file_id": extra["file_id"],
        "output_path": result,
        "size_bytes": (tmp_path / "report.json").stat().st_size,
        "sha256": 64,
        "source": str(document),
        "pages": 1,
        "page_count": 1,
        "failed_pages": None,
        "exports": {},
    }


@modes
def test_the_event_of_an_asset_carries_the_manifest(
    textin: TextInServer, document: Path, tmp_path: Path, mode: str
) -> None:
    asset, events = Asset("s3://parsed/report.json"), OutletEventAccessors()
    place = {"file": str(document), "output_path": f"{tmp_path}/out/", "outlets": [asset]}
    manifest = run(new_operator(**place, **MODES[mode]), outlet_events=events).returned()

    assert events[asset].extra == manifest
    facts = {"source", "pages", "page_count", "failed_pages", "exports"}
    assert set(manifest) == {"job_id", "file_id", "output_path", "size_bytes", "sha256"} | facts


def test_the_event_of_many_results_carries_their_sum(textin: TextInServer, tmp_path: Path) -> None:
    asset, events = Asset("s3://parsed/reports"), OutletEventAccessors()
    jobs = [textin.add_job(JobScript(states=["completed"])) for _ in range(3)]
    manifests = run(
        lambda: XParseDownloadResultOperator(
            task_id="store", job_id=jobs, output_path=f"{tmp_path}/out/", outlets=[asset]
        ),
        outlet_events=events,
    ).returned()

    size = sum(manifest["size_bytes"] for manifest in manifests)
    assert events[asset].extra == {"results": 3, "size_bytes": size}
