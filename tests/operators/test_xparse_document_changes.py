"""XParseDocumentOperator: which changes of its input make the next try submit anew."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from tests.airflow_versions import attach
from tests.operators.document import (
    MODES,
    Store,
    crash_while_waiting,
    modes,
    parse,
    submitted,
)
from textin_provider.testing import JobScript, TextInServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


CHANGES: dict[str, Mapping[str, Any]] = {
    "config": {"config": {"scope": {"page_range": "1"}}},
    "connection": {"textin_conn_id": "textin_other"},
    "file": {"file": "{tmp}/renamed.md"},
    "url": {"file": None, "file_url": "{url}/health?version=2"},
}


@modes
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_input_is_submitted_anew_and_the_log_says_so(
    textin: TextInServer,
    store: Store,
    task: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    logged: Callable[[], str],
    mode: str,
    change: str,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TEXTIN_OTHER", json.dumps(textin.connection()))
    (tmp_path / "renamed.md").write_text("# 合同\n")
    textin.script(JobScript(result={"elements": []}))
    textin.script(JobScript(result={"elements": []}, states=["completed"]))
    crash_while_waiting(store, **task, **MODES[mode])
    first = store.job["job_id"]
    changed = {
        name: value.format(tmp=tmp_path, url=textin.url) if isinstance(value, str) else value
        for name, value in CHANGES[change].items()
    }

    manifest = parse(store, **{**task, **changed}, **MODES[mode]).returned()

    assert manifest["job_id"] == store.job["job_id"] != first
    assert submitted(textin) == (2, 2)
    assert f"The input has changed since xParse job {first}; submitting again." in logged()


def test_a_changed_url_is_submitted_anew_even_if_only_its_query_differs(
    textin: TextInServer, store: Store, tmp_path: Path
) -> None:
    for version in (1, 2, 2):
        textin.script(JobScript(result={"elements": []}, states=["completed"]))
        url = f"{textin.url}/health?version={version}"
        parse(store, file_url=url, output_path=f"{tmp_path}/out/").returned()
    assert submitted(textin) == (2, 2)


def test_an_edit_is_a_change_and_the_same_content_written_again_is_none(
    textin: TextInServer, store: Store, task: dict[str, Any], tmp_path: Path
) -> None:
    for content, submits in [("# 合同\n", 1), ("# 同合\n", 2), ("# 同合\n", 2)]:
        (tmp_path / "contract.md").write_text(content)
        parse(store, **task).returned()
        assert textin.count("submit") == submits


def test_what_the_result_does_not_depend_on_is_no_change(
    textin: TextInServer, store: Store, task: dict[str, Any], tmp_path: Path
) -> None:
    config = {"scope": {"page_range": "1"}, "document": {}}
    reordered = json.dumps({"document": {}, "scope": {"page_range": "1"}})
    parse(store, **task, config=config).returned()
    moved = {**task, "output_path": f"{tmp_path}/moved/"}
    parse(store, **moved, config=reordered, webhook=f"{textin.url}/hook", timeout=70).returned()
    assert submitted(textin) == (1, 1)


def test_an_object_is_known_by_its_content(textin: TextInServer, store: Store, tmp_path: Path) -> None:
    attach(protocol="memory", fs=MemoryFileSystem())
    bucket = uuid.uuid4().hex
    for content, submits in [(b"# A", 1), (b"# B", 2), (b"# B", 2)]:
        MemoryFileSystem().pipe_file(f"/{bucket}/a.md", content)
        parse(store, file=f"memory://{bucket}/a.md", output_path=f"{tmp_path}/").returned()
        assert textin.count("submit") == submits


@pytest.mark.parametrize("mark", ["ETag", "etag", "md5Hash", "checksum"])
def test_an_object_is_known_by_the_mark_that_its_storage_gives(
    textin: TextInServer, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    marks = iter(["1", "1", "2"])
    info = MemoryFileSystem.info
    attach(protocol="memory", fs=MemoryFileSystem())
    bucket = uuid.uuid4().hex
    MemoryFileSystem().pipe_file(f"/{bucket}/a.md", b"# A")
    for submits in (1, 1, 2):
        value = next(marks)
        monkeypatch.setattr(
            MemoryFileSystem,
            "info",
            lambda self, path, value=value, **others: {**info(self, path, **others), mark: value},
        )
        parse(store, file=f"memory://{bucket}/a.md", output_path=f"{tmp_path}/").returned()
        assert textin.count("submit") == submits
