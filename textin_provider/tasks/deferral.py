"""What Airflow keeps of a deferral: its timeout and its event."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

#: How much longer than its wait a trigger may live, in seconds: a triggerer that was down at the deadline can
#: still poll the state first.
_GRACE = 600.0
#: The error that the scheduler of Airflow 2 and of Airflow 3 stores when a deferral exceeds its timeout.
_FRAMEWORK_TIMEOUTS = ("Trigger/execution timeout", "Trigger timeout")


def framework_timeout(left: float, poll_interval: float) -> timedelta:
    """Return the timeout of a deferral whose wait has ``left`` seconds."""
    return timedelta(seconds=left + max(_GRACE, 2 * poll_interval))


def exceeded_framework_timeout(next_method: str, next_kwargs: Mapping[str, Any] | None) -> bool:
    """Whether a task is resumed because no triggerer ended its deferral within that timeout."""
    return next_method == "__fail__" and (next_kwargs or {}).get("error") in _FRAMEWORK_TIMEOUTS


def checked_event(event: dict[str, Any] | None, task_id: str) -> dict[str, Any]:
    """
    Return the event of a trigger of this provider.

    :raises RuntimeError: if it is not such an event.
    """
    from textin_provider.polling.decision import Outcome

    if event is None or event.get("ending") not in tuple(Outcome):
        raise RuntimeError(f"The trigger of {task_id} ended with an unknown event: {event!r}")
    return event
