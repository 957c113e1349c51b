"""The decision after a poll: poll again after a delay, or end the wait with an outcome."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Outcome(StrEnum):
    """How a wait ended. The values stand in stored events, so they never change."""

    DONE = "terminal"
    TIMED_OUT = "timeout"
    ERROR = "fault"


@dataclass(frozen=True, slots=True)
class Decision:
    """
    What to do after one poll.

    :param outcome: how the wait ended, None to continue.
    :param delay: seconds until the same key is polled again; None if that key has ended.
    :param message: a line for the log, None to log nothing.
    :param is_warning: whether the line is a warning.
    :param is_limited: whether the poll was refused for its rate.
    :param details: the members of the event besides the outcome.
    """

    outcome: Outcome | None = None
    delay: float | None = None
    message: str | None = None
    is_warning: bool = False
    is_limited: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def level(self) -> int:
        """The log level of the message."""
        return logging.WARNING if self.is_warning else logging.INFO

    @property
    def event(self) -> dict[str, Any] | None:
        """The event of the trigger, ``{"ending": ..., **details}``; None while the wait continues."""
        return None if self.outcome is None else {"ending": self.outcome.value, **self.details}


def done(**details: Any) -> Decision:
    """Return the decision that everything the wait was for has ended."""
    return Decision(Outcome.DONE, details=details)
