"""Lineage of XParseDocumentOperator where the process that stores the result did not submit the document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.airflow_versions import HookLineageCollector
from tests.operators.document import new_operator
from tests.running import AIRFLOW_2, run

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from textin_provider.operators.document import XParseDocumentOperator
    from textin_provider.testing import TextInServer


def test_the_process_that_stores_the_result_names_the_document(
    textin: TextInServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    document, result = tmp_path / "report.txt", tmp_path / "report.json"
    document.write_text("Revenue was up.\n", encoding="utf-8")
    collectors: list[Any] = []
    monkeypatch.setattr(
        "airflow.providers.common.compat.sdk.get_hook_lineage_collector",
        lambda: collectors[-1],
        raising=False,
    )
    make = new_operator(file=str(document), output_path=str(result), deferrable=True)

    def in_a_new_process() -> XParseDocumentOperator:
        collectors.append(HookLineageCollector())
        return make()

    run(in_a_new_process).returned()

    assert len(collectors) == 2
    assert inputs_of(collectors[-1]) == {document.as_uri()}


def inputs_of(collector: Any) -> set[str]:
    if AIRFLOW_2:
        return {info.dataset.uri for info in collector.collected_datasets.inputs}
    return {info.asset.uri for info in collector.collected_assets.inputs}
