"""The loop of a run: which steps it starts, in which order, and how many at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.tasks.folder.fake_engine import Ended, Loop
from tests.tasks.folder.fakes import done, error, found, stored
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.job_window import JobWindow
from textin_provider.api.xparse import XParseJob
from textin_provider.tasks.folder.budget import Budget
from textin_provider.tasks.folder.engine import Pause
from textin_provider.tasks.folder.records import INTENT, Content

if TYPE_CHECKING:
    from tests.tasks.folder.fake_engine import Pool
    from tests.tasks.folder.fakes import Clock

pytestmark = pytest.mark.usefixtures("pool", "clock", "backoffs")


def start_all(loop: Loop) -> None:
    """Start what can be started in one turn; nothing ends."""
    loop.turns_left = 1
    with pytest.raises(Ended):
        loop.engine.work()


def due(loop: Loop, *names: str) -> None:
    """Have a job in flight for each name whose poll is due."""
    loop.fly(*names)
    for name in names:
        loop.board.in_flight[name].due = 900.0


def numbered(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number:02d}" for number in range(count)]


def test_a_document_goes_through_all_steps(pool: Pool, clock: Clock) -> None:
    loop = Loop()
    loop.board.add([found("a.pdf")])
    assert loop.engine.work() is Pause.DONE
    assert pool.started == [
        ("identify", found("a.pdf")),
        ("submit", found("a.pdf"), Content(INTENT, "a", 1, "/in/a.pdf", "", "run-1")),
        ("poll", "job-a"),
        ("store", "/in/a.pdf", "a", XParseJob("job-a", "completed")),
    ]
    assert clock.slept == [1.0]
    assert loop.board.remaining == 0
    assert loop.board.problems == {}
    assert loop.ledger.state.documents["/in/a.pdf"].stored_at == "now"


def test_a_document_with_the_same_content_gets_a_copy(pool: Pool) -> None:
    loop = Loop()
    loop.queue("a")
    loop.board.identified(found("b.pdf"), "a")
    assert loop.engine.work() is Pause.DONE
    assert pool.started[-1] == ("copy", "/in/b.pdf", loop.ledger.state.documents["/in/a.pdf"])
    assert loop.ledger.state.documents["/in/b.pdf"].stored_at
    assert pool.kinds == ["submit", "poll", "store", "copy"]


def test_a_copy_that_fails_is_fetched(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = Loop()
    loop.end("a")
    loop.board.identified(found("b.pdf"), "a")
    pool.holds = True
    assert loop.engine._start_one()
    _, on_end = loop.engine._running.popitem()[1]
    on_end(done((loop.ledger.state.contents["a"], stored("a.pdf", "a"))))
    assert loop.engine._start_one()
    _, on_end = loop.engine._running.popitem()[1]
    on_end(done(error(ErrorKind.STORAGE)))
    assert [group.documents for group in loop.board.to_store] == [[found("b.pdf")]]


def test_the_pool_has_eight_named_threads(pool: Pool) -> None:
    Loop()
    assert pool.made_with == (8, "textin")


def test_without_anything_to_do_the_loop_ends_at_once(pool: Pool, clock: Clock) -> None:
    loop = Loop()
    assert loop.engine.work() is Pause.DONE
    assert loop.turns == 1
    assert pool.started == []
    assert clock.slept == []
    assert pool.shut_down_with == {"wait": False, "cancel_futures": True}


def test_results_come_first_and_new_documents_last(pool: Pool) -> None:
    loop = Loop()
    loop.board.add([found("e.pdf")])
    due(loop, "d")
    loop.end("a")
    loop.queue("c")
    loop.board.to_copy.append((found("b.pdf"), stored("f.pdf", "f")))
    pool.holds = True
    start_all(loop)
    assert pool.kinds == ["store", "copy", "submit", "poll", "identify"]


@pytest.mark.parametrize(
    ("results", "copies", "contents", "jobs", "documents", "kinds"),
    [
        (10, 0, 0, 0, 0, {"store": 4}),
        (0, 10, 0, 0, 0, {"copy": 4}),
        (3, 10, 0, 0, 0, {"store": 3, "copy": 1}),
        (0, 0, 10, 0, 0, {"submit": 4}),
        (0, 0, 0, 10, 0, {"poll": 6}),
        (0, 0, 0, 0, 10, {"identify": 1}),
        (10, 0, 10, 10, 10, {"store": 4, "submit": 4}),
        (3, 0, 10, 10, 10, {"store": 3, "submit": 4, "poll": 1}),
        (1, 1, 1, 4, 10, {"store": 1, "copy": 1, "submit": 1, "poll": 4, "identify": 1}),
        (1, 1, 1, 5, 10, {"store": 1, "copy": 1, "submit": 1, "poll": 5}),
    ],
)
def test_only_so_many_steps_run_at_the_same_time(
    results: int, copies: int, contents: int, jobs: int, documents: int, kinds: dict[str, int], pool: Pool
) -> None:
    loop = Loop(window=JobWindow(100))
    loop.end(*numbered("r", results))
    due(loop, *numbered("j", jobs))
    loop.queue(*numbered("c", contents))
    loop.board.to_copy.extend([(found("x.pdf"), stored("y.pdf", "y"))] * copies)
    loop.board.to_identify.extend(found(f"{name}.pdf") for name in numbered("d", documents))
    pool.holds = True
    start_all(loop)
    assert {kind: pool.kinds.count(kind) for kind in pool.kinds} == kinds


@pytest.mark.parametrize(("ready", "is_identified"), [(15, True), (16, False), (17, False)])
def test_sixteen_identified_documents_are_kept_ready(ready: int, is_identified: bool, pool: Pool) -> None:
    loop = Loop(window=JobWindow(1))
    due(loop, "j")
    loop.queue(*numbered("c", ready))
    loop.board.to_identify.append(found("d.pdf"))
    pool.holds = True
    start_all(loop)
    assert pool.kinds == ["poll", *(["identify"] if is_identified else [])]


def test_documents_that_may_not_be_sent_are_not_identified(pool: Pool) -> None:
    loop = Loop(budget=Budget(0))
    loop.board.add([found("a.pdf")])
    assert loop.engine.work() is Pause.DONE
    assert pool.started == []
    assert loop.board.problems == {"/in/a.pdf": ("left", "not sent: max_documents=0 is reached")}


def test_housekeeping_is_done_in_each_turn() -> None:
    loop = Loop()
    loop.queue("a")
    assert loop.engine.work() is Pause.DONE
    # The submit ends, a second passes, the poll ends, the store ends, and nothing is left.
    assert loop.turns == 5


def test_an_error_of_a_step_ends_the_loop(pool: Pool) -> None:
    loop = Loop()
    loop.queue("a")
    loop.actions.submit = lambda *_: None
    with pytest.raises(AttributeError):
        loop.engine.work()
    assert pool.shut_down_with == {"wait": False, "cancel_futures": True}
    assert loop.engine._running == {}


def test_submits_that_have_begun_are_waited_for(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = Loop()
    late: list[Any] = []
    monkeypatch.setattr(loop.sending, "on_late_end", late.append)
    due(loop, "p")
    loop.queue("a", "b", "c")
    pool.holds = True
    for _ in range(4):
        assert loop.engine._start_one()
    assert pool.kinds == ["submit", "submit", "submit", "poll"]
    ended, cancelled, _, poll = pool.futures
    ended.set_result(None)
    cancelled.cancel()
    poll.set_result(None)
    loop.turns_left = 0
    with pytest.raises(Ended):
        loop.engine.work()
    assert late == [ended]
    assert pool.waits == [(3, None, "ALL_COMPLETED")]
    assert loop.engine._running == {}


def test_without_submits_nothing_is_waited_for_at_the_end(pool: Pool) -> None:
    loop = Loop()
    due(loop, "p")
    pool.holds = True
    start_all(loop)
    assert pool.kinds == ["poll"]
    assert [timeout for _, timeout, _ in pool.waits] == [1.0]


def test_the_error_that_ends_the_run_is_raised() -> None:
    lost = error(ErrorKind.REQUEST, "the lock is lost")

    def housekeeping() -> None:
        raise lost

    loop = Loop(housekeeping=housekeeping)
    loop.queue("a")
    with pytest.raises(ApiError) as raised:
        loop.engine.work()
    assert raised.value is lost
    assert loop.queued == ["a"]
