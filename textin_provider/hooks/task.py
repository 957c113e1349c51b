"""What the operators and sensors of this provider have in common."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeGuard

from textin_provider.exceptions import public_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.providers.common.compat.sdk import Context

    from textin_provider.api.docflow import Selector
    from textin_provider.hooks.textin import TextInHook

#: The key of a task's return value. Airflow's own constant lies in a module that takes long to import.
_RETURN_VALUE = "return_value"
#: How much longer than a wait itself the framework lets its trigger live, in seconds, so that a triggerer
#: that was down when the deadline passed can still look at the status first.
_GRACE = 600.0
#: What the scheduler of Airflow 2 and of Airflow 3 writes when a deferral has outlived its timeout.
_FRAMEWORK_TIMEOUTS = ("Trigger/execution timeout", "Trigger timeout")


def framework_timeout(left: float, poll_interval: float) -> timedelta:
    """Return the timeout of the deferral for a wait that has so many seconds left."""
    return timedelta(seconds=left + max(_GRACE, 2 * poll_interval))


def has_outlived_its_timeout(next_method: str, next_kwargs: Mapping[str, Any] | None) -> bool:
    """Whether a task is resumed because no triggerer ended its deferral within that timeout."""
    return next_method == "__fail__" and (next_kwargs or {}).get("error") in _FRAMEWORK_TIMEOUTS


def checked_event(event: dict[str, Any] | None, task_id: str) -> dict[str, Any]:
    """
    Return the event that a trigger of this provider ended with.

    :raises RuntimeError: if it is none.
    """
    from textin_provider.api.waiting import Outcome

    if event is None or event.get("ending") not in tuple(Outcome):
        raise RuntimeError(f"The trigger of {task_id} ended with an unknown event: {event!r}")
    return event


def is_list(value: object) -> TypeGuard[Iterable[Any]]:
    """Whether several are given: a list, a tuple, or what a mapped task returned."""
    return isinstance(value, Iterable) and not isinstance(value, str)


class TextInTaskMixin:
    """
    Gives a task its hook and a way to hand on its value before it fails.

    The hook is made, and imported, at first use: parsing a DAG needs none, and its connection id is a
    template.
    """

    textin_conn_id: str
    do_xcom_push: bool
    outlets: list[Any]

    @cached_property
    def hook(self) -> TextInHook:
        """The hook of the connection ``textin_conn_id``."""
        from textin_provider.hooks.textin import TextInHook

        return TextInHook(self.textin_conn_id)

    def push_value(self, context: Context, value: Any) -> None:
        """Push what the task would have returned: a task that raises returns nothing."""
        if self.do_xcom_push:
            context["ti"].xcom_push(key=_RETURN_VALUE, value=value)

    def describe_outlets(self, context: Context, manifest: Mapping[str, Any]) -> None:
        """Give the event of each asset among the outlets the manifest of what was stored, as its extra."""
        from airflow.providers.common.compat.sdk import Asset

        for outlet in self.outlets:
            if isinstance(outlet, Asset):
                context["outlet_events"][outlet].extra.update(manifest)


class DocFlowTaskMixin(TextInTaskMixin):
    """Adds which files of DocFlow a task is about."""

    batch_number: str | None
    file_id: str | None
    docflow_task_id: str | None

    @property
    def selector(self) -> Selector:
        """
        The one selector that is given.

        :raises TextInRequestError: if none is given, or several.
        """
        from textin_provider.api.docflow import Selector

        with public_errors():
            return Selector.of(
                batch_number=self.batch_number, file_id=self.file_id, task_id=self.docflow_task_id
            )
