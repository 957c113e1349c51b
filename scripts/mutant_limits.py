"""
Limit the seconds that the tests of one mutant may take: a pytest plugin for `make mutants`.

mutmut allows a mutant several times the usual seconds of all its tests, which is minutes for a function that
most tests call. It runs the fastest tests first. Those that remain after the limit are left out, and a mutant
that none of the others has killed is a survivor.
"""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import FrameType

START_SECONDS = 10.0
HANG_SECONDS = 40
#: The exit code that mutmut reads as "timeout".
TIMEOUT_EXIT_CODE = 36


class Limits:
    """Skips tests that would begin too late, and ends a process that hangs."""

    def __init__(self) -> None:
        self._begin = time.monotonic()
        signal.signal(signal.SIGALRM, self._on_alarm)
        signal.alarm(HANG_SECONDS)

    def _on_alarm(self, number: int, frame: FrameType | None) -> None:
        os._exit(TIMEOUT_EXIT_CODE)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Report a test as done without running it if it would begin too late."""
        return True if time.monotonic() - self._begin > START_SECONDS else None


def pytest_configure(config: pytest.Config) -> None:
    """Register the limits in the processes of mutants, whose names have a number."""
    if "__mutmut_" in os.environ.get("MUTANT_UNDER_TEST", ""):
        config.pluginmanager.register(Limits())
