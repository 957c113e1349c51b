"""A task that submits, with its hook, its task instance and its task state store: no network, no Airflow."""

from __future__ import annotations

import json
import logging
from typing import Any

from textin_provider.api.xparse import XParseJob
from textin_provider.tasks.job_store import STATE_KEY
from textin_provider.tasks.submission import Submission

JOB_ID = "c" * 32
DOWN = "the API server is down"


class Store(dict[str, Any]):
    """A task state store in memory; its values go through JSON, as in Airflow's."""

    def set(self, key: str, value: Any) -> None:
        self[key] = json.loads(json.dumps(value))

    def delete(self, key: str) -> None:
        self.pop(key, None)


class BrokenStore(Store):
    """A store whose API is down, after a number of writes."""

    def __init__(self, *, writes: int = 0) -> None:
        super().__init__()
        self.writes = writes

    def get(self, key: str, default: Any = None) -> Any:
        raise ConnectionError(DOWN)

    def set(self, key: str, value: Any) -> None:
        self._write()
        super().set(key, value)

    def delete(self, key: str) -> None:
        self._write()
        super().delete(key)

    def _write(self) -> None:
        self.writes -= 1
        if self.writes < 0:
            raise ConnectionError(DOWN)


class TaskInstance:
    """Keeps the XComs that are pushed, except those of failing keys."""

    max_tries = 2

    def __init__(self, failing: tuple[str, ...] = ()) -> None:
        self.failing = failing
        self.pushed: list[tuple[str, Any]] = []

    def xcom_push(self, key: str, value: Any) -> None:
        if key in self.failing:
            raise ConnectionError(DOWN)
        self.pushed.append((key, value))


class Hook:
    """Accepts each submit as one job, or fails before or after that; notes the arguments."""

    def __init__(self, *, refusal: BaseException | None = None, failure: BaseException | None = None) -> None:
        self.refusal, self.failure = refusal, failure
        self.submits: list[tuple[Any, ...]] = []
        self.polls: list[str] = []
        self.status = "failed"
        self.message: str | None = None

    def submit_xparse_job(
        self, file: Any, file_url: Any, config: Any, webhook: Any, *, record: Submission, **named: Any
    ) -> str:
        self.submits.append((file, file_url, config, webhook, named))
        record.sending()
        if self.refusal is not None:
            raise self.refusal
        record.accepted(JOB_ID)
        if self.failure is not None:
            raise self.failure
        return JOB_ID

    def poll_xparse_job(self, job_id: str) -> XParseJob:
        self.polls.append(job_id)
        return XParseJob(job_id, self.status, message=self.message)


class Task:
    """The arguments of an operator that submits."""

    file: Any = None
    file_url: Any = "https://h.example/contract.pdf?sign=x"
    config: Any = None
    webhook: str | None = None
    file_conn_id: str | None = None
    textin_conn_id = "textin_default"
    durable = True
    resubmit_uncertain = False
    rate_limit_timeout = 900.0
    do_xcom_push = True
    log = logging.getLogger("task")

    def __init__(self, hook: Hook | None = None, **options: Any) -> None:
        self.hook = hook or Hook()
        vars(self).update(options)


class Try:
    """One try of a task: its task instance, its context and its submission."""

    def __init__(
        self,
        task: Task | None = None,
        *,
        store: Store | None = None,
        ti: TaskInstance | None = None,
        **options: Any,
    ) -> None:
        self.task: Any = task or Task()
        self.ti = ti or TaskInstance()
        self.context: Any = {"ti": self.ti} | ({} if store is None else {"task_state_store": store})
        self.submission = self.new_submission(**options)

    def new_submission(self, **options: Any) -> Submission:
        """Return a submission of the task in its context."""
        return Submission(self.task, self.context, **options)


def stored(store: Store) -> Any:
    """Return the only value of a store."""
    assert set(store) == {STATE_KEY}
    return store[STATE_KEY]
