"""The main workflows of the vendor's clients against the local TextIn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.testing.small_pdf import Page, small_pdf

if TYPE_CHECKING:
    from pathlib import Path

    from tests.vendors.conftest import RunProgram
    from textin_provider.testing import TextInServer

TEXTS = [
    "A Heading", "First line of a paragraph second line of it.", "Another paragraph.", "Page two.",
    "Page three.",
]  # fmt: skip
INVOICE: list[Page] = [[("Invoice No: 0042", 12, 72, 720), ("Total: 12.50", 12, 72, 660)]]


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "年报.pdf"
    path.write_bytes(small_pdf())
    return path


def test_xparse_client_parses_at_once_and_as_a_job(
    textin: TextInServer, run_program: RunProgram, document: Path
) -> None:
    printed = run_program("parse_with_client.py", document)
    assert printed["plain"] == printed["default"] == TEXTS
    assert printed["chosen"] == TEXTS[3:]
    assert (printed["pages"], printed["success_count"]) == ([2, 3], 2)
    assert (printed["schema_version"], printed["status"]) == ("1.3.0", "completed")
    assert printed["result_url"].startswith(textin.url)
    assert (textin.count("sync"), textin.count("submit"), textin.submissions) == (3, 1, 4)
    assert {job.filename for job in textin.jobs.values()} == {"年报.pdf"}


def test_langchain_xparse_loads_elements_as_documents(
    textin: TextInServer, run_program: RunProgram, document: Path
) -> None:
    printed = run_program("load_with_langchain.py", document)
    assert printed["texts"] == TEXTS
    assert printed["awaited"] == TEXTS[:3]
    assert printed["several"] == [1] * 6
    metadata = printed["metadata"]
    assert (metadata["category"], metadata["page_number"], metadata["filename"]) == ("Title", 1, "年报.pdf")
    assert textin.count("sync") == textin.count("*") == 4


def test_docflow_sdk_runs_a_batch(textin: TextInServer, run_program: RunProgram, tmp_path: Path) -> None:
    path = tmp_path / "invoice.pdf"
    path.write_bytes(small_pdf(INVOICE))
    printed = run_program("run_docflow.py", path)
    assert printed["workspace"] == [textin.workspace_id, textin.workspace_id]
    assert (printed["batch_number"], printed["names"]) == ("B1", ["invoice.pdf"])
    assert printed["values"] == [{"Invoice No": "0042", "Total": "12.50"}]
    assert (printed["statuses"], printed["every"], printed["deleted"]) == ([1], [True], 1)
    assert (textin.uploads_accepted, textin.count("retry"), len(textin.files)) == (1, 1, 0)
    assert {request.code for request in textin.requests} == {200}
