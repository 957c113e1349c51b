"""How far a batch is, by counts alone: what is asked for, and that a moving batch never looks settled."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from textin_provider.api.docflow.models import (
    PENDING_STATUSES,
    DocFlowFile,
    FilePage,
    RecognitionStatus,
    Selector,
)
from textin_provider.api.docflow.progress import Progress, poll_progress

if TYPE_CHECKING:
    from textin_provider.api.protocol import Request

SELECTOR = Selector("batch_number", "b")
#: The statuses in the order that a file passes them in, and the ends it can come to.
WAY = [int(status) for status in PENDING_STATUSES]
ENDS = [1, 2, 10]


class Batch:
    """Files that move while they are counted: a step at random before each answer."""

    def __init__(self, statuses: list[int], *, has_totals: bool = True, seed: int | None = None) -> None:
        self.statuses = statuses
        self.chance = random.Random(seed) if seed is not None else None
        self.has_totals = has_totals
        self.asked: list[dict[str, str]] = []

    def answer(self, call: Request[FilePage]) -> FilePage:
        asked = dict(call.params)
        self.asked.append(asked)
        if self.chance:
            self.statuses = [self._later(status) for status in self.statuses]
        wanted = asked.get("recognition_status")
        met = [status for status in self.statuses if wanted is None or status == int(wanted)]
        shown = met[: int(asked["page_size"])]
        files = tuple(DocFlowFile(str(number), status) for number, status in enumerate(shown))
        return FilePage(files, len(met) if self.has_totals else None)

    def _later(self, status: int) -> int:
        assert self.chance is not None
        if status not in WAY or self.chance.random() < 0.4:
            return status
        on_the_way = [*WAY[WAY.index(status) + 1 :], -1]
        later = self.chance.choice(on_the_way[:3])
        return self.chance.choice(ENDS) if later == -1 else later

    @property
    def is_pending(self) -> bool:
        return any(status not in ENDS for status in self.statuses)


def progress_of(batch: Batch) -> Progress:
    look = poll_progress("w", SELECTOR)
    try:
        call = next(look)
        while True:
            assert len(batch.asked) < 30, "the look does not end"
            call = look.send(batch.answer(call))
    except StopIteration as end:
        seen: Progress = end.value
        return seen


def test_the_ends_are_counted_first_and_the_grand_total_last() -> None:
    batch = Batch([1, 1, 2, 10, 0, 20])

    assert progress_of(batch) == Progress(total=6, succeeded=2, failed=1, classified=1, is_pending=True)
    assert [asked.get("recognition_status") for asked in batch.asked] == ["1", "2", "10", None]


@pytest.mark.parametrize("has_totals", [True, False], ids=["totals", "no totals"])
def test_never_more_than_one_file_is_asked_for(has_totals: bool) -> None:
    batch = Batch([1] * 500, has_totals=has_totals)
    progress_of(batch)

    assert {asked["page_size"] for asked in batch.asked} == {"1"}
    assert {(asked["workspace_id"], asked["batch_number"]) for asked in batch.asked} == {("w", "b")}
    assert not any(name.startswith("with_") for asked in batch.asked for name in asked)


@pytest.mark.parametrize("total", [1, 5, 1000])
@pytest.mark.parametrize("end", ENDS)
def test_a_batch_that_has_ended_is_settled(total: int, end: int) -> None:
    progress = progress_of(Batch([end] * total))

    assert (progress.total, progress.done) == (total, total)
    assert progress.is_settled(1)
    assert progress.is_settled(total)
    assert not progress.is_settled(total + 1)


@pytest.mark.parametrize("has_totals", [True, False], ids=["totals", "no totals"])
@pytest.mark.parametrize("expected", [0, 1, 5])
def test_an_empty_list_is_never_settled(expected: int, has_totals: bool) -> None:
    assert not progress_of(Batch([], has_totals=has_totals)).is_settled(expected)


@pytest.mark.parametrize("has_totals", [True, False], ids=["totals", "no totals"])
@pytest.mark.parametrize("status", WAY)
def test_one_file_in_work_keeps_a_batch_moving(status: int, has_totals: bool) -> None:
    progress = progress_of(Batch([1] * 50 + [status] + [2] * 49, has_totals=has_totals))

    assert progress.is_pending
    assert not progress.is_settled(1)


@pytest.mark.parametrize("status", [8, 9, 99, -1])
def test_a_status_that_is_not_known_counts_as_moving(status: int) -> None:
    assert not progress_of(Batch([1, status])).is_settled(1)


@pytest.mark.parametrize("has_totals", [True, False], ids=["totals", "no totals"])
def test_a_batch_that_moves_between_the_counts_never_looks_settled(has_totals: bool) -> None:
    settled = 0
    for seed in range(3000):
        chance = random.Random(seed)
        start = [chance.choice([*WAY, *ENDS]) for _ in range(chance.choice([1, 2, 3, 8]))]
        batch = Batch(start, has_totals=has_totals, seed=seed)
        progress = progress_of(batch)
        if progress.is_settled(1):
            settled += 1
            assert not batch.is_pending, f"seed {seed}: {start} came to {batch.statuses}: {progress}"
        if has_totals:
            assert progress.done <= len(start)
    assert settled > 100, "the batches of this test must come to an end often enough"


def test_a_file_that_arrives_while_the_others_are_counted_keeps_the_batch_moving() -> None:
    class Growing(Batch):
        def answer(self, call: Request[FilePage]) -> FilePage:
            if len(self.asked) == arrival:
                self.statuses = [*self.statuses, 0]
            return super().answer(call)

    for arrival in range(4):  # noqa: B007 - the batch reads it
        assert not progress_of(Growing([1, 2])).is_settled(1)


def test_totals_that_come_and_go_settle_no_batch_that_moves() -> None:
    class Forgetful(Batch):
        def answer(self, call: Request[FilePage]) -> FilePage:
            page = super().answer(call)
            return FilePage(page.files, None if chance.random() < 0.3 else page.total)

    for seed in range(300):
        chance = random.Random(seed)
        batch = Forgetful([chance.choice([*WAY, *ENDS]) for _ in range(4)])
        assert not (progress_of(batch).is_settled(1) and batch.is_pending), f"seed {seed}: {batch.statuses}"


def test_a_grand_total_that_alone_is_missing_settles_nothing() -> None:
    class Forgetful(Batch):
        def answer(self, call: Request[FilePage]) -> FilePage:
            page = super().answer(call)
            return page if "recognition_status" in dict(call.params) else FilePage(page.files, None)

    assert not progress_of(Forgetful([1, 1, 1, 4])).is_settled(1)


def test_without_totals_it_asks_for_the_moving_states_in_their_order_and_for_the_ends_last() -> None:
    batch = Batch([1], has_totals=False)
    progress = progress_of(batch)

    asked = [int(asked["recognition_status"]) for asked in batch.asked]
    assert asked == [1, *WAY, *ENDS]
    assert progress.total is None
    assert progress.is_settled(1)


@pytest.mark.parametrize(
    ("progress", "expected", "words"),
    [
        (Progress(0, 0, 0, 0, False), 1, "no file is visible"),
        (Progress(500, 409, 3, 0, True), 1, "412 of 500 done, 3 failed"),
        (Progress(3, 3, 0, 0, False), 5, "3 of 3 (5 expected) done, 0 failed"),
        (Progress(5, 5, 0, 0, False), 5, "5 of 5 done, 0 failed"),
        (Progress(2, 0, 0, 2, False), 1, "2 of 2 done, 0 failed"),
        (Progress(None, 1, 0, 0, True), 1, "some are in progress"),
        (Progress(None, 1, 0, 0, False), 1, "no file in progress is visible"),
    ],
)
def test_progress_is_told_in_words(progress: Progress, expected: int, words: str) -> None:
    assert progress.describe(expected).startswith(words)


def test_a_batch_that_nobody_knows_says_what_to_check() -> None:
    assert "check the id and the workspace" in progress_of(Batch([])).describe(1)


def test_a_look_is_over_after_a_few_calls_whatever_is_answered() -> None:
    class Monotonous(Batch):
        def answer(self, call: Request[FilePage]) -> FilePage:
            super().answer(call)
            return FilePage((), total)

    for total in (None, 0, -5):  # noqa: B007 - the batch reads it
        assert not progress_of(Monotonous([1, 4])).is_settled(1)


def test_the_statuses_of_this_test_are_those_of_docflow() -> None:
    assert set(WAY) | set(ENDS) == {int(status) for status in RecognitionStatus} - {-1}
