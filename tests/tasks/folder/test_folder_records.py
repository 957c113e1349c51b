"""The records of a ledger: which of two holds, and how they look as JSON."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pytest

from tests.tasks.folder.samples import CONTENT_JSON, DOCUMENT_JSON, new_content, new_document
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
    State,
    _shape,
    from_json,
    merged,
    to_json,
)

KINDS = (INTENT, WITHDRAWN, JOB, FAILED, STORED)


def test_the_kinds_are_the_words_of_the_ledger() -> None:
    assert (*KINDS, DOCUMENT) == ("intent", "withdrawn", "job", "failed", "stored", "document")


@pytest.mark.parametrize("kind", [INTENT, JOB, FAILED, STORED])
def test_a_content_stands_as_its_kind(kind: str) -> None:
    assert new_content(kind, was=FAILED).standing == kind


@pytest.mark.parametrize("was", [None, FAILED, INTENT])
def test_a_withdrawn_content_stands_as_it_did_before(was: str | None) -> None:
    assert new_content(WITHDRAWN, was=was).standing == was


def test_a_content_is_known_by_its_fingerprint_and_a_document_by_its_source() -> None:
    assert new_content(fingerprint="f7").key == "f7"
    assert new_document("/in/b.pdf").key == "/in/b.pdf"


def test_the_rank_of_a_content_is_its_attempt_and_then_its_kind() -> None:
    assert [new_content(kind, attempt=3).rank for kind in KINDS] == [(3, 0), (3, 1), (3, 2), (3, 3), (3, 4)]


def test_the_rank_of_a_document_is_its_version() -> None:
    assert new_document().rank == (1, 0)
    assert new_document(version=5).rank == (5, 0)


@pytest.mark.parametrize(("lower", "higher"), list(itertools.pairwise(KINDS)))
def test_within_an_attempt_the_later_kind_holds_in_each_order(lower: str, higher: str) -> None:
    low, high = new_content(lower), new_content(higher)
    assert merged([low, high]).contents == merged([high, low]).contents == {"f1": high}


def test_a_later_attempt_holds_whatever_its_kind() -> None:
    old, new = new_content(STORED), new_content(INTENT, attempt=2)
    assert merged([old, new]).contents == merged([new, old]).contents == {"f1": new}


def test_a_later_version_of_a_document_holds() -> None:
    old, new = new_document(mark="z"), new_document(mark="a", version=2)
    assert merged([old, new]).documents == merged([new, old]).documents == {"/in/a.pdf": new}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (new_content(at="1"), new_content(at="2")),
        (new_content(pages=None), new_content(pages=3)),
        (new_document(mark="a"), new_document(mark="b")),
    ],
)
def test_of_records_of_one_rank_the_same_one_holds_in_each_order(one: Record, other: Record) -> None:
    for records in ([one, other], [other, one]):
        held = max(one, other, key=lambda record: [str(value) for value in record])
        assert list(merged(records).records()) == [held]


def test_the_same_record_again_changes_nothing() -> None:
    state = merged([new_content()])
    first = state.contents["f1"]
    state.merge(new_content())
    assert state.contents["f1"] is first


def test_a_state_yields_contents_and_then_documents() -> None:
    records: list[Record] = [
        new_document("/b"),
        new_content(fingerprint="f2"),
        new_document("/a"),
        new_content(),
    ]
    state = merged(records)
    assert list(state.records()) == [records[1], records[3], records[0], records[2]]
    assert list(State().records()) == []
    assert (State().contents, State().documents) == ({}, {})


def test_a_content_that_is_not_known_has_no_standing() -> None:
    state = merged([new_content(JOB), new_content(WITHDRAWN, "f2", was=FAILED)])
    assert [state.standing(key) for key in ("f1", "f2", "f3")] == [JOB, FAILED, None]


def test_records_as_json_leave_out_what_is_none_or_false() -> None:
    assert to_json(new_content()) == CONTENT_JSON
    assert to_json(new_document()) == DOCUMENT_JSON


def test_records_as_json_hold_zeros_empty_texts_and_true() -> None:
    assert to_json(new_content(pages=0, message="")) == CONTENT_JSON | {"pages": 0, "message": ""}
    assert to_json(new_document(copied=True, size=0)) == DOCUMENT_JSON | {"copied": True, "size": 0}


@pytest.mark.parametrize(
    "record",
    [
        *map(new_content, KINDS),
        new_content(
            JOB,
            attempt=2,
            was=FAILED,
            job_id="j",
            message="m",
            pages=3,
            failed_pages="2",
            failed=1,
        ),
        new_document(),
        new_document(version=2, size_bytes=9, sha256="s", stored_at="t", copied=True),
    ],
)
def test_a_record_is_read_as_it_was_written(record: Record) -> None:
    found = from_json(json.loads(json.dumps(to_json(record))), {})
    assert found == record
    assert type(found) is type(record)


def test_members_that_are_missing_have_their_defaults() -> None:
    assert from_json(dict(CONTENT_JSON), {}) == new_content()
    without_version = {name: value for name, value in DOCUMENT_JSON.items() if name != "version"}
    assert from_json(without_version, {}) == new_document()


def test_members_that_a_newer_version_may_have_added_are_left_out() -> None:
    assert from_json(CONTENT_JSON | {"later": 1}, {}) == new_content()


@pytest.mark.parametrize("name", [name for name in CONTENT_JSON if name != "kind"])
@pytest.mark.parametrize("value", [None, [], 1.5, True])
def test_a_required_member_of_a_content_that_is_malformed_is_named(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^its {name} is missing or malformed$"):
        from_json(CONTENT_JSON | {name: value}, {})


@pytest.mark.parametrize("name", [name for name in CONTENT_JSON if name != "kind"])
def test_a_required_member_of_a_content_that_is_missing_is_named(name: str) -> None:
    value = {key: member for key, member in CONTENT_JSON.items() if key != name}
    with pytest.raises(ValueError, match=f"^its {name} is missing or malformed$"):
        from_json(value, {})


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (CONTENT_JSON | {"pages": "3"}, "pages"),
        (CONTENT_JSON | {"failed": "1"}, "failed"),
        (CONTENT_JSON | {"job_id": 3}, "job_id"),
        (DOCUMENT_JSON | {"copied": 1}, "copied"),
        (DOCUMENT_JSON | {"size": "7"}, "size"),
        (DOCUMENT_JSON | {"size_bytes": "7"}, "size_bytes"),
        (DOCUMENT_JSON | {"version": "1"}, "version"),
        (DOCUMENT_JSON | {"mark": 7}, "mark"),
    ],
)
def test_a_member_of_another_type_is_named(value: dict[str, Any], name: str) -> None:
    with pytest.raises(ValueError, match=f"^its {name} is missing or malformed$"):
        from_json(value, {})


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ([], None),
        ("intent", None),
        ({}, None),
        ({**CONTENT_JSON, "kind": "ledger"}, "ledger"),
        ({**CONTENT_JSON, "kind": "INTENT"}, "INTENT"),
    ],
)
def test_what_is_no_record_is_refused_with_its_kind(value: Any, kind: str | None) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(f'its kind {kind!r} is unknown')}$"):
        from_json(value, {})


def fresh(text: str) -> str:
    """Return a text that is no other object, as a parser does."""
    return "".join(list(text))


def test_equal_texts_of_records_are_kept_once() -> None:
    strings: dict[str, str] = {}
    values = [CONTENT_JSON | {"run": fresh("a-token"), "message": ""} for _ in range(2)]
    one, other = (from_json(value, strings) for value in values)
    assert one.run is other.run
    assert set(strings) == {"f1", "/in/a.pdf", "a-token", str(CONTENT_JSON["at"])}


def test_the_kinds_of_records_are_kept_once() -> None:
    one, other = (from_json(CONTENT_JSON | {"kind": fresh("intent")}, {}) for _ in range(2))
    assert one.kind is other.kind


@pytest.mark.parametrize(
    ("cls", "types", "defaults"),
    [
        (Content, {"attempt": int, "pages": int, "failed": int}, [None] * 6),
        (
            Document,
            {"size": int, "version": int, "size_bytes": int, "copied": bool},
            [1, None, None, None, False],
        ),
    ],
)
def test_the_types_and_defaults_of_members_are_those_of_the_class(
    cls: type[Record], types: dict[str, type], defaults: list[Any]
) -> None:
    found, members = _shape(cls)
    assert found is cls
    names = cls._fields[1:]
    assert [(name, kind) for name, kind, _ in members] == [(name, types.get(name, str)) for name in names]
    required = members[0][2]
    assert [default for _, _, default in members] == [required] * (len(names) - len(defaults)) + defaults
    assert required not in (None, 0, "")
