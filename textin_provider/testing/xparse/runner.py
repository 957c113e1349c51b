"""Bring jobs to their end: fetch, read off the loop, wait for their time, call the webhook."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from textin_provider.testing.documents import UnreadableError
from textin_provider.testing.envelope import Refusal
from textin_provider.testing.outbound import Delivery, FetchError
from textin_provider.testing.uploads import Upload
from textin_provider.testing.xparse.jobs import COMPLETED, FAILED, Job, Outcome
from textin_provider.testing.xparse.results import scripted_result

if TYPE_CHECKING:
    from textin_provider.testing.background import Background

log = logging.getLogger("textin_provider.testing")

Read = Callable[[Job, Upload], Outcome]
Payload = Callable[[Job], dict[str, Any]]


class Runner:
    """Runs jobs; one task a job that has something left to do."""

    def __init__(self, background: Background, max_file_bytes: int, webhooks: list[Delivery]) -> None:
        self.background = background
        self._max_file_bytes = max_file_bytes
        self._webhooks = webhooks

    def start(self, job: Job, upload: Upload | None, read: Read, payload: Payload) -> None:
        """Start the job; ``read`` turns its document into an outcome, ``payload`` words its webhook."""
        if job.script.ends:
            self.background.start(self._run(job, upload, read, payload))
        elif upload is not None:
            upload.discard()

    async def _run(self, job: Job, upload: Upload | None, read: Read, payload: Payload) -> None:
        job.outcome = await self._outcome(job, upload, read)
        if job.steps is not None:
            job.steps.decided.set()
        await self._until_shown(job)
        log.info("job %s %s: %s", job.job_id, job.outcome.status, job.outcome.message or job.filename)
        if job.webhook:
            self._webhooks.append(await self.background.outbound.deliver(job.webhook, payload(job)))

    async def _outcome(self, job: Job, upload: Upload | None, read: Read) -> Outcome:
        script = job.script
        background = self.background
        try:
            if upload is None and job.file_url is not None:
                upload = await background.outbound.fetch(job.file_url, background.spool, self._max_file_bytes)
                job.describe(upload)
            if script.final_state != COMPLETED:
                return Outcome(script.final_state, script.message if script.final_state == FAILED else None)
            scripted = scripted_result(script, job.job_id, job.file_id)
            if scripted is not None:
                return Outcome(COMPLETED, result=scripted)
            if upload is None:
                return Outcome(FAILED, "the job has no document")
            return await background.call(read, job, upload)
        except FetchError as exc:
            return Outcome(FAILED, f"file_url {exc}")
        except (Refusal, UnreadableError) as exc:
            return Outcome(FAILED, str(exc))
        except Exception as exc:
            log.exception("job %s: the document could not be read", job.job_id)
            return Outcome(FAILED, f"document could not be parsed: {type(exc).__name__}")
        finally:
            if upload is not None:
                upload.discard()

    @staticmethod
    async def _until_shown(job: Job) -> None:
        if job.steps is not None:
            await job.steps.shown.wait()
        else:
            await asyncio.sleep(max(0.0, job.ready_at - time.monotonic()))
