"""Operators without the pause between two tries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from textin_provider.testing import fast_polling

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _fast_polling() -> Iterator[None]:
    """Shorten all delays except the intervals that a test sets."""
    with fast_polling(keep_intervals=True):
        yield
