"""The delays that no parameter sets, in one place, so that tests can shorten them."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Timing:
    """
    Delays in seconds.

    :param backoff_base: mean delay after the first error.
    :param first_pause: of a credential after its first rate-limit response.
    :param first_spacing: extra delay between requests after that pause.
    :param batch: polls of a triggerer that are due within this time of each other are sent together.
    :param longest_interval: upper limit of every interval between polls.
    """

    backoff_base: float = 1.0
    first_pause: float = 2.0
    first_spacing: float = 0.2
    batch: float = 0.25
    longest_interval: float = math.inf


_current = Timing()


def timing() -> Timing:
    """Return the delays of this process."""
    return _current


@contextmanager
def changed_timing(**changes: Any) -> Iterator[None]:
    """Change some of the delays of this process within the block."""
    global _current  # one value for all threads and loops of the process
    former, _current = _current, replace(_current, **changes)
    try:
        yield
    finally:
        _current = former
