"""
The moments of a submit and what strikes at them.

The moments are reached through patches that :func:`install` puts around the libraries that a submit goes
through. They do nothing until a cell is armed, and each cell strikes once, over all tries of its task.
"""

from __future__ import annotations

import os
import signal
from enum import StrEnum
from functools import wraps
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Moment(StrEnum):
    """How far a submit has come."""

    BEFORE = "before the POST"
    HALF_SENT = "body half sent"
    SENT = "sent"
    HALF_READ = "answer half read"
    READ = "answer read"
    BEFORE_STORE = "before the store"
    AFTER_STORE = "after the store"
    BEFORE_XCOM = "before the XCom"


class StorageLibraryError(Exception):
    """An error of a library for object storage, which is not an OSError."""


class Strike(StrEnum):
    """What strikes."""

    TIMEOUT = "execution_timeout"
    SIGTERM = "SIGTERM"
    SIGKILL = "SIGKILL"
    STORAGE = "storage error"
    MEMORY = "MemoryError"
    BUG = "TypeError"

    @property
    def is_error(self) -> bool:
        """Whether it is an ordinary exception."""
        return self in (Strike.STORAGE, Strike.MEMORY, Strike.BUG)

    def hit(self) -> None:
        """Strike this process."""
        if self is Strike.STORAGE:
            raise StorageLibraryError("Could not connect to the endpoint URL")
        if self is Strike.MEMORY:
            raise MemoryError
        if self is Strike.BUG:
            raise TypeError("unsupported operand")
        # Airflow's own handlers turn the first two into what a task meets.
        number = {
            Strike.TIMEOUT: signal.SIGALRM,
            Strike.SIGTERM: signal.SIGTERM,
            Strike.SIGKILL: signal.SIGKILL,
        }[self]
        os.kill(os.getpid(), number)


#: What the present try of a task is to meet, and the file that says that it has met it.
_armed: list[tuple[Moment, Strike, Path]] = []
#: Whether the present HTTP exchange of this process is a POST.
_in_post = [False]


def arm(moment: Moment, strike: Strike, struck: Path) -> Callable[[Any], None]:
    """
    Return a ``pre_execute`` that arms a task until it was struck.

    :param struck: the file that is written then: a busy Airflow may lose a try before it comes so far.
    """

    def pre_execute(context: Any) -> None:
        install()
        _armed[:] = [] if struck.exists() else [(moment, strike, struck)]

    return pre_execute


def _reached(moment: Moment) -> None:
    if _armed and _armed[0][0] is moment:
        [(_, strike, struck)] = _armed
        _armed.clear()
        struck.touch()
        strike.hit()


def install() -> None:
    """Patch this process once."""
    if _installed:
        return
    _installed.append(True)
    _patch_limiter()
    _patch_http()
    _patch_response()
    _patch_store()
    _patch_xcom()


_installed: list[bool] = []


def _patch(
    owner: Any, name: str, before: Callable[..., None] | None, after: Callable[..., None] | None = None
) -> None:
    original = getattr(owner, name)

    @wraps(original)
    def patched(*args: Any, **kwargs: Any) -> Any:
        if before is not None:
            before(*args, **kwargs)
        value = original(*args, **kwargs)
        if after is not None:
            after(*args, **kwargs)
        return value

    setattr(owner, name, patched)


def _patch_limiter() -> None:
    from textin_provider.api.send_pipeline import Pipeline

    def before(_: Any, about: str) -> None:
        if " submit of " in about or " upload of " in about:
            _reached(Moment.BEFORE)

    _patch(Pipeline, "_wait_for_slot", before)


def _patch_http() -> None:
    import urllib3
    from requests_toolbelt import MultipartEncoder

    parts_read: WeakKeyDictionary[MultipartEncoder, int] = WeakKeyDictionary()

    def before_part(form: MultipartEncoder, *_: Any) -> None:
        parts_read[form] = parts_read.get(form, 0) + 1
        if parts_read[form] == 2:
            _reached(Moment.HALF_SENT)

    def before_response(connection: Any) -> None:
        _in_post[0] = connection._method == "POST"
        if _in_post[0]:
            _reached(Moment.SENT)

    def before_body(*_: Any, **__: Any) -> None:
        # The head of the answer is read.
        if _in_post[0]:
            _reached(Moment.HALF_READ)

    _patch(MultipartEncoder, "read", before_part)
    _patch(urllib3.connection.HTTPConnection, "getresponse", before_response)
    _patch(urllib3.response.HTTPResponse, "stream", before_body)


def _patch_response() -> None:
    from textin_provider.api.protocol import Response

    received = Response.received

    def patched(*args: Any, **kwargs: Any) -> Response:
        response = received(*args, **kwargs)
        if _in_post[0]:
            _reached(Moment.READ)
        return response

    Response.received = patched  # type: ignore[method-assign]


def _patch_store() -> None:
    try:
        from airflow.sdk.execution_time.context import TaskStateStoreAccessor
    except ImportError:  # Airflow before 3.3
        return

    def at(moment: Moment) -> Callable[..., None]:
        def strike(_: Any, key: str, value: Any, **__: Any) -> None:
            if "job_id" in value:
                _reached(moment)

        return strike

    _patch(TaskStateStoreAccessor, "set", at(Moment.BEFORE_STORE), at(Moment.AFTER_STORE))


def _patch_xcom() -> None:
    owner: Any
    try:
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance as owner
    except ImportError:
        from airflow.models.taskinstance import TaskInstance as owner

    def before(_: Any, key: str, *__: Any, **___: Any) -> None:
        if key in ("job_id", "return_value"):
            _reached(Moment.BEFORE_XCOM)

    _patch(owner, "xcom_push", before)
