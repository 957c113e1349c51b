"""The wait for a DocFlow batch: decisions alone, as in :mod:`textin_provider.api.waiting`."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from textin_provider.api.waiting import Chance, Outcome, Pace, Decision, Wait

if TYPE_CHECKING:
    from textin_provider.api.batch import Progress
    from textin_provider.api.docflow import Selector


class BatchWait(Wait):
    """
    The wait for the files of a DocFlow batch.

    :param expected_files: how many files must be visible before the wait can end, at least one.
    """

    def __init__(
        self, selector: Selector, pace: Pace, *, expected_files: int, chance: Chance = random.random
    ) -> None:
        super().__init__([str(selector)], pace, chance=chance)
        self.selector = selector
        self.expected_files = expected_files
        self._progress: Progress | None = None

    def on_state(self, key: str, seen: Progress, *, now: float) -> Decision:
        """Judge the counts of a batch."""
        self._looked(key)
        self._progress = seen
        if seen.is_settled(self.expected_files):
            return Decision(event={"ending": Outcome.TERMINAL.value})
        return self._wait_on(key, f"{self._describe()}: {self._describe_state()}.", now)

    def _describe(self) -> str:
        return f"DocFlow files of {self.selector}"

    def _describe_state(self) -> str:
        if self._progress is None:
            return "their state never came"
        return self._progress.describe(self.expected_files)
