"""The base of the sensors: how a wait starts, defers, resumes and ends in each mode."""

from __future__ import annotations

import inspect
import logging
import time
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
)

from textin_provider.api.errors import ApiError
from textin_provider.tasks.deferral import checked_event, defer, exceeded_framework_timeout, trigger_arguments
from textin_provider.tasks.mixins import TextInTaskMixin

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from airflow.providers.common.compat.sdk import Context

    from textin_provider.polling.decision import Decision
    from textin_provider.polling.policy import PollPolicy
    from textin_provider.polling.wait import Wait
    from textin_provider.triggers.base import TextInTrigger

#: In reschedule mode the base class times out, by the time of the first poke; some 30 years are no deadline.
_NO_DEADLINE = 1e9


class TextInSensor(TextInTaskMixin, BaseSensorOperator):
    """
    Base of the sensors: polls first, then defers if it may.

    All modes feed the same wait of :mod:`textin_provider.polling`, which decides. A subclass gives the wait,
    polls a key, gives the trigger, and returns the value of a wait that is done.

    :param textin_conn_id: id of the connection.
    :param deferrable: whether to wait in the triggerer.
    """

    def __init__(self, *, textin_conn_id: str, deferrable: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.textin_conn_id = textin_conn_id
        self.deferrable = deferrable
        self._deadline = 0.0
        self._deferrals = 0
        self._wait: Wait | None = None
        self._delay: float | None = None

    def execute(self, context: Context) -> Any:
        """Wait as the mode says and return the value of the wait."""
        is_rescheduled = self.reschedule and not self.deferrable
        self._deadline = time.time() + (_NO_DEADLINE if is_rescheduled else self.timeout)
        try:
            # Airflow 2 takes an execute within an execute for one outside of a task, and warns or fails.
            return inspect.unwrap(BaseSensorOperator.execute)(self, context)
        except AirflowSensorTimeout as error:
            if self._wait and self._wait.pending and "timeout=" not in str(error):
                # The base class's own message lacks the last state.
                error = AirflowSensorTimeout(f"{error} {self._wait.describe()}")
            self._skip_or_raise(error, self.never_fail)

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Poll once; in deferrable mode the wait then continues in the triggerer."""
        from textin_provider.tasks.jobs import poll_ended, poll_pending

        how = self._current_wait(), self._poll, self.log_decision
        decision = poll_pending(*how, pause_left=self._pause_left, only=self._unfinished())
        if decision.outcome is None and decision.delay is None:
            decision = poll_ended(*how, pause_left=self._pause_left)
        self._delay = decision.delay
        if decision.event is not None:
            return PokeReturnValue(is_done=True, xcom_value=self._end(context, decision.event))
        # Deferring within a poke leaves soft_fail, never_fail and silent_fail of the first poll to the base
        # class: TaskDeferred passes through it as no ordinary exception does.
        if self.deferrable:
            trigger = self._trigger()
            kept = {"deadline": trigger.deadline, "deferrals": self._deferrals + 1, **self._kept()}
            defer(self, trigger, **kept)
        return False

    def log_decision(self, decision: Decision) -> None:
        """Log the message of a decision; a warning about a state is left to the trigger, which repeats it."""
        is_repeated = self.deferrable and self._wait is not None and not self._wait.has_error
        self.log.log(logging.INFO if is_repeated else decision.level, "%s", decision.message)

    def _policy(self) -> PollPolicy:
        from textin_provider.polling.policy import PollPolicy

        return PollPolicy(
            self.poke_interval,
            self._deadline or time.time() + self.timeout,
            self.timeout,
            exponential_backoff=self.exponential_backoff,
            max_wait=self.max_wait.total_seconds() if self.max_wait else None,
            polls=self._deferrals,
        )

    def _current_wait(self) -> Wait:
        """Return the wait of this process; the first poke starts it."""
        if self._wait is None:
            self._wait = self._new_wait(self._policy())
        return self._wait

    def _new_wait(self, policy: PollPolicy) -> Wait:
        """Return the wait that judges the polls."""
        raise NotImplementedError

    def _poll(self, key: str) -> Any:
        """Return the state of a key of the wait, or raise an :class:`ApiError`."""
        raise NotImplementedError

    def _pause_left(self) -> float:
        return self.hook.pause_left()

    def _unfinished(self) -> Collection[str]:
        """Return the pending keys without those that have ended and whose details are missing."""
        return self._current_wait().pending

    def _trigger(self) -> TextInTrigger:
        """Return the trigger that continues the wait."""
        raise NotImplementedError

    def _trigger_arguments(self) -> dict[str, Any]:
        """Return the arguments that all triggers take."""
        return trigger_arguments(self.textin_conn_id, self._policy())

    def _kept(self) -> dict[str, Any]:
        """Return the arguments of :meth:`_resume` that a deferral keeps: a few plain values."""
        return {}

    def _finish(self, context: Context) -> Any:
        """Return the value of a wait that is done, or raise if what it waited for has failed."""
        raise NotImplementedError

    def _resume(self, context: Context, event: dict[str, Any], **kept: Any) -> bool | PokeReturnValue:
        """Continue after a trigger has reported that its part of the wait is done."""
        raise NotImplementedError

    def _end(self, context: Context, event: dict[str, Any]) -> Any:
        """Return the value of a wait that has ended, or raise its timeout or error."""
        from textin_provider.polling.decision import Outcome

        if event["ending"] == Outcome.TIMED_OUT:
            raise AirflowSensorTimeout(event["message"])
        if event["ending"] == Outcome.ERROR:
            raise ApiError.from_dict(event["fault"])
        return self._finish(context)

    def execute_complete(
        self,
        context: Context,
        event: dict[str, Any] | None = None,
        deadline: float | None = None,
        deferrals: int = 1,
        **kept: Any,
    ) -> Any:
        """Continue after the deferral: return the value of the wait, or raise what ended it."""
        from textin_provider.polling.decision import Outcome

        # `dag.test()` of Airflow 3 forgets the arguments of a deferral.
        self._deadline = deadline or time.time() + self.timeout
        self._deferrals = deferrals
        self.deferrable = True  # also if the DAG was changed during the deferral
        event = checked_event(event, self.task_id)
        if event["ending"] != Outcome.DONE:
            return self._end(context, event)
        resumed = self._resume(context, event, **kept)
        return resumed.xcom_value if isinstance(resumed, PokeReturnValue) else None

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """
        Resume after a deferral with the same meaning of the flags as in ``poke``.

        Airflow 2.11 and 3.0 ignore ``never_fail`` here, and 2.11 handles a deferral that exceeded its timeout
        as an ordinary failure, which is retried.
        """
        try:
            if exceeded_framework_timeout(next_method, next_kwargs):
                raise AirflowSensorTimeout(
                    f"No triggerer ended the wait of {self.task_id} within timeout={self.timeout:g}s and a "
                    "grace period. Is a triggerer running?"
                )
            return super().resume_execution(next_method, next_kwargs, context)
        except AirflowSkipException:
            raise
        except (AirflowSensorTimeout, AirflowFailException) as error:
            self._skip_or_raise(error, self.soft_fail or self.never_fail)
        except Exception as error:  # never_fail applies to errors of any class
            self._skip_or_raise(error, self.never_fail)

    def _skip_or_raise(self, error: Exception, may_skip: bool) -> NoReturn:
        if may_skip:
            flag = "soft_fail" if self.soft_fail else "never_fail"
            raise AirflowSkipException(f"Skipping because {flag} is set: {error}") from error
        raise error

    def _get_next_poke_interval(
        self, started_at: Any, run_duration: Callable[[], float], poke_count: int
    ) -> float:
        """Return the delay that the wait decided on."""
        if self._wait is None or self._delay is None:  # silent_fail: poke raised something unexpected
            return self._policy().after_poll(poke_count)
        return self._wait.delay_without_counters(run_duration()) if self.reschedule else self._delay
