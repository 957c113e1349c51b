"""The wait for the files of a DocFlow batch."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from textin_provider.polling.decision import Decision, done
from textin_provider.polling.wait import Wait

if TYPE_CHECKING:
    from textin_provider.api.docflow.models import Selector
    from textin_provider.api.docflow.progress import Progress
    from textin_provider.api.docflow.summary import BatchSummary
    from textin_provider.api.retry import Chance
    from textin_provider.polling.policy import PollPolicy


class BatchWait(Wait):
    """
    The wait for the files of a DocFlow batch.

    :param expected_files: the number of files, at least one, that must be visible before the wait can end.
    """

    def __init__(
        self, selector: Selector, policy: PollPolicy, *, expected_files: int, chance: Chance = random.random
    ) -> None:
        super().__init__([str(selector)], policy, chance=chance)
        self.selector = selector
        self.expected_files = expected_files
        self._state: Progress | BatchSummary | None = None

    def on_state(self, key: str, state: Progress | BatchSummary, *, now: float) -> Decision:
        """Judge the progress of the batch."""
        self._polled(key)
        self._state = state
        if state.is_settled(self.expected_files):
            return done()
        return self._wait_on(key, f"{self._describe()}: {self._describe_state()}.", now)

    def _describe(self) -> str:
        return f"DocFlow files of {self.selector}"

    def _describe_state(self) -> str:
        return self._state.describe(self.expected_files) if self._state else "no state received yet"
