"""Operators without the pause between two tries."""

from __future__ import annotations

import pytest

from tests.running import shorten_pauses


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten what lies between two tries of a read, and a poller's round."""
    shorten_pauses(monkeypatch)
