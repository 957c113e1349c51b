"""Many jobs on a worker, with polls that are answered from a dict: no network, no clock."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.xparse import XParseJob
from textin_provider.polling.policy import PollPolicy
from textin_provider.polling.xparse import JobWait
from textin_provider.tasks import jobs
from textin_provider.tasks.jobs import map_in_threads, poll_pending, poll_until_done

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from textin_provider.polling.decision import Decision

INTERVAL = 10.0


def error(kind: ErrorKind = ErrorKind.SERVER) -> ApiError:
    return ApiError(kind, about="xParse job x: status", message="HTTP 502")


def wait_for(*job_ids: str, deadline: float = 4e9, chance: float = 0.5) -> JobWait:
    return JobWait(list(job_ids), PollPolicy(INTERVAL, deadline, 60.0), chance=lambda: chance)


class Service:
    """Returns the scripted states of jobs, the last one for ever, and notes the polls."""

    def __init__(self, **states: list[Any]) -> None:
        self.states = states
        self.polls: list[str] = []
        self._lock = threading.Lock()

    def poll(self, job_id: str) -> XParseJob:
        with self._lock:
            self.polls.append(job_id)
            states = self.states[job_id]
            state = states.pop(0) if len(states) > 1 else states[0]
        if isinstance(state, ApiError):
            raise state
        return XParseJob(job_id, state)


def silent(decision: Decision) -> None:
    pass


def test_results_and_errors_come_in_the_order_of_the_items() -> None:
    problem = error()

    def action(number: int) -> int:
        if number == 3:
            raise problem
        return number * 2

    assert list(map_in_threads(action, range(6))) == [0, 2, 4, problem, 8, 10]


def test_the_first_item_is_handled_alone() -> None:
    begun: list[int] = []

    def action(number: int) -> int:
        if number == 0:
            assert begun == []
        begun.append(number)
        return number

    results = map_in_threads(action, range(5))
    assert next(results) == 0
    assert begun == [0]
    assert list(results) == [1, 2, 3, 4]


def test_as_many_items_as_threads_are_handled_at_the_same_time() -> None:
    barrier = threading.Barrier(jobs._MAX_THREADS, timeout=10)

    def action(number: int) -> str:
        if number:
            barrier.wait()
        return threading.current_thread().name

    names = list(map_in_threads(action, range(1 + jobs._MAX_THREADS)))
    assert names[0] == "MainThread"
    assert all(str(name).startswith("textin") for name in names[1:])


@pytest.mark.parametrize("bad", [0, 1], ids=["first", "in a thread"])
def test_an_error_of_another_class_is_a_result_too(bad: int) -> None:
    problem = ZeroDivisionError()

    def action(number: int) -> int:
        if number == bad:
            raise problem
        return number

    assert list(map_in_threads(action, range(3))) == [problem if n == bad else n for n in range(3)]


def test_calls_that_have_begun_are_not_waited_for_after_an_early_end() -> None:
    go_on, ended = threading.Event(), threading.Event()

    def action(number: int) -> None:
        if number > 1:
            go_on.wait(30)
            ended.set()

    results = map_in_threads(action, range(100))
    assert [next(results), next(results)] == [None, None]
    results.close()
    assert not ended.is_set()
    go_on.set()
    assert ended.wait(30)


def test_calls_that_have_not_begun_are_cancelled_by_a_signal() -> None:
    class Interrupted(list[int]):
        """A signal arrives while the last items are handed to the threads."""

        def __getitem__(self, at: Any) -> Any:
            return self._interrupted() if at == slice(1, None) else super().__getitem__(at)

        def _interrupted(self) -> Iterator[int]:
            yield from list(self)[1:]
            raise KeyboardInterrupt

    go_on = threading.Event()
    begun: list[int] = []

    def action(number: int) -> None:
        begun.append(number)
        if number:
            go_on.wait(30)

    with pytest.raises(KeyboardInterrupt):
        list(map_in_threads(action, Interrupted(range(100))))
    go_on.set()
    for thread in threading.enumerate():
        if thread.name.startswith("textin"):
            thread.join(30)
    assert len(begun) <= 1 + jobs._MAX_THREADS


def test_an_error_of_another_class_ends_a_poll() -> None:
    def poll(job_id: str) -> XParseJob:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        poll_pending(wait_for("a", "b"), poll, silent)


@pytest.mark.parametrize("items", [[], [1]], ids=["none", "one"])
def test_an_item_alone_or_none_needs_no_threads(items: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "ThreadPoolExecutor", None)
    assert list(map_in_threads(lambda item: item, items)) == items


def test_a_pending_first_key_costs_one_poll_and_gives_the_delay() -> None:
    service = Service(a=["pending"], b=["completed"])
    decision = poll_pending(wait_for("a", "b"), service.poll, silent)
    assert (decision.outcome, decision.delay) == (None, INTERVAL)
    assert service.polls == ["a"]


def test_batches_double_until_one_key_has_not_ended() -> None:
    names = [f"j{number}" for number in range(10)]
    service = Service(
        **{name: ["completed"] for name in names[:5]}, **{name: ["pending"] for name in names[5:]}
    )
    wait = wait_for(*names)
    decision = poll_pending(wait, service.poll, silent)
    assert decision.delay == INTERVAL
    # 1, then 2, then 4 of which two have not ended.
    assert sorted(service.polls) == names[:7]
    assert list(wait.pending) == names[5:]


def test_a_batch_has_no_more_than_64_keys() -> None:
    names = [f"j{number:03}" for number in range(300)]
    sizes: list[int] = []
    service = Service(**{name: ["completed"] for name in names})
    wait = wait_for(*names)

    def poll(name: str) -> XParseJob:
        return service.poll(name)

    def note(items: Callable[[str], Any], keys: list[str]) -> Any:
        sizes.append(len(keys))
        return map_in_threads(items, keys)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "map_in_threads", note)
        decision = poll_pending(wait, poll, silent)
    assert sizes == [1, 2, 4, 8, 16, 32, 64, 64, 64, 45]
    assert decision.event is not None
    assert decision.event["ending"] == "terminal"
    assert set(wait.ended) == set(names)


def test_no_keys_are_done() -> None:
    decision = poll_pending(wait_for(), Service().poll, silent)
    assert decision.event == {"ending": "terminal"}


def test_an_error_in_a_batch_loses_no_state_of_the_others() -> None:
    service = Service(a=["completed"], b=[error()], c=["completed"])
    wait = wait_for("a", "b", "c")
    decision = poll_pending(wait, service.poll, silent)
    assert decision.outcome is None
    assert decision.delay == 1.0  # half of the ceiling of 2 s
    assert list(wait.pending) == ["b"]


def test_an_outcome_in_a_batch_goes_before_a_delay() -> None:
    service = Service(a=["completed"], b=["pending"], c=[error(ErrorKind.AUTHENTICATION)])
    decision = poll_pending(wait_for("a", "b", "c"), service.poll, silent)
    assert decision.event is not None
    assert decision.event["fault"]["kind"] == "authentication"


def test_messages_are_logged_and_nothing_else() -> None:
    logged: list[str | None] = []
    service = Service(a=["completed"], b=["paused"])
    poll_pending(wait_for("a", "b"), service.poll, lambda decision: logged.append(decision.message))
    assert logged == [
        "xParse jobs: 1 of 2 have ended, 0 failed.",
        "xParse job b has the unknown status 'paused'; handled as not finished.",
    ]


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr("textin_provider.tasks.jobs.time.sleep", found.append)
    return found


def test_a_worker_polls_until_all_have_ended(sleeps: list[float]) -> None:
    service = Service(a=["pending", error(), "completed"])
    event = poll_until_done(wait_for("a"), service.poll, silent)
    assert [job["status"] for job in event["jobs"]] == ["completed"]
    assert service.polls == ["a"] * 3
    # At first anywhere in the interval, then the interval, then the backoff.
    assert sleeps == [INTERVAL / 2, INTERVAL, 1.0]


def test_a_worker_continues_after_the_delay_of_an_earlier_poll(sleeps: list[float]) -> None:
    poll_until_done(wait_for("a"), Service(a=["completed"]).poll, silent, delay=3.5)
    assert sleeps == [3.5]


def test_a_worker_stops_at_the_deadline(sleeps: list[float]) -> None:
    event = poll_until_done(wait_for("a", deadline=1.0), Service(a=["pending"]).poll, silent)
    assert event["ending"] == "timeout"
    assert sleeps == [0.0]


def test_a_worker_polls_at_once_after_a_delay_of_zero(sleeps: list[float]) -> None:
    service = Service(a=[error(), "completed"])
    poll_until_done(wait_for("a", chance=0.0), service.poll, silent, delay=0.0)
    assert sleeps == [0.0, 0.0]
