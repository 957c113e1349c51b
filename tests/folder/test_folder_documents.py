"""Which documents a source holds, which of them are new, and the names of their results."""

from __future__ import annotations

import json
import os
import shutil
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from tests.folder.folder import counts, manifest, numbered, parse, summary, write_documents
from textin_provider.tasks.folder import actions
from textin_provider.tasks.folder.sources import SourceDocument, is_unchanged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textin_provider.testing import TextInServer


def test_twins_within_a_run_are_paid_for_once(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", *numbered(2))
    shutil.copy(source / "000.md", source / "twin.md")
    value = summary(source, tmp_path / "out")
    assert counts(value) == {"found": 3, "submitted": 2, "succeeded": 2, "copied": 1}
    stored = [(tmp_path / f"out/{name}.json").read_bytes() for name in ("000.md", "twin.md")]
    assert stored[0] == stored[1]
    lines = manifest(tmp_path / "out")
    assert lines["000.md"]["job_id"] == lines["twin.md"]["job_id"]


def test_the_same_content_under_another_name_is_copied(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", "a.md")
    summary(source, tmp_path / "out")
    shutil.copy(source / "a.md", source / "b.md")
    value = summary(source, tmp_path / "out")
    assert counts(value) == {"found": 2, "unchanged": 1, "copied": 1}
    assert textin.submissions == 1


def test_a_touched_document_is_read_and_not_sent(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", "a.md")
    summary(source, tmp_path / "out")
    os.utime(source / "a.md", (1, 1))
    assert counts(summary(source, tmp_path / "out")) == {"found": 1, "copied": 1}
    assert counts(summary(source, tmp_path / "out")) == {"found": 1, "unchanged": 1}
    assert textin.submissions == 1


def test_a_changed_document_is_sent_and_replaces_its_result(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", "a.md")
    summary(source, tmp_path / "out")
    (source / "a.md").write_text("# changed")
    assert counts(summary(source, tmp_path / "out")) == {"found": 1, "submitted": 1, "succeeded": 1}
    assert "changed" in (tmp_path / "out/a.md.json").read_text()
    # The first content comes back: its job is known, and its result is fetched again.
    write_documents(source, "a.md")
    assert counts(summary(source, tmp_path / "out")) == {"found": 1, "succeeded": 1}
    assert "A document" in (tmp_path / "out/a.md.json").read_text()
    assert textin.submissions == 2


def test_another_config_is_another_result(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", "a.md")
    summary(source, tmp_path / "out")
    same = {"document": {"password": None}}
    assert counts(summary(source, tmp_path / "out", config=same)) == {"found": 1, "unchanged": 1}
    other = {"capabilities": {"title_tree": True}}
    assert counts(summary(source, tmp_path / "out", config=other)) == {
        "found": 1,
        "submitted": 1,
        "succeeded": 1,
    }


def test_a_deleted_result_is_fetched_again(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", *numbered(2))
    summary(source, tmp_path / "out")
    (tmp_path / "out/000.md.json").unlink()
    assert counts(summary(source, tmp_path / "out")) == {"found": 2, "unchanged": 1, "succeeded": 1}
    assert (tmp_path / "out/000.md.json").exists()
    assert textin.submissions == 2


def test_a_deleted_result_of_a_twin_is_copied(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", "a.md")
    shutil.copy(source / "a.md", source / "b.md")
    summary(source, tmp_path / "out")
    (tmp_path / "out/b.md.json").unlink()
    before = textin.count("*")
    assert counts(summary(source, tmp_path / "out")) == {"found": 2, "unchanged": 1, "copied": 1}
    assert textin.count("*") == before


def test_a_folder_that_was_moved_keeps_the_names_of_its_results(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", *numbered(3))
    summary(source, tmp_path / "out")
    source.rename(tmp_path / "moved")
    assert counts(summary(tmp_path / "moved", tmp_path / "out")) == {"found": 3, "copied": 3}
    assert counts(summary(tmp_path / "moved", tmp_path / "out")) == {"found": 3, "unchanged": 3}
    assert textin.submissions == 3
    assert len(list((tmp_path / "out").glob("*.json"))) == 3


@pytest.mark.parametrize("touched", [False, True], ids=["as it was", "touched"])
def test_a_folder_that_was_moved_and_moved_back_keeps_the_names_of_its_results(
    textin: TextInServer, tmp_path: Path, touched: bool
) -> None:
    source, moved, output = (
        write_documents(tmp_path / "in", *numbered(3)),
        tmp_path / "moved",
        tmp_path / "out",
    )
    summary(source, output)
    for _ in range(2):
        source.rename(moved)
        assert counts(summary(moved, output)) == {"found": 3, "copied": 3}
        moved.rename(source)
        for path in source.iterdir() if touched else ():
            path.touch()
        assert counts(summary(source, output)) == {"found": 3, "copied": 3}
    assert counts(summary(source, output)) == {"found": 3, "unchanged": 3}
    assert textin.submissions == 3
    assert len(list(output.glob("*.json"))) == 3


def test_documents_of_two_folders_never_share_a_result(textin: TextInServer, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        (folder / "a.md").write_text(f"# {folder.name}")
    summary(first, tmp_path / "out")
    summary(second, tmp_path / "out")
    assert "first" in (tmp_path / "out/a.md.json").read_text()
    [other] = manifest(tmp_path / "out")["a.md"]["output_paths"].values()
    assert "second" in Path(other).read_text()
    assert counts(summary(first, tmp_path / "out")) == {"found": 1, "unchanged": 1}


def test_hidden_files_and_other_formats_are_left_out_and_counted(
    textin: TextInServer, tmp_path: Path
) -> None:
    source = write_documents(tmp_path / "in", "a.md", ".hidden.md", "data.parquet", ".git/b.md")
    assert counts(summary(source, tmp_path / "out")) == {
        "found": 1,
        "ignored": 3,
        "submitted": 1,
        "succeeded": 1,
    }


@pytest.mark.parametrize("folder", ["", "results"])
def test_an_output_within_the_source_is_no_document(
    folder: str, textin: TextInServer, tmp_path: Path
) -> None:
    source = write_documents(tmp_path / "in", *numbered(2))
    summary(source, source / folder)
    assert counts(summary(source, source / folder)) == {"found": 2, "unchanged": 2}


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.md", {"a.md"}),
        ("**/*.md", {"a.md", "x/b.md", "x/y/c.md"}),
        ("x/**", {"b.md", "y/c.md", "y/d.html"}),
        ("x/?/[cd].*", {"y/c.md", "y/d.html"}),
        ("**/y/*.md", {"x/y/c.md"}),
    ],
)
def test_a_glob(pattern: str, found: set[str], textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", "a.md", "x/b.md", "x/y/c.md", "x/y/d.html")
    assert summary(f"{source}/{pattern}", tmp_path / "out")["succeeded"] == len(found)
    stored = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.json")}
    assert {name for name in stored if not name.startswith(".textin")} == {f"{name}.json" for name in found}


@pytest.mark.parametrize(
    "name",
    ["a b.md", "50%#1?.md", "合同 合同.md", "~x.md", "[x]*.md", "q'\"\\.md", "a\nb.md", "x" * 252 + ".md"],
)
def test_names_of_any_kind(name: str, textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", name)
    assert counts(summary(source, tmp_path / "out")) == {"found": 1, "submitted": 1, "succeeded": 1}
    assert counts(summary(source, tmp_path / "out")) == {"found": 1, "unchanged": 1}
    [stored] = (tmp_path / "out").glob("*.json")
    assert stored.name == f"{name}.json" or len(name) > 200


def test_a_name_that_is_not_utf_8_is_told(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", "a.md")
    (source / os.fsdecode(b"caf\xe9.md")).write_text("# x")
    outcome = parse(source, tmp_path / "out")
    assert "not UTF-8" in str(outcome.raised())
    assert counts(outcome.xcoms["return_value"]) == {"found": 2, "submitted": 1, "succeeded": 1, "failed": 1}


def test_a_list_of_paths_is_given_in_full(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", *numbered(2))
    paths = [str(source / "000.md"), str(source / "001.md"), str(source / "gone.md"), str(source / "000.md")]
    value = summary(str(paths), tmp_path / "out", raise_on_failure=False)
    assert counts(value) == {"found": 3, "submitted": 2, "succeeded": 2, "failed": 1}
    assert (tmp_path / f"out/{str(source / '000.md').lstrip('/')}.json").exists()


@pytest.fixture
def website(tmp_path: Path) -> Iterator[str]:
    """Serve the documents of a folder."""
    write_documents(tmp_path / "web", "x/report.md", "y/report.md")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "web")))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_addresses_are_named_after_the_last_part_of_their_path(
    textin: TextInServer, website: str, tmp_path: Path
) -> None:
    addresses = [f"{website}/x/report.md?signature=secret", f"{website}/y/report.md"]
    value = summary(addresses, tmp_path / "out")
    assert counts(value) == {"found": 2, "submitted": 2, "succeeded": 2}
    stored = sorted(path.name for path in (tmp_path / "out").glob("*.json"))
    assert stored[1] == "report.md.json"
    assert stored[0].startswith("report-")
    assert counts(summary(addresses, tmp_path / "out")) == {"found": 2, "unchanged": 2}
    for path in [tmp_path / "out/manifest.jsonl", *(tmp_path / "out/.textin").rglob("*.jsonl")]:
        assert b"signature=secret" not in path.read_bytes()


def test_a_document_that_changes_while_it_is_read_is_left(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", *numbered(3))
    with pytest.MonkeyPatch.context() as patch:

        def grown(document: SourceDocument, conn_id: str | None) -> bool:
            if document.name == "001.md":
                Path(document.path).write_text("# It has grown since it was listed.")
            return is_unchanged(document, conn_id)

        patch.setattr(actions, "is_unchanged", grown)
        value = summary(source, tmp_path / "out")
    assert counts(value) == {"found": 3, "submitted": 2, "succeeded": 2, "left": 1}
    assert "changed" in manifest(tmp_path / "out")["001.md"]["message"]
    assert counts(summary(source, tmp_path / "out")) == {
        "found": 3,
        "unchanged": 2,
        "submitted": 1,
        "succeeded": 1,
    }


def test_the_job_of_a_document_that_is_gone_is_stored(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", *numbered(2))
    textin._state.jobs.default_seconds = (0.5, 0.5)
    parse(source, tmp_path / "out", timeout=0.3)
    assert textin.submissions == 2
    (source / "000.md").unlink()
    assert counts(summary(source, tmp_path / "out")) == {"found": 2, "succeeded": 2}
    assert json.loads((tmp_path / "out/000.md.json").read_text())
