"""Imports for an event loop, in a thread, so that they do not hold the loop up."""

from __future__ import annotations

import asyncio
import sys
from importlib import import_module
from threading import Lock

#: Seconds after which a thread that computes hands Python's lock over while modules load. The loop needs the
#: lock twice to wake up, and Python's usual 5 ms would make that a stall.
_SWITCH_INTERVAL = 0.0005

_loaded: set[str] = set()
_lock = Lock()


async def load(*names: str) -> None:
    """Import modules in a thread, unless that was done before."""
    # Asking sys.modules would not do: a module is there while a thread still imports it, and the loop would
    # then wait for its lock.
    if not _loaded.issuperset(names):
        await asyncio.to_thread(_import, names)


def _import(names: tuple[str, ...]) -> None:
    with _lock:
        usual = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_INTERVAL)
        try:
            for name in names:
                import_module(name)
        finally:
            sys.setswitchinterval(usual)
        _loaded.update(names)
