"""The ledger: segments, faults in them, and that neither order nor repetition of records matters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.folder.folder import counts, numbered, parse, summary, write_documents
from tests.running import point_airflow_at
from textin_provider.exceptions import TextInRequestError
from textin_provider.hooks.tree import Tree
from textin_provider.tasks.folder import ledger as ledger_module
from textin_provider.tasks.folder.ledger import Ledger
from textin_provider.tasks.folder.records import (
    DOCUMENT,
    FAILED,
    INTENT,
    JOB,
    STORED,
    WITHDRAWN,
    Content,
    Document,
    Record,
    from_json,
    merged,
    to_json,
)
from textin_provider.tasks.folder.segments import Account

if TYPE_CHECKING:
    from pathlib import Path

    from textin_provider.testing import TextInServer

ACCOUNT = Account("0123456789abcdef", "https://api.textin.com")
KINDS = (INTENT, WITHDRAWN, JOB, FAILED, STORED)

texts = st.text(st.characters(codec="utf-8"), max_size=8)
contents = st.builds(
    Content,
    kind=st.sampled_from(KINDS),
    fingerprint=st.sampled_from(["f1", "f2"]),
    attempt=st.integers(1, 3),
    source=texts,
    at=texts,
    run=st.sampled_from(["r1", "r2"]),
    was=st.sampled_from([None, FAILED, INTENT]),
    job_id=st.none() | texts,
    message=st.none() | texts,
    pages=st.none() | st.integers(0, 9),
    failed_pages=st.none() | texts,
    failed=st.none() | st.integers(0, 9),
)
documents = st.builds(
    Document,
    kind=st.just(DOCUMENT),
    source=st.sampled_from(["a", "b"]),
    size=st.integers(0, 9),
    mark=texts,
    config=texts,
    fingerprint=st.sampled_from(["f1", "f2"]),
    output=texts,
    run=st.sampled_from(["r1", "r2"]),
    version=st.integers(1, 3),
    stored_at=st.none() | texts,
    size_bytes=st.none() | st.integers(0, 2**53),
    sha256=st.none() | texts,
    copied=st.booleans(),
)
records = st.lists(contents | documents, max_size=12)


@given(contents | documents)
def test_a_record_is_read_as_it_was_written(record: Record) -> None:
    assert from_json(json.loads(json.dumps(to_json(record))), {}) == record


@given(records, st.randoms())
def test_neither_order_nor_repetition_of_records_matters(written: list[Record], rng: Any) -> None:
    shuffled = [*written, *rng.choices(written, k=len(written))] if written else []
    rng.shuffle(shuffled)
    first, second = merged(written), merged(shuffled)
    assert (first.contents, first.documents) == (second.contents, second.documents)
    again = merged(first.records())
    assert (again.contents, again.documents) == (first.contents, first.documents)


@given(records, st.randoms())
def test_a_state_never_forgets_that_a_content_was_sent(written: list[Record], rng: Any) -> None:
    rng.shuffle(written)
    state = merged(written)
    for record in written:
        if isinstance(record, Content) and record.kind in (JOB, STORED):
            known = state.contents[record.fingerprint]
            assert known.attempt > record.attempt or known.kind in (JOB, FAILED, STORED)


def new_ledger(folder: Path, token: str = "aaaaaaaaaaaa", account: Account = ACCOUNT) -> Ledger:
    return Ledger(Tree("output_path", str(folder)), account, token, {"run_id": "r"})


def intent(number: int, kind: str = INTENT) -> Content:
    return Content(kind, f"f{number}", 1, f"{number}.pdf", "2026-01-01T00:00:00+00:00", "run")


@settings(max_examples=20, deadline=None)
@given(batches=st.lists(records, max_size=6), fold_at=st.integers(0, 3), data=st.data())
def test_whatever_crash_and_resume_the_ledger_holds_what_was_written(
    batches: list[list[Record]], fold_at: int, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("ledger")
    written: list[Record] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger_module, "_MERGE_AT", 3)
        patch.setattr("textin_provider.hooks.local_files.os.fsync", lambda _: None)
        for number, batch in enumerate(batches):
            ledger = new_ledger(folder, f"{number:012x}")
            ledger.load()
            for record in batch:
                if data.draw(st.booleans()):
                    ledger.note(record)
                ledger.write(record)
                written.append(record)
                if fold_at:
                    ledger.tidy(fold_at)
            # The run crashes here: nothing else is written.
    ledger = new_ledger(folder, "f" * 12)
    ledger.load()
    expected = merged(written)
    assert (ledger.state.contents, ledger.state.documents) == (expected.contents, expected.documents)


def test_small_segments_are_folded(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path)
    ledger.load()
    for number in range(10):
        ledger.write(intent(number))
    assert len(list(tmp_path.iterdir())) == 10
    ledger.tidy(11)
    assert len(list(tmp_path.iterdir())) == 10
    ledger.tidy(10)
    assert len(list(tmp_path.iterdir())) == 1


def test_noted_records_are_written_with_the_next_ones(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path)
    ledger.load()
    ledger.note(intent(1))
    assert list(tmp_path.iterdir()) == []
    ledger.write(intent(2))
    ledger.write()
    [segment] = tmp_path.iterdir()
    assert [json.loads(line)["kind"] for line in segment.read_text().splitlines()] == [
        "ledger",
        INTENT,
        INTENT,
    ]


def test_a_write_that_failed_is_made_up_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = new_ledger(tmp_path)
    ledger.load()
    with monkeypatch.context() as patch:
        patch.setattr(Tree, "write", lambda *_: (_ for _ in ()).throw(OSError("no space")))
        with pytest.raises(OSError, match="no space"):
            ledger.write(intent(1))
    ledger.write(intent(2))
    again = new_ledger(tmp_path)
    again.load()
    assert set(again.state.contents) == {"f1", "f2"}


def test_every_cut_of_a_segment_is_noticed(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path)
    ledger.load()
    ledger.write(intent(1), intent(2))
    [segment] = tmp_path.iterdir()
    body = segment.read_bytes()
    for size in range(len(body)):
        segment.write_bytes(body[:size])
        with pytest.raises(TextInRequestError) as raised:
            new_ledger(tmp_path).load()
        assert segment.name in str(raised.value)


@pytest.mark.parametrize(
    "line",
    [b"not json\n", b"[]\n", b'{"kind": "news"}\n', b'{"kind": "job", "fingerprint": 7}\n'],
)
def test_a_line_that_is_no_record_is_named(line: bytes, tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path)
    ledger.load()
    ledger.write(intent(1))
    [segment] = tmp_path.iterdir()
    head = segment.read_bytes().splitlines(keepends=True)[0]
    segment.write_bytes(head + line)
    with pytest.raises(TextInRequestError, match=rf"{segment.name}.*line 2"):
        new_ledger(tmp_path).load()


@pytest.mark.parametrize("name", ["notes.txt", "copy of 000001-aaaaaaaaaaaa-000001.jsonl", "x/000001.jsonl"])
def test_a_foreign_file_in_the_ledger_sends_nothing(name: str, textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", *numbered(2))
    summary(source, tmp_path / "out")
    write_documents(source, "new.md")
    foreign = tmp_path / "out/.textin/ledger" / name
    foreign.parent.mkdir(exist_ok=True)
    foreign.write_text("{}")
    error = parse(source, tmp_path / "out").raised()
    assert isinstance(error, TextInRequestError)
    assert name in str(error)
    assert textin.submissions == 2


def test_the_leftover_of_a_killed_write_is_deleted(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", "a.md")
    summary(source, tmp_path / "out")
    leftover = tmp_path / "out/.textin/ledger/.textin-0123456789abcdef.part"
    leftover.write_text("half")
    assert counts(summary(source, tmp_path / "out")) == {"found": 1, "unchanged": 1}
    assert not leftover.exists()


def test_the_ledger_of_another_account_sends_nothing(
    textin: TextInServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_documents(tmp_path / "in", "a.md")
    summary(source, tmp_path / "out")
    write_documents(source, "new.md")
    point_airflow_at(textin, monkeypatch, login="another-app")
    error = parse(source, tmp_path / "out").raised()
    assert isinstance(error, TextInRequestError)
    assert "it belongs to account" in str(error)
    assert textin.submissions == 1


def test_a_ledger_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path)
    ledger.load()
    ledger.write(intent(1))
    [segment] = tmp_path.iterdir()
    segment.write_text(segment.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(TextInRequestError, match="version"):
        new_ledger(tmp_path).load()


def test_a_person_can_read_the_ledger(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", "a.md")
    summary(source, tmp_path / "out")
    [segment] = (tmp_path / "out/.textin/ledger").iterdir()
    head, *lines = [json.loads(line) for line in segment.read_text().splitlines()]
    assert (head["kind"], head["records"], head["task_id"]) == ("ledger", len(lines), "alone")
    assert {line["kind"] for line in lines} == {INTENT, JOB, STORED, DOCUMENT}
