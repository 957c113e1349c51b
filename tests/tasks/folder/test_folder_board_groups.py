"""The contents of a run: their attempts, how they end, and the copies of their results."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tasks.folder.fakes import content, document, found, new_board, stored
from textin_provider.tasks.folder.board import Board, Group, Rules
from textin_provider.tasks.folder.records import FAILED, INTENT, JOB, STORED, WITHDRAWN, Content

A, B, C = found("a.pdf"), found("b.pdf"), found("c.pdf")
RETRY = Rules("config-1", "run-1", retry_failed=True, resubmit_uncertain=True)


def with_group(*records: Content, place: str = "to_send", rules: Rules = RETRY) -> tuple[Board, Group]:
    """Return a board with one content of two documents."""
    board = new_board(document("a.pdf", "f"), document("b.pdf", "f"), *records, rules=rules)
    board.add([A, B])
    group = board.in_flight["f"] if place == "in_flight" else getattr(board, place)[0]
    return board, group


def test_the_first_attempt_of_a_content_has_number_one() -> None:
    board, group = with_group()
    assert board.next_attempt(group) == Content(
        INTENT, "f", 1, "/in/a.pdf", "", "run-1", was=None, message=None
    )


@pytest.mark.parametrize(
    ("record", "was"),
    [
        (content(FAILED, "f", message="why"), FAILED),
        (content(WITHDRAWN, "f", was=None, message="why"), None),
        (content(INTENT, "f", message="why"), INTENT),
    ],
)
def test_another_attempt_has_the_next_number_and_tells_what_was_before(
    record: Content, was: str | None
) -> None:
    board, group = with_group(record)
    assert board.next_attempt(group) == Content(
        INTENT, "f", 3, "/in/a.pdf", "", "run-1", was=was, message="why"
    )


@pytest.mark.parametrize("kind", [FAILED, INTENT])
def test_no_content_is_sent_twice_by_one_process(kind: str) -> None:
    board, group = with_group(content(kind, "f"))
    board.next_attempt(group)
    board.close(board.to_send.popleft(), "failed", "no")
    board.identified(C, "f")
    assert not board.to_send
    assert board.problems["/in/c.pdf"][0] == ("failed" if kind == FAILED else "uncertain")


def test_a_content_that_is_put_back_is_sent_first_and_may_be_tried_again() -> None:
    board, group = with_group(content(FAILED, "f"))
    board.identified(C, "g")
    board.next_attempt(board.to_send.popleft())
    board.put_back(group)
    assert [group.fingerprint for group in board.to_send] == ["f", "g"]
    board.close(board.to_send.popleft(), "left", "later")
    board.identified(found("d.pdf"), "f")
    assert [group.fingerprint for group in board.to_send] == ["g", "f"]


def test_documents_remain_until_they_are_done() -> None:
    board, _ = with_group(content(JOB, "f"), place="in_flight")
    board.to_identify.append(C)
    board.to_copy.extend([(C, stored("a.pdf", "f"))] * 3)
    assert board.remaining == 1 + 3 + 2


def test_all_documents_of_a_content_that_ends_have_its_problem() -> None:
    board, group = with_group(content(JOB, "f"), place="in_flight")
    board.close(group, "failed", "file corrupted")
    assert board.problems == dict.fromkeys(["/in/a.pdf", "/in/b.pdf"], ("failed", "file corrupted"))
    assert board.in_flight == {}
    assert board.remaining == 0


def test_a_content_that_has_ended_may_be_closed_again() -> None:
    board, group = with_group()
    board.close(group, "failed", "first")
    board.close(group, "failed", "second")
    assert board.problems["/in/a.pdf"] == ("failed", "second")


def test_the_other_documents_of_a_content_get_copies_of_its_result() -> None:
    missing = {"a.pdf.json", "c.pdf.json"}
    board = new_board(document("a.pdf", "f"), document("b.pdf", "f"), content(JOB, "f"), missing=missing)
    board.add([A, B])
    record = stored("a.pdf", "f")
    board.stored(board.in_flight["f"], record)
    assert list(board.to_copy) == [(B, record)]
    assert board.in_flight == {}
    assert board.remaining == 1
    assert missing == {"c.pdf.json"}
    assert board.problems == {}


def test_a_result_may_be_stored_for_a_content_that_has_ended() -> None:
    board, group = with_group(content(JOB, "f"), place="in_flight")
    board.close(group, "submitted", "late")
    board.stored(group, stored("a.pdf", "f"))
    board.stored(group, stored("a.pdf", "f"))
    assert [copied for copied, _ in board.to_copy] == [B, B]


def place_for(board: Board, name: str, fingerprint: str) -> str:
    """Return where the result of another document of a stored content comes from."""
    before = len(board.to_copy)
    board.identified(found(name), fingerprint)
    return "copy" if len(board.to_copy) > before else "store"


def test_a_result_that_this_run_has_stored_is_copied() -> None:
    board = new_board(content(STORED, "f"), content(STORED, "g"), document("a.pdf", "f"))
    assert place_for(board, "c.pdf", "g") == "store"
    record = stored("a.pdf", "f")
    board._state.merge(record._replace(version=4))
    assert place_for(board, "d.pdf", "f") == "store"
    group = board.to_store.pop()
    board.stored(group, record)
    assert place_for(board, "e.pdf", "f") == "copy"
    assert board.to_copy[0][1].version == 4


@pytest.mark.parametrize("changes", [{"fingerprint": "new"}, {"stored_at": None}])
def test_a_result_that_was_replaced_meanwhile_is_not_copied(changes: dict[str, Any]) -> None:
    holder = stored("a.pdf", "f")
    board = new_board(holder, content(STORED, "f"))
    assert place_for(board, "b.pdf", "f") == "copy"
    board._state.merge(holder._replace(version=4, **changes))
    assert place_for(board, "c.pdf", "f") == "store"


def test_only_the_result_of_the_same_content_is_copied() -> None:
    board = new_board(stored("a.pdf", "f"), content(STORED, "g"))
    assert place_for(board, "b.pdf", "g") == "store"


def test_another_document_is_sent_for_one_that_could_not_be_read() -> None:
    board, group = with_group(content(FAILED, "f"))
    board.next_attempt(board.to_send.popleft())
    board.close(group, "failed", "it cannot be read")
    board.retry_twins([B], "f")
    assert board.problems == {"/in/a.pdf": ("failed", "it cannot be read")}
    assert [(group.fingerprint, group.documents) for group in board.to_send] == [("f", [B])]


def test_a_result_is_not_copied_from_the_document_itself() -> None:
    board = new_board(stored("a.pdf", "f"), content(STORED, "f"))
    board.problems["/in/a.pdf"] = "failed", "it cannot be read"
    board.retry_twins([A], "f")
    assert not board.to_copy
    assert [group.documents for group in board.to_store] == [[A]]


def test_a_result_that_could_not_be_copied_is_fetched() -> None:
    board = new_board()
    board.fetch_instead(A, "f")
    assert [(group.fingerprint, group.documents) for group in board.to_store] == [("f", [A])]
    assert board.remaining == 1
    board.identified(B, "f")
    assert board.to_store[0].documents == [A, B]


def test_what_is_not_sent_is_left_to_the_next_run() -> None:
    board, _ = with_group()
    board.identified(C, "g")
    board.add([found("d.pdf"), found("e.pdf")])
    board.give_up_sending("not sent: why")
    names = ["a", "b", "c", "d", "e"]
    assert board.problems == {f"/in/{name}.pdf": ("left", "not sent: why") for name in names}
    assert not board.to_send
    assert not board.to_identify
    assert board.remaining == 0
