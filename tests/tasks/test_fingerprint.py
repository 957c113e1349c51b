"""The fingerprint of a submit: everything that its result depends on."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from textin_provider.api.errors import ApiError
from textin_provider.tasks import job_store
from textin_provider.tasks.job_store import fingerprint

if TYPE_CHECKING:
    from pathlib import Path


def mark(**changes: Any) -> str:
    values: dict[str, Any] = {
        "file": None,
        "file_url": "https://h.example/a.pdf",
        "config": None,
        "file_conn_id": None,
        "textin_conn_id": "textin_default",
    }
    return fingerprint(**values | changes)


def test_a_fingerprint_is_a_digest_of_everything_that_the_result_depends_on(tmp_path: Path) -> None:
    known = {"document": "https://h.example/a.pdf", "config": None, "textin_conn_id": "textin_default"}
    assert mark() == hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()
    document = tmp_path / "a.pdf"
    document.write_bytes(b"one")
    marks = [
        mark(),
        mark(file_url="https://h.example/b.pdf"),
        mark(config={}),
        mark(config={"a": 1}),
        mark(textin_conn_id="other"),
        mark(file=str(document), file_url=None),
    ]
    document.write_bytes(b"two")
    marks.append(mark(file=str(document), file_url=None))
    assert len(set(marks)) == len(marks)
    assert mark(config='{"b": 2, "a": 1}') == mark(config={"a": 1, "b": 2})


@pytest.mark.parametrize(
    "given", [{"file": "a", "file_url": "https://h/a"}, {"file": None, "file_url": None}]
)
def test_a_fingerprint_needs_exactly_one_document(given: dict[str, Any]) -> None:
    with pytest.raises(ApiError, match="exactly one of file, file_url"):
        mark(**given)


def test_a_fingerprint_names_the_parameter_that_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(ApiError, match="file_url='nowhere'"):
        mark(file_url="nowhere")
    with pytest.raises(ApiError, match=r"file='/no/such\.pdf'"):
        mark(file="/no/such.pdf", file_url=None)


@pytest.mark.parametrize("file_conn_id", [None, "s3_documents"])
def test_a_fingerprint_reads_the_file_with_its_connection(
    file_conn_id: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []

    def identify(*arguments: Any) -> dict[str, Any]:
        asked.append(arguments)
        return {"mark": "1"}

    monkeypatch.setattr(job_store, "document_identity", identify)
    known = {"document": {"mark": "1"}, "config": None, "textin_conn_id": "textin_default"}
    found = mark(file="s3://bucket/a.pdf", file_url=None, file_conn_id=file_conn_id)
    assert found == hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()
    assert asked == [("file", "s3://bucket/a.pdf", file_conn_id)]
