"""Operators without the pause between two tries."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten what lies between two tries of a read, and a poller's round."""
    monkeypatch.setattr("textin_provider.api.waiting._FAULT_BASE", 0.01)
    monkeypatch.setattr("textin_provider.api.pacing._FIRST_PAUSE", 0.01)
    monkeypatch.setattr("textin_provider.api.pacing._FIRST_SPACING", 0.001)
    monkeypatch.setattr("textin_provider.triggers.poller.ROUND_SECONDS", 0.01)
