"""Bring jobs to their end: fetch, read off the loop, wait for their time, call the webhook."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from textin_provider.testing.documents import UnreadableError
from textin_provider.testing.envelope import Refusal
from textin_provider.testing.jobs import COMPLETED, FAILED, Job, Outcome, Upload
from textin_provider.testing.outbound import Delivery, FetchError, Outbound
from textin_provider.testing.results import scripted_result

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger("textin_provider.testing")

Read = Callable[[Job, Upload], Outcome]
Payload = Callable[[Job], dict[str, Any]]


class Runner:
    """Runs jobs on the server's loop; one task a job that has something left to do."""

    def __init__(self, spool: Path, max_file_bytes: int, webhooks: list[Delivery]) -> None:
        self._webhooks = webhooks
        self.outbound = Outbound()
        self.spool = spool
        self._max_file_bytes = max_file_bytes
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="local-textin-reader")
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, job: Job, upload: Upload | None, read: Read, payload: Payload) -> None:
        """Start the job; ``read`` turns its document into an outcome, ``payload`` words its webhook."""
        if not job.script.ends:
            discard(upload)
            return
        task = asyncio.get_running_loop().create_task(self._run(job, upload, read, payload))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run a blocking function in one of the reader threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)

    async def close(self) -> None:
        """Leave no thread behind; the jobs' tasks are cancelled already."""
        await self.outbound.close()
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def _run(self, job: Job, upload: Upload | None, read: Read, payload: Payload) -> None:
        job.outcome = await self._outcome(job, upload, read)
        if job.steps is not None:
            job.steps.decided.set()
        await self._until_shown(job)
        log.info("job %s %s: %s", job.job_id, job.outcome.status, job.outcome.message or job.filename)
        if job.webhook:
            self._webhooks.append(await self.outbound.deliver(job.webhook, payload(job)))

    async def _outcome(self, job: Job, upload: Upload | None, read: Read) -> Outcome:
        script = job.script
        try:
            if upload is None and job.file_url is not None:
                upload = await self.outbound.fetch(job.file_url, self.spool, self._max_file_bytes)
                job.describe(upload)
            if script.final_state != COMPLETED:
                return Outcome(script.final_state, script.message if script.final_state == FAILED else None)
            scripted = scripted_result(script, job.job_id, job.file_id)
            if scripted is not None:
                return Outcome(COMPLETED, result=scripted)
            if upload is None:
                return Outcome(FAILED, "the job has no document")
            return await self.call(read, job, upload)  # type: ignore[no-any-return]
        except (FetchError, Refusal, UnreadableError) as exc:
            return Outcome(FAILED, str(exc))
        except Exception as exc:
            log.exception("job %s: the document could not be read", job.job_id)
            return Outcome(FAILED, f"document could not be parsed: {type(exc).__name__}")
        finally:
            discard(upload)

    @staticmethod
    async def _until_shown(job: Job) -> None:
        if job.steps is not None:
            await job.steps.shown.wait()
        else:
            await asyncio.sleep(max(0.0, job.ready_at - time.monotonic()))


def discard(upload: Upload | None) -> None:
    """Delete the file of an upload, if there is one."""
    if upload is not None:
        upload.path.unlink(missing_ok=True)
