"""A folder of documents: results, summary, manifest, and a second run that pays nothing."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from tests.folder.folder import counts, manifest, numbered, parse, summary, write_documents
from textin_provider.testing import JobScript

if TYPE_CHECKING:
    from pathlib import Path

    from textin_provider.testing import TextInServer


def test_every_document_of_a_folder_is_stored(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", *numbered(5), "deep/er/report.md")
    value = summary(source, tmp_path / "out")
    assert counts(value) == {"found": 6, "submitted": 6, "succeeded": 6}
    assert value["manifest_path"] == str(tmp_path / "out/manifest.jsonl")
    for name in [*numbered(5), "deep/er/report.md"]:
        stored = json.loads((tmp_path / f"out/{name}.json").read_text())
        assert name in stored["markdown"]
    assert textin.submissions == 6


def test_the_manifest_says_what_became_of_each_document(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", "a.md")
    summary(source, tmp_path / "out")
    line = manifest(tmp_path / "out")["a.md"]
    content = (tmp_path / "out/a.md.json").read_bytes()
    [job] = textin.jobs.values()
    assert line["source"] == str(source / "a.md")
    assert line["status"] == "succeeded"
    assert line["output_paths"] == {"json": str(tmp_path / "out/a.md.json")}
    assert line["job_id"] == job.job_id
    assert line["size_bytes"] == len(content)
    assert line["sha256"] == hashlib.sha256(content).hexdigest()
    assert line["message"] is None
    assert line["submitted_at"] <= line["stored_at"]


@pytest.mark.parametrize("size", [None, 2_000_000])
def test_the_billed_pages_are_counted(size: int | None, textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", "a.md")
    textin.script(JobScript(result_bytes=size, wrapped=size is None))
    assert summary(source, tmp_path / "out")["pages"] == 1
    assert manifest(tmp_path / "out")["a.md"]["pages"] == 1
    assert summary(source, tmp_path / "out")["pages"] == 0


def test_max_pages_stops_sending(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", *numbered(5))
    value = summary(source, tmp_path / "out", max_pages=3)
    assert counts(value) == {"found": 5, "submitted": 3, "succeeded": 3, "left": 2}


def test_a_second_run_pays_nothing(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", *numbered(5))
    summary(source, tmp_path / "out")
    before = textin.count("*")
    assert counts(summary(source, tmp_path / "out")) == {"found": 5, "unchanged": 5}
    assert textin.count("*") == before


def test_only_new_documents_are_sent(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", *numbered(3))
    summary(source, tmp_path / "out")
    write_documents(source, "new.md")
    assert counts(summary(source, tmp_path / "out")) == {
        "found": 4,
        "unchanged": 3,
        "submitted": 1,
        "succeeded": 1,
    }


def test_waiting_is_deferred_and_goes_on(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", *numbered(3))
    textin._state.jobs.default_seconds = (0.5, 0.5)
    outcome = parse(source, tmp_path / "out", deferrable=True)
    assert counts(outcome.returned()) == {"found": 3, "submitted": 3, "succeeded": 3}
    assert outcome.deferrals
    assert textin.submissions == 3
