"""The loop of a run while it has nothing to start: how long it waits, and when it ends or may be deferred."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from tests.tasks.folder.fake_engine import Loop
from tests.tasks.folder.fakes import error, found, stored
from textin_provider.api.errors import ErrorKind
from textin_provider.api.job_window import JobWindow
from textin_provider.tasks.folder.engine import Limits, Pause

if TYPE_CHECKING:
    from tests.tasks.folder.fake_engine import Pool
    from tests.tasks.folder.fakes import Clock

pytestmark = pytest.mark.usefixtures("pool", "clock", "backoffs")


def waiting(clock: Clock, *, idle: float = 10.0, **options: Any) -> Loop:
    """Return a loop that has been idle with one job, which was polled just now."""
    loop = Loop(**{"deferrable": True, "poll_interval": 20.0, **options})
    loop.fly("a")
    clock.now += idle
    loop.board.in_flight["a"].polled = clock.now
    return loop


def delays(loop: Loop, pool: Pool, clock: Clock) -> tuple[list[float], list[tuple[int, float | None, str]]]:
    """Return for how long the loop sleeps, and for how long it waits for steps, in one turn."""
    loop.engine._take_ended()
    return clock.slept, pool.waits


def test_pauses_and_limits_have_plain_values() -> None:
    assert (Pause.DONE.value, Pause.WAITING.value) == ("done", "waiting")
    assert Limits(1.0, 2.0, True) == Limits(deadline=1.0, poll_interval=2.0, deferrable=True)


@pytest.mark.parametrize(("due", "delay"), [(900.0, 0.0), (1000.25, 0.25), (1001.0, 1.0), (1009.0, 1.0)])
def test_without_steps_the_loop_sleeps_until_something_is_due(
    due: float, delay: float, pool: Pool, clock: Clock
) -> None:
    loop = Loop()
    loop.fly("a")
    loop.board.in_flight["a"].due = due
    assert delays(loop, pool, clock) == ([delay], [])


def test_without_anything_due_the_loop_sleeps_for_a_second(pool: Pool, clock: Clock) -> None:
    assert delays(Loop(), pool, clock) == ([1.0], [])


@pytest.mark.parametrize(("due", "timeout"), [(900.0, 0.01), (1000.5, 0.5), (1009.0, 1.0)])
def test_with_steps_the_loop_waits_for_the_first_that_ends(
    due: float, timeout: float, pool: Pool, clock: Clock
) -> None:
    loop = Loop()
    loop.fly("a")
    loop.board.in_flight["a"].due = due
    loop.queue("b")
    pool.holds = True
    assert loop.engine._start_one()
    assert delays(loop, pool, clock) == ([], [(1, timeout, "FIRST_COMPLETED")])
    assert len(loop.engine._running) == 1


def test_a_step_that_has_ended_is_taken_in_once(pool: Pool, clock: Clock) -> None:
    loop = Loop()
    loop.queue("a", "b")
    assert loop.engine._start_one()
    pool.holds = True
    assert loop.engine._start_one()
    loop.engine._take_ended()
    assert list(loop.board.in_flight) == ["a"]
    assert list(loop.engine._running) == pool.futures[1:]


@pytest.mark.parametrize(
    ("poll", "store", "pause", "due"),
    [
        (1003.0, None, False, 1003.0),
        (1003.0, 1002.5, False, 1002.5),
        (1003.0, 1002.5, True, 1002.0),
        (1001.0, 1002.5, True, 1001.0),
        (math.inf, None, False, math.inf),
    ],
)
def test_the_next_due_step_is_a_poll_a_result_or_a_submit(
    poll: float, store: float | None, pause: bool, due: float
) -> None:
    loop = Loop()
    loop.fly("a", "b")
    if store is not None:
        loop.board.to_store.append(loop.board.in_flight.pop("b"))
        loop.board.to_store[0].due = store
    for group in loop.board.in_flight.values():
        group.due = poll
    if pause:
        loop.queue("c")
        loop.refuse(ErrorKind.SERVER)
    assert loop.engine._next_due() == due


def test_a_loop_with_nothing_left_is_done() -> None:
    assert Loop(deferrable=True).engine._pause() is Pause.DONE


def test_a_loop_ends_when_the_rest_may_not_be_sent() -> None:
    loop = Loop(stopped=error(message="stopped"))
    loop.queue("a")
    loop.board.to_identify.append(found("b.pdf"))
    assert loop.engine._pause() is Pause.DONE
    assert dict.fromkeys(loop.board.problems.values()) == {("left", "not sent: stopped"): None}


def test_a_loop_with_jobs_in_flight_may_be_deferred(clock: Clock) -> None:
    assert waiting(clock).engine._pause() is Pause.WAITING


@pytest.mark.parametrize("place", ["to_send", "to_identify"])
def test_a_loop_with_a_full_window_may_be_deferred(place: str, clock: Clock) -> None:
    loop = waiting(clock, window=JobWindow(1))
    loop.queue("b") if place == "to_send" else loop.board.to_identify.append(found("b.pdf"))
    assert loop.engine._pause() is Pause.WAITING


@pytest.mark.parametrize("place", ["to_send", "to_identify"])
def test_a_loop_without_jobs_waits_for_what_is_to_be_sent(place: str, clock: Clock) -> None:
    loop = Loop(deferrable=True)
    loop.queue("b") if place == "to_send" else loop.board.to_identify.append(found("b.pdf"))
    clock.now += 60.0
    assert loop.engine._pause() is None


@pytest.mark.parametrize("place", ["to_store", "to_copy"])
def test_a_loop_with_results_to_store_is_not_deferred(place: str, clock: Clock) -> None:
    loop = waiting(clock)
    if place == "to_copy":
        loop.board.to_copy.append((found("b.pdf"), stored("c.pdf", "f")))
    else:
        loop.board.fetch_instead(found("b.pdf"), "f")
    assert loop.engine._pause() is None


@pytest.mark.parametrize(
    ("options", "pause"),
    [
        ({"deferrable": False}, None),
        ({"deadline": 1010.0}, None),
        ({"deadline": 1009.0}, None),
        ({"deadline": 1010.5}, Pause.WAITING),
        ({"poll_interval": 20.0, "idle": 4.5}, None),
        ({"poll_interval": 20.0, "idle": 5.0}, Pause.WAITING),
        ({"poll_interval": 4.0, "idle": 1.5}, None),
        ({"poll_interval": 4.0, "idle": 2.0}, Pause.WAITING),
        ({"poll_interval": 4.0, "idle": 2.5}, Pause.WAITING),
    ],
)
def test_a_wait_is_deferred_in_time_and_after_half_an_interval(
    options: dict[str, Any], pause: Pause | None, clock: Clock
) -> None:
    assert waiting(clock, **options).engine._pause() is pause


def test_each_job_is_polled_once_more_before_a_wait_is_deferred(clock: Clock) -> None:
    loop = waiting(clock)
    loop.board.in_flight["a"].polled = 999.5
    loop.board.in_flight["a"].due = 1015.0
    assert loop.engine._pause() is None
    assert loop.board.in_flight["a"].due == 1000.0
    loop.board.in_flight["a"].polled = 1000.0
    assert loop.engine._pause() is Pause.WAITING


@pytest.mark.parametrize(
    ("takes", "pause"), [(24.5, None), (25.0, Pause.WAITING), (10.5, None), (10.0, Pause.WAITING)]
)
def test_a_wait_for_a_job_that_ends_soon_is_not_deferred(
    takes: float, pause: Pause | None, clock: Clock
) -> None:
    loop = waiting(clock)
    loop.timing.on_end(100.0, 100.0 + takes, 100.0 + takes)
    assert loop.engine._pause() is pause


@pytest.mark.parametrize(("kind", "idle_since"), [("poll", 100.0), ("store", 107.0), ("submit", 107.0)])
def test_all_steps_but_polls_end_the_idle_time(kind: str, idle_since: float, clock: Clock) -> None:
    loop = Loop()
    clock.now += 7.0
    if kind == "submit":
        loop.queue("a")
    elif kind == "store":
        loop.end("a")
    else:
        loop.fly("a")
        loop.board.in_flight["a"].due = 900.0
    assert loop.engine._start_one()
    assert loop.engine._idle_since == idle_since


def test_a_run_over_jobs_that_do_not_end_is_deferred(pool: Pool, clock: Clock) -> None:
    loop = Loop(deferrable=True)
    loop.actions.status = "pending"
    loop.queue("a", "b")
    assert loop.engine.work() is Pause.WAITING
    assert pool.kinds[:2] == ["submit", "submit"]
    assert set(pool.kinds[2:]) == {"poll"}
    assert list(loop.board.in_flight) == ["a", "b"]
    assert 1005.0 <= clock.now < 1020.0


def test_a_run_that_is_not_deferred_waits_until_its_deadline(clock: Clock) -> None:
    loop = Loop(deadline=1050.0)
    loop.actions.status = "pending"
    loop.queue("a")
    assert loop.engine.work() is Pause.DONE
    assert loop.engine.results.unfinished == 1
    assert 1050.0 <= clock.now < 1071.0
