"""The ledger of a folder: how its segments are read, merged, written and folded."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from tests.tasks.folder.samples import ACCOUNT, new_content, new_document
from textin_provider.api.errors import ApiError
from textin_provider.hooks.tree import Tree
from textin_provider.tasks.folder import ledger as ledger_module
from textin_provider.tasks.folder.ledger import Ledger
from textin_provider.tasks.folder.segments import bad_ledger, body_of, encoded

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from textin_provider.tasks.folder.records import Content, Record

TOKEN = "aaaaaaaaaaaa"
ABOUT = {"run": "r1", "dag_id": "inbox"}


def new_ledger(folder: Path, token: str = TOKEN) -> Ledger:
    return Ledger(Tree("output_path", str(folder)), ACCOUNT, token, ABOUT)


def loaded(folder: Path, token: str = TOKEN) -> Ledger:
    ledger = new_ledger(folder, token)
    ledger.load()
    return ledger


def name_of(run: int, number: int, token: str = TOKEN) -> str:
    return f"{run:06d}-{token}-{number:06d}.jsonl"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def numbered(count: int, **values: Any) -> list[Content]:
    return [new_content(fingerprint=f"f{number}", **values) for number in range(count)]


def write_segments(folder: Path, records: Iterable[Record]) -> None:
    """Write a segment for each record, as so many runs would."""
    for number, record in enumerate(records, 1):
        (folder / name_of(number, 1, "b" * 12)).write_bytes(body_of(ACCOUNT, [encoded(record)], {}))


def expected(*records: Record) -> bytes:
    return body_of(ACCOUNT, map(encoded, records), ABOUT)


def test_a_new_ledger_knows_nothing(tmp_path: Path) -> None:
    ledger = loaded(tmp_path / "none")
    assert list(ledger.state.records()) == []
    ledger.write()
    assert not (tmp_path / "none").exists()


def test_a_record_is_durable_in_a_segment_of_its_own(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path)
    ledger.write(new_content())
    assert names(tmp_path) == [name_of(1, 1)]
    assert (tmp_path / name_of(1, 1)).read_bytes() == expected(new_content())
    assert ledger.state.contents == {"f1": new_content()}


def test_noted_records_are_written_with_the_next_ones_in_their_order(tmp_path: Path) -> None:
    ledger = loaded(tmp_path)
    first, second, third = numbered(3)
    ledger.note(first, new_document())
    ledger.note(second)
    assert names(tmp_path) == []
    assert list(ledger.state.records()) == [first, second, new_document()]
    ledger.write(third)
    assert names(tmp_path) == [name_of(1, 1)]
    assert (tmp_path / name_of(1, 1)).read_bytes() == expected(first, new_document(), second, third)
    ledger.write()
    assert names(tmp_path) == [name_of(1, 1)]


def test_the_segments_of_a_run_are_numbered_and_those_of_the_next_run_too(tmp_path: Path) -> None:
    ledger = loaded(tmp_path)
    for record in numbered(2):
        ledger.write(record)
    loaded(tmp_path, "c" * 12).write(new_document())
    assert names(tmp_path) == [name_of(1, 1), name_of(1, 2), name_of(2, 1, "c" * 12)]
    assert list(loaded(tmp_path).state.records()) == [*numbered(2), new_document()]


def test_records_that_could_not_be_written_come_first_in_the_next_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = loaded(tmp_path)
    first, second, third = numbered(3)
    ledger.note(first)

    def interrupted(*_: object) -> None:
        ledger.note(third)  # of another thread
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Tree, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            ledger.write(second)
    ledger.write()
    assert (tmp_path / name_of(1, 2)).read_bytes() == expected(first, second, third)
    ledger.tidy(2)
    assert names(tmp_path) == [name_of(1, 2)]


@pytest.mark.parametrize(("count", "is_merged"), [(31, False), (32, True), (33, True)])
def test_many_segments_are_merged_at_the_start(count: int, is_merged: bool, tmp_path: Path) -> None:
    records: list[Record] = [*numbered(count - 1), new_document()]
    write_segments(tmp_path, records)
    before = names(tmp_path)
    ledger = loaded(tmp_path)
    assert list(ledger.state.records()) == records
    assert names(tmp_path) == ([name_of(count + 1, 1)] if is_merged else before)
    if is_merged:
        assert (tmp_path / name_of(count + 1, 1)).read_bytes() == expected(*records)
    ledger.write(new_content())
    assert name_of(count + 1, 1 + is_merged) in names(tmp_path)


def test_a_merged_ledger_counts_the_records_that_hold(tmp_path: Path) -> None:
    write_segments(tmp_path, [new_content(attempt=number) for number in range(1, 33)])
    loaded(tmp_path)
    header = json.loads((tmp_path / name_of(33, 1)).read_bytes().splitlines()[0])
    assert header["records"] == 1
    assert list(loaded(tmp_path).state.records()) == [new_content(attempt=32)]


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_only_segments_of_a_megabyte_are_read_line_by_line(
    count: int, more: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ledger_module._LARGE == 1024 * 1024
    write_segments(tmp_path, numbered(count))
    size = (tmp_path / names(tmp_path)[0]).stat().st_size
    monkeypatch.setattr(ledger_module, "_LARGE", size - more)
    whole: list[str] = []
    read = Tree.read

    def seen(tree: Tree, name: str) -> bytes:
        whole.append(name)
        return read(tree, name)

    monkeypatch.setattr(Tree, "read", seen)
    assert list(loaded(tmp_path).state.records()) == numbered(count)
    assert sorted(whole) == (names(tmp_path) if more < 0 else [])


def test_texts_are_kept_once_for_all_segments(tmp_path: Path) -> None:
    write_segments(tmp_path, [new_content(fingerprint=key, run="a-token") for key in ("f1", "f2")])
    one, other = loaded(tmp_path).state.contents.values()
    assert one.run is other.run


def test_the_next_run_counts_on_from_the_highest_and_not_the_last(tmp_path: Path) -> None:
    for name in ("000010-" + "b" * 12, "1000000-" + "b" * 12, "000007-" + "c" * 12):
        (tmp_path / f"{name}-000001.jsonl").write_bytes(body_of(ACCOUNT, [], {}))
    loaded(tmp_path).write(new_content())
    assert name_of(1_000_001, 1) in names(tmp_path)


def test_files_of_writers_that_were_killed_are_deleted(tmp_path: Path) -> None:
    write_segments(tmp_path, numbered(1))
    (tmp_path / ".textin-00.part").write_bytes(b"{")
    (tmp_path / f"{name_of(9, 1)}.part").write_bytes(b"{")
    ledger = loaded(tmp_path)
    assert names(tmp_path) == [name_of(1, 1, "b" * 12)]
    ledger.write(new_document())
    assert name_of(2, 1) in names(tmp_path)


@pytest.mark.parametrize("name", ["notes.txt", "a/000001-aaaaaaaaaaaa-000001.jsonl"])
def test_a_foreign_file_among_the_segments_is_named(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("x")
    with pytest.raises(ApiError) as raised:
        loaded(tmp_path)
    assert str(raised.value) == str(bad_ledger(str(path), "it is not a file of a ledger"))


@pytest.mark.parametrize("is_large", [False, True])
def test_a_torn_segment_is_named_by_its_path(
    is_large: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "_LARGE", 1 if is_large else 10_000)
    write_segments(tmp_path, numbered(2))
    torn = tmp_path / names(tmp_path)[1]
    torn.write_bytes(torn.read_bytes()[:-1])
    with pytest.raises(ApiError) as raised:
        loaded(tmp_path)
    assert str(raised.value) == str(bad_ledger(str(torn), "it is torn in line 2"))


def test_small_segments_of_the_run_are_folded_into_one(tmp_path: Path) -> None:
    write_segments(tmp_path, [new_document()])
    ledger = loaded(tmp_path)
    records = numbered(3)
    for record in records:
        ledger.write(record)
    ledger.tidy(4)
    assert len(names(tmp_path)) == 4
    ledger.tidy(3)
    assert names(tmp_path) == [name_of(1, 1, "b" * 12), name_of(2, 4)]
    assert (tmp_path / name_of(2, 4)).read_bytes() == expected(*records)
    ledger.write(new_content())
    ledger.tidy(2)
    assert len(names(tmp_path)) == 3
    ledger.tidy(1)
    assert names(tmp_path) == [name_of(1, 1, "b" * 12), name_of(2, 4), name_of(2, 6)]


def test_so_many_segments_are_folded_unless_another_number_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    monkeypatch.setattr(Tree, "write", lambda _, name, body: written.append(name))
    ledger = new_ledger(tmp_path)
    for record in numbered(255):
        ledger.write(record)
    ledger.tidy()
    assert len(written) == 255
    ledger.write(new_content())
    ledger.tidy()
    assert written[-1] == name_of(1, 257)


def test_segments_that_cannot_be_folded_are_left_for_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = new_ledger(tmp_path)
    for record in numbered(2):
        ledger.write(record)

    def fails(*_: object) -> None:
        raise OSError("no space\nis left")

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING, ledger_module.__name__):
        patch.setattr(Tree, "delete", fails)
        ledger.tidy(2)
    assert [(entry.levelname, entry.getMessage()) for entry in caplog.records] == [
        ("WARNING", "The segments of the ledger could not be folded: no space is left")
    ]
    assert names(tmp_path) == [name_of(1, number) for number in (1, 2, 3)]
    ledger.tidy(2)
    assert names(tmp_path) == [name_of(1, 3), name_of(1, 4)]
    assert list(loaded(tmp_path).state.records()) == numbered(2)
