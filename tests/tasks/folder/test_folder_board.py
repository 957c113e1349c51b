"""What a run has to do with the documents that it finds, as the ledger's state tells."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from tests.tasks.folder.fakes import RULES, content, document, found, new_board, stored
from textin_provider.tasks.folder.board import Group, Rules, _uncertain
from textin_provider.tasks.folder.records import DOCUMENT, FAILED, INTENT, JOB, STORED, WITHDRAWN, Document

if TYPE_CHECKING:
    from textin_provider.tasks.folder.board import Board
    from textin_provider.tasks.folder.records import Content
    from textin_provider.tasks.folder.sources import SourceDocument

RETRY = Rules("config-1", "run-1", retry_failed=True)
RESUBMIT = Rules("config-1", "run-1", resubmit_uncertain=True)
UNCERTAIN = (
    "a submit that began at 2026-01-02T03:00:00+00:00 did not end, perhaps because its worker died. TextIn "
    "may have accepted the document; set resubmit_uncertain=True to send it again"
)


def places(board: Board) -> dict[str, list[str]]:
    """Return the names of the documents at each place of a board that has any."""
    flying = [one.name for group in board.in_flight.values() for one in group.documents]
    all_places = {
        "identify": [one.name for one in board.to_identify],
        "send": [one.name for group in board.to_send for one in group.documents],
        "in flight": flying,
        "store": [one.name for group in board.to_store for one in group.documents],
        "copy": [one.name for one, _ in board.to_copy],
        "problems": [source.removeprefix("/in/") for source in board.problems],
    }
    return {place: names for place, names in all_places.items() if names}


def with_digest(source: str) -> str:
    """Return the name of the result of a document whose plain name is taken."""
    return f"a-{sha256(source.encode()).hexdigest()[:8]}.pdf.json"


def test_a_new_board_is_empty() -> None:
    board = new_board()
    assert places(board) == {}
    assert board.remaining == 0


def test_a_group_has_not_been_polled_or_stored() -> None:
    group = Group("f", [found("a.pdf"), found("b.pdf")])
    assert group.lead == found("a.pdf")
    assert (group.polls, group.polled, group.due, group.submitted) == (0, 0.0, 0.0, 0.0)
    assert (group.errors, group.stores, group.job) == (0, 0, None)


def test_documents_that_were_never_seen_are_identified_in_their_order() -> None:
    board = new_board()
    board.add([found("b.pdf"), found("a.pdf")])
    assert places(board) == {"identify": ["b.pdf", "a.pdf"]}
    assert board.remaining == 2


def test_a_document_that_cannot_be_sent_has_failed() -> None:
    board = new_board()
    board.add([found("a.pdf", problem="it is a directory"), found("b.pdf")])
    assert board.problems == {"/in/a.pdf": ("failed", "it is a directory")}
    assert places(board) == {"identify": ["b.pdf"], "problems": ["a.pdf"]}


@pytest.mark.parametrize("changes", [{"size": 11}, {"mark": "mark-2"}, {"config": "config-2"}])
def test_a_document_that_is_not_as_it_was_seen_is_identified_again(changes: dict[str, str]) -> None:
    board = new_board(stored("a.pdf", "f", **changes), content(STORED, "f"))
    board.add([found("a.pdf")])
    assert places(board) == {"identify": ["a.pdf"]}


def test_a_document_with_a_result_is_done() -> None:
    board = new_board(stored("a.pdf", "f"), content(STORED, "f"))
    board.add([found("a.pdf")])
    assert places(board) == {}
    assert board.remaining == 0


@pytest.mark.parametrize(
    ("record", "rules", "expected"),
    [
        (None, RULES, {"send": ["a.pdf"]}),
        (content(WITHDRAWN, "f"), RULES, {"send": ["a.pdf"]}),
        (content(WITHDRAWN, "f", was=JOB), RULES, {"in flight": ["a.pdf"]}),
        (content(JOB, "f"), RULES, {"in flight": ["a.pdf"]}),
        (content(STORED, "f"), RULES, {"store": ["a.pdf"]}),
        (content(FAILED, "f"), RULES, {"problems": ["a.pdf"]}),
        (content(FAILED, "f"), RETRY, {"send": ["a.pdf"]}),
        (content(FAILED, "f"), RESUBMIT, {"problems": ["a.pdf"]}),
        (content(WITHDRAWN, "f", was=FAILED), RETRY, {"send": ["a.pdf"]}),
        (content(INTENT, "f"), RULES, {"problems": ["a.pdf"]}),
        (content(INTENT, "f"), RESUBMIT, {"send": ["a.pdf"]}),
        (content(INTENT, "f"), RETRY, {"problems": ["a.pdf"]}),
    ],
)
def test_a_document_without_a_result_goes_where_its_content_stands(
    record: Content | None, rules: Rules, expected: dict[str, list[str]]
) -> None:
    board = new_board(document("a.pdf", "f"), *([record] if record else []), rules=rules)
    board.add([found("a.pdf")])
    assert places(board) == expected
    assert board.remaining == ("problems" not in expected)
    assert set(board.in_flight) == ({"f"} if "in flight" in expected else set())


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (content(FAILED, "f", message="file corrupted"), ("failed", "file corrupted")),
        (content(FAILED, "f"), ("failed", "no reason given")),
        (content(FAILED, "f", message=""), ("failed", "no reason given")),
        (content(INTENT, "f"), ("uncertain", UNCERTAIN)),
        (content(WITHDRAWN, "f", was=INTENT), ("uncertain", UNCERTAIN)),
    ],
)
def test_a_document_that_is_not_sent_again_has_a_reason(record: Content, problem: tuple[str, str]) -> None:
    board = new_board(document("a.pdf", "f"), record)
    board.add([found("a.pdf")])
    assert board.problems == {"/in/a.pdf": problem}


def test_a_submit_without_a_record_began_at_an_unknown_time() -> None:
    assert _uncertain(None).startswith("a submit that began at an unknown time did not end, perhaps")


def test_documents_of_one_content_are_one_group() -> None:
    board = new_board(document("a.pdf", "f"), document("b.pdf", "f"))
    board.add([found("a.pdf"), found("b.pdf"), found("c.pdf")])
    assert [(group.fingerprint, group.documents) for group in board.to_send] == [
        ("f", [found("a.pdf"), found("b.pdf")])
    ]
    assert board.remaining == 3


def test_a_result_that_is_gone_is_fetched_again() -> None:
    board = new_board(stored("a.pdf", "f"), content(STORED, "f"), missing={"a.pdf.json"})
    board.add([found("a.pdf")])
    assert places(board) == {"store": ["a.pdf"]}


def test_a_result_that_another_document_has_is_copied() -> None:
    holder = stored("a.pdf", "f")
    board = new_board(holder, document("b.pdf", "f"), content(STORED, "f"))
    board.add([found("b.pdf")])
    assert list(board.to_copy) == [(found("b.pdf"), holder)]
    assert places(board) == {"copy": ["b.pdf"]}
    assert board.remaining == 1


def test_a_result_that_is_gone_is_not_copied() -> None:
    board = new_board(
        stored("a.pdf", "f"), document("b.pdf", "f"), content(STORED, "f"), missing={"a.pdf.json"}
    )
    board.add([found("b.pdf")])
    assert places(board) == {"store": ["b.pdf"]}


def test_a_new_document_is_recorded_and_sent() -> None:
    board = new_board()
    records = board.identified(found("a.pdf", size=12), "f")
    assert records == [
        Document(DOCUMENT, "/in/a.pdf", 12, "mark-1", "config-1", "f", "a.pdf.json", "run-1", version=1)
    ]
    assert places(board) == {"send": ["a.pdf"]}
    assert [group.fingerprint for group in board.to_send] == ["f"]


def test_a_recorded_document_is_in_the_state_at_once() -> None:
    board = new_board()
    board.identified(found("a.pdf"), "f")
    board.add([found("a.pdf")])
    assert places(board) == {"send": ["a.pdf", "a.pdf"]}


def test_names_of_results_are_not_given_twice() -> None:
    board = new_board()
    outputs = [board.identified(found(name, name="a.pdf"), name)[0].output for name in ("x", "y")]
    assert outputs == ["a.pdf.json", with_digest("/in/y")]


def test_a_document_with_the_same_content_keeps_its_result_under_its_new_mark() -> None:
    seen = stored("a.pdf", "f", config="config-0")
    board = new_board(seen, content(STORED, "f"))
    assert board.identified(found("a.pdf", size=12, mark="mark-2"), "f") == [
        seen._replace(size=12, mark="mark-2", config="config-1", copied=True, run="run-1", version=4)
    ]
    assert places(board) == {}


@pytest.mark.parametrize(
    ("seen", "missing", "place"),
    [
        (stored("a.pdf", "old"), set(), "send"),
        (document("a.pdf", "f"), set(), "send"),
        (stored("a.pdf", "f"), {"a.pdf.json"}, "send"),
    ],
)
def test_a_seen_document_without_a_result_keeps_its_name(
    seen: Document, missing: set[str], place: str
) -> None:
    board = new_board(seen, missing=missing)
    assert board.identified(found("a.pdf", mark="mark-2"), "f") == [
        document("a.pdf", "f", mark="mark-2", run="run-1", version=4)
    ]
    assert places(board) == {place: ["a.pdf"]}


def test_a_document_that_has_handed_its_result_over_gets_a_new_name() -> None:
    seen = document("a.pdf", "f", output="")
    other = stored("b.pdf", "f", output="a.pdf.json")
    board = new_board(seen, other, content(STORED, "f"))
    board.add([found("b.pdf")])
    records = board.identified(found("a.pdf"), "f")
    assert [(record.output, record.version) for record in records] == [(with_digest("/in/a.pdf"), 4)]
    assert list(board.to_copy) == [(found("a.pdf"), other)]


MOVED = found("a.pdf", source="/new/a.pdf", mark="mark-2", size=12)


def test_the_result_of_a_document_that_has_moved_is_taken_over() -> None:
    former = stored("a.pdf", "f", config="config-0")
    board = new_board(former, content(STORED, "f"))
    board.add([MOVED])
    moved, without_result = board.identified(MOVED, "f")
    assert moved == former._replace(
        source="/new/a.pdf", size=12, mark="mark-2", config="config-1", copied=True, run="run-1", version=1
    )
    assert without_result == former._replace(output="", stored_at=None, version=4)
    assert places(board) == {"identify": ["a.pdf"]}


def test_a_result_that_was_taken_over_belongs_to_the_moved_document() -> None:
    board = new_board(stored("a.pdf", "f"), content(STORED, "f"))
    board.identified(MOVED, "f")
    (record,) = board.identified(found("a.pdf", source="/third/a.pdf"), "g")
    assert record.output == with_digest("/third/a.pdf")
    assert board._names.owner("a.pdf.json") == "/new/a.pdf"


@pytest.mark.parametrize(
    ("former", "listed", "missing"),
    [
        (stored("a.pdf", "f"), [found("a.pdf"), MOVED], set()),
        (stored("a.pdf", "other"), [MOVED], set()),
        (document("a.pdf", "f"), [MOVED], set()),
        (stored("a.pdf", "f"), [MOVED], {"a.pdf.json"}),
        (stored("b.pdf", "f"), [MOVED], set()),
    ],
    ids=["still there", "other content", "no result", "result is gone", "other name"],
)
def test_a_result_is_not_taken_over_otherwise(
    former: Document, listed: list[SourceDocument], missing: set[str]
) -> None:
    board = new_board(former, missing=missing)
    board.add(listed)
    (record,) = board.identified(MOVED, "f")
    assert (record.source, record.version, record.stored_at) == ("/new/a.pdf", 1, None)
    assert "send" in places(board)
