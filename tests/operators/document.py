"""What the tests of XParseDocumentOperator share: runs of it, a store, crashes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from tests.running import new_context, run
from textin_provider.operators.document import XParseDocumentOperator
from textin_provider.testing import ScriptedFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.running import Outcome
    from textin_provider.testing import TextInServer

#: What makes the operator wait in one of its two ways.
MODES: dict[str, dict[str, Any]] = {"sync": {"deferrable": False}, "deferrable": {"deferrable": True}}
modes = pytest.mark.parametrize("mode", MODES)
GATEWAY = ScriptedFault(http_status=502, body=b"<html>Bad Gateway</html>", content_type="text/html")


class Store:
    """A task state store in memory; what it keeps goes through JSON, as in Airflow's."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self.values[key]) if key in self.values else default

    def set(self, key: str, value: Any) -> None:
        self.values[key] = json.dumps(value)

    def delete(self, key: str) -> None:
        self.values.pop(key, None)

    @property
    def job(self) -> dict[str, str]:
        """The one value it holds."""
        [value] = self.values.values()
        job: dict[str, str] = json.loads(value)
        return job


class Crash(BaseException):
    """The worker is gone: nothing that the task does can catch this."""


def new_operator(**options: Any) -> Callable[[], XParseDocumentOperator]:
    options = {"task_id": "parse", "poll_interval": 0.02, "timeout": 60.0, **options}
    return lambda: XParseDocumentOperator(**options)


def parse(store: Store | None = None, **options: Any) -> Outcome:
    """Run one try of the operator to its end; without a store, as before Airflow 3.3."""
    others = {} if store is None else {"task_state_store": store}
    return run(new_operator(**options), **others)


def crash_while_waiting(store: Store, **options: Any) -> None:
    """Run one try until it waits, and no further."""
    context = new_context(task_state_store=store)
    with (
        mock.patch("textin_provider.tasks.jobs.poll_until_done", side_effect=Crash),
        pytest.raises((Crash, TaskDeferred)),
    ):
        new_operator(**options)().execute(context)


def crash_while_downloading(store: Store, **options: Any) -> None:
    """Run one try until the first bytes of the result have come."""
    with (
        mock.patch("textin_provider.api.xparse.result_stream.ResultStream.feed", side_effect=Crash),
        pytest.raises(Crash),
    ):
        parse(store, **options)


def submitted(textin: TextInServer) -> tuple[int, int]:
    """Return how many submits were requested, and how many were accepted."""
    return textin.count("submit"), textin.submissions
