"""What the sensors of this provider have in common: how a wait begins, defers, resumes and ends."""

from __future__ import annotations

import inspect
import logging
import math
import random
import time
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
)

from textin_provider.api.errors import ApiError
from textin_provider.exceptions import TextInError, error_for
from textin_provider.hooks.task import (
    TextInTaskMixin,
    checked_event,
    framework_timeout,
    has_outlived_its_timeout,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.triggers.base import BaseTrigger

_JITTER = 0.1


class TextInSensor(TextInTaskMixin, BaseSensorOperator):
    """
    Base of the sensors: pokes first, then defers if it may.

    A subclass implements ``poke``, ends it with :meth:`_wait_on` or :meth:`_wait_out` while there is
    something to wait for, gives the trigger of its wait, and says with ``_end`` what comes of it.

    :param textin_conn_id: id of the connection.
    :param deferrable: whether to wait in the triggerer.
    """

    def __init__(self, *, textin_conn_id: str, deferrable: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.textin_conn_id = textin_conn_id
        self.deferrable = deferrable
        self._deadline = 0.0
        self._deferrals = 0
        self._last_news: str | None = None

    def execute(self, context: Context) -> Any:
        """Wait as the mode says and return the value of the wait."""
        self._deadline = time.time() + self.timeout
        try:
            # Airflow 2 takes an execute within an execute for one outside of a task, and warns or fails.
            return inspect.unwrap(BaseSensorOperator.execute)(self, context)
        except AirflowSensorTimeout as error:
            # Airflow's own message does not know what was waited for.
            news = self._last_news or ""
            told = error if news in str(error) else AirflowSensorTimeout(f"{error} {news}")
            self._skip_or_raise(told, self.never_fail)

    def _wait_on(self, news: str, level: int = logging.INFO) -> bool:
        """Tell the base class that there is more to wait for, or defer; the news is logged if it is any."""
        if news != self._last_news:
            self.log.log(level, "%s", news)
            self._last_news = news
        # Deferring from inside a poke leaves it to the base class what soft_fail, never_fail and silent_fail
        # mean for the first look: TaskDeferred passes through it as no ordinary exception does.
        if self.deferrable:
            left = self._deadline - time.time()
            if left <= 0:
                raise AirflowSensorTimeout(f"timeout={self.timeout:g}s is over. {news}")
            self.defer(
                trigger=self._trigger(),
                method_name="execute_complete",
                kwargs={"deadline": self._deadline, "deferrals": self._deferrals + 1, **self._kept()},
                timeout=framework_timeout(left, self.poke_interval),
            )
        return False

    def _wait_out(self, error: TextInError) -> bool:
        """Go on waiting after a transient error; any other is raised."""
        if not error.kind.is_transient:
            raise error
        return self._wait_on(f"{error} The wait goes on.", level=logging.WARNING)

    def _trigger(self) -> BaseTrigger:
        raise NotImplementedError

    def _trigger_arguments(self) -> dict[str, Any]:
        """Return the arguments that all triggers take."""
        return {
            "textin_conn_id": self.textin_conn_id,
            "poll_interval": self.poke_interval,
            "deadline": self._deadline,
            "timeout": self.timeout,
            "exponential_backoff": self.exponential_backoff,
            "max_wait": self.max_wait.total_seconds() if self.max_wait else None,
            "looks": self._deferrals,
        }

    def _kept(self) -> dict[str, Any]:
        """Return what :meth:`_end` is to know of what came before the deferral: a few plain values."""
        return {}

    def _end(self, context: Context, event: dict[str, Any], **kept: Any) -> Any:
        """Return the value of a wait that ended in a terminal state, or raise what it failed with."""
        raise NotImplementedError

    def _fail(self, context: Context, value: Any, fault: ApiError) -> NoReturn:
        """Push the value that the task would have returned, and fail."""
        self.push_value(context, value)
        raise error_for(fault)

    def execute_complete(
        self,
        context: Context,
        event: dict[str, Any] | None = None,
        deadline: float | None = None,
        deferrals: int = 1,
        **kept: Any,
    ) -> Any:
        """Go on after the deferral: return what the wait was for, or raise what ended it."""
        from textin_provider.api.waiting import Outcome

        # `dag.test()` of Airflow 3 forgets what a deferral kept.
        self._deadline = deadline or time.time() + self.timeout
        self._deferrals = deferrals
        event = checked_event(event, self.task_id)
        if event["ending"] == Outcome.TIMEOUT:
            raise AirflowSensorTimeout(event["message"])
        if event["ending"] == Outcome.FAULT:
            raise error_for(ApiError.from_dict(event["fault"]))
        return self._end(context, event, **kept)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """
        Resume after a deferral with the meanings that ``poke`` has.

        Airflow 2.11 and 3.0 forget ``never_fail`` here, and 2.11 takes a deferral that outlived its timeout
        for an ordinary failure, which is retried.
        """
        try:
            if has_outlived_its_timeout(next_method, next_kwargs):
                raise AirflowSensorTimeout(
                    f"No triggerer ended the wait of {self.task_id} within timeout={self.timeout:g}s and a "
                    "grace after it. Is a triggerer running?"
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
        limit = self.max_wait.total_seconds() if self.exponential_backoff and self.max_wait else math.inf
        return min(interval * random.uniform(1 - _JITTER, 1 + _JITTER), limit)
