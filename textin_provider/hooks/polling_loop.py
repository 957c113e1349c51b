"""Waiting on a worker, with the decisions that the triggers wait with."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from textin_provider.api.jobs import JobWait
from textin_provider.exceptions import TextInError

if TYPE_CHECKING:
    from textin_provider.api.waiting import Pace
    from textin_provider.hooks.textin import TextInHook

log = logging.getLogger(__name__)


def poll_until_done(hook: TextInHook, job_id: str, pace: Pace) -> dict[str, Any]:
    """Flow at an xParse job until its wait has ended; return the event that a trigger would yield."""
    wait = JobWait(job_id, pace)
    delay = wait.first_delay(now=time.time())
    while True:
        time.sleep(delay)
        try:
            seen = hook.poll_xparse_job(job_id)
        except TextInError as error:
            decision = wait.on_error(job_id, error, now=time.time())
        else:
            decision = wait.on_state(job_id, seen, now=time.time())
        if decision.notice:
            log.log(logging.WARNING if decision.is_warning else logging.INFO, "%s", decision.notice)
        if decision.event is not None:
            return decision.event
        delay = decision.delay or 0.0
