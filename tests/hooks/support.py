"""What the tests of the hooks share: their types, and how parameters are shown."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from textin_provider.hooks.textin import TextInHook

CREDENTIALS = ("x-ti-app-id", "x-ti-secret-code", "x-ti-enterprise-id")

#: Changes extras and fields of the connection, and gives a hook that uses it.
Connect = Callable[..., TextInHook]


def readable(value: object) -> str:
    """Return the id of a test's parameter, the same in each process."""
    if isinstance(value, set):
        return str(sorted(value))
    return getattr(value, "__name__", None) or str(value)


class Pauses(list[float]):
    """
    A clock that passes delays at once, and lists their seconds; ``then`` is called at each of them.

    It replaces the module ``time`` of a sender.
    """

    then: Callable[[], object] | None = None

    def sleep(self, seconds: float) -> None:
        self.append(seconds)
        if self.then is not None:
            self.then()

    def monotonic(self) -> float:
        return time.monotonic() + sum(self)


@dataclass
class Foreign:
    """A host that is not TextIn's: what it was asked, and what it answers."""

    url: str
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b'{"elements": [], "markdown": "from afar"}'

    @property
    def credentials(self) -> set[str]:
        """The credential headers that ever came here."""
        return {name for _, headers in self.requests for name in headers if name in CREDENTIALS}
