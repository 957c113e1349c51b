"""Imports in a thread, so that they do not block the event loop."""

from __future__ import annotations

import asyncio
import sys
from importlib import import_module
from threading import Lock

#: Seconds after which a computing thread releases the GIL while modules load. The loop needs the GIL twice to
#: wake up; the default of 5 ms would stall it for 10 ms.
_SWITCH_INTERVAL = 0.0005

_loaded: set[str] = set()
_lock = Lock()


async def load(*names: str) -> None:
    """Import modules in a thread, unless they are already loaded."""
    # sys.modules cannot tell: it holds a module while a thread still imports it, and the loop would then wait
    # for the import lock.
    if not _loaded.issuperset(names):
        await asyncio.to_thread(_import, names)


def _import(names: tuple[str, ...]) -> None:
    with _lock:
        default = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_INTERVAL)
        try:
            for name in names:
                import_module(name)
        finally:
            sys.setswitchinterval(default)
        _loaded.update(names)
