"""A deferral: the arguments of its trigger, its timeout and its event."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.providers.common.compat.sdk import BaseOperator

    from textin_provider.polling.policy import PollPolicy
    from textin_provider.triggers.base import TextInTrigger

#: How much longer than its wait a trigger may live, in seconds: a triggerer that was down at the deadline can
#: still poll the state first.
_GRACE = 600.0
#: The error that the scheduler of Airflow 2 and of Airflow 3 stores when a deferral exceeds its timeout.
_FRAMEWORK_TIMEOUTS = ("Trigger/execution timeout", "Trigger timeout")


def trigger_arguments(textin_conn_id: str, policy: PollPolicy) -> dict[str, Any]:
    """Return the arguments that all triggers take."""
    return {
        "textin_conn_id": textin_conn_id,
        "poll_interval": policy.interval,
        "deadline": policy.deadline,
        "timeout": policy.timeout,
        "exponential_backoff": policy.exponential_backoff,
        "max_wait": policy.max_wait,
        "looks": policy.polls,
    }


def defer(task: BaseOperator, trigger: TextInTrigger, **kept: Any) -> NoReturn:
    """Defer a task until its trigger ends; ``execute_complete`` gets the event and what is kept."""
    left = trigger.deadline - time.time() + max(_GRACE, 2 * trigger.poll_interval)
    timeout = timedelta(seconds=left)
    task.defer(trigger=trigger, method_name="execute_complete", kwargs=kept, timeout=timeout)


def exceeded_framework_timeout(next_method: str, next_kwargs: Mapping[str, Any] | None) -> bool:
    """Whether a task is resumed because no triggerer ended its deferral within that timeout."""
    return next_method == "__fail__" and (next_kwargs or {}).get("error") in _FRAMEWORK_TIMEOUTS


def checked_event(event: dict[str, Any] | None, task_id: str) -> dict[str, Any]:
    """Return the event if a trigger of this provider can have made it."""
    from textin_provider.polling.decision import Outcome

    if event is None or event.get("ending") not in tuple(Outcome):
        raise RuntimeError(f"The trigger of {task_id} ended with an unknown event: {event!r}")
    return event
