"""Counters for Airflow's metrics, all of which begin with ``textin.``."""

from __future__ import annotations

from contextlib import suppress
from typing import Literal, TypeAlias

from airflow.providers.common.compat.sdk import Stats

Counter: TypeAlias = Literal["documents", "pages", "polls", "rate_limited"]


def count(counter: Counter, number: int = 1) -> None:
    """Add to a counter. It never raises: a metric must not lose what is paid for."""
    with suppress(Exception):  # of any class: that of a client that a deployment has set up
        Stats.incr(f"textin.{counter}", number)
