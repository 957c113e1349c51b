"""What the sensors of this provider have in common: how a wait begins, defers, resumes and ends."""

from __future__ import annotations

import random
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
)

from textin_provider.api.faults import Fault
from textin_provider.exceptions import error_for

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.triggers.base import BaseTrigger

#: How much longer than the wait itself the framework lets a trigger live, in seconds, so that a triggerer
#: that was down when the deadline passed can still look at the status first.
_FRAMEWORK_GRACE = 600.0
#: What the scheduler of Airflow 2 and of Airflow 3 writes when a deferral has outlived its timeout.
_FRAMEWORK_TIMEOUTS = ("Trigger/execution timeout", "Trigger timeout")
_JITTER = 0.1


class TextInSensor(BaseSensorOperator):
    """
    Base of the sensors: pokes first, then defers if it may.

    A subclass implements ``poke``, ends it with :meth:`_wait_on` while there is something to wait for, and
    gives the trigger of its wait.
    """

    def __init__(self, *, deferrable: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.deferrable = deferrable
        self._deadline = 0.0

    def execute(self, context: Context) -> Any:
        """Wait as the mode says and return the value of the wait."""
        self._deadline = time.time() + self.timeout
        return super().execute(context)

    def _wait_on(self) -> bool:
        """Tell the base class that there is more to wait for, or defer."""
        # Deferring from inside a poke leaves it to the base class what soft_fail, never_fail and silent_fail
        # mean for the first look: TaskDeferred passes through it as no ordinary exception does.
        if self.deferrable:
            grace = max(_FRAMEWORK_GRACE, 2 * self.poke_interval)
            self.defer(
                trigger=self._trigger(),
                method_name="execute_complete",
                timeout=timedelta(seconds=max(0.0, self._deadline - time.time()) + grace),
            )
        return False

    def _trigger(self) -> BaseTrigger:
        raise NotImplementedError

    def _end(self, context: Context, event: dict[str, Any]) -> Any:
        """Return the value of a wait that ended in a terminal state, or raise what it failed with."""
        raise NotImplementedError

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        """Go on after the deferral: return what the wait was for, or raise what ended it."""
        from textin_provider.api.waiting import Ending

        ending = (event or {}).get("ending")
        if event is None or ending not in tuple(Ending):
            raise RuntimeError(
                f"The trigger of {self.task_id} ended with an event of no known shape: {event!r}"
            )
        if ending == Ending.TIMEOUT:
            raise AirflowSensorTimeout(event["message"])
        if ending == Ending.FAULT:
            raise error_for(Fault.from_dict(event["fault"]))
        return self._end(context, event)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """
        Resume after a deferral with the meanings that ``poke`` has.

        Airflow 2.11 and 3.0 forget ``never_fail`` here, and 2.11 takes a deferral that outlived its timeout
        for an ordinary failure, which is retried.
        """
        try:
            if next_method == "__fail__" and (next_kwargs or {}).get("error") in _FRAMEWORK_TIMEOUTS:
                raise AirflowSensorTimeout(
                    f"No triggerer ended the wait of {self.task_id} within timeout={self.timeout:g}s and "
                    f"{_FRAMEWORK_GRACE:g}s of grace. Is a triggerer running?"
                )
            return super().resume_execution(next_method, next_kwargs, context)
        except AirflowSkipException:
            raise
        except (AirflowSensorTimeout, AirflowFailException) as error:
            self._skip_or_raise(error, self.soft_fail or self.never_fail)
        except Exception as error:
            self._skip_or_raise(error, self.never_fail)

    def _skip_or_raise(self, error: Exception, may_skip: bool) -> NoReturn:
        if may_skip:
            flag = "soft_fail" if self.soft_fail else "never_fail"
            raise AirflowSkipException(f"Skipping because {flag} is set: {error}") from error
        raise error

    def _get_next_poke_interval(self, *args: Any, **kwargs: Any) -> float:
        """Add jitter to the pause between two pokes, so that tasks which began together drift apart."""
        interval: float = super()._get_next_poke_interval(*args, **kwargs)
        return interval * random.uniform(1 - _JITTER, 1 + _JITTER)
