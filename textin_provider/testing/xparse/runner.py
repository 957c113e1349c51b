"""Processing of jobs: download, parse in a thread, finish after the scripted time, call the webhook."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from textin_provider.testing.background import Delivery, DownloadError
from textin_provider.testing.documents import UnreadableError
from textin_provider.testing.responses import BytesBody, Refusal
from textin_provider.testing.synthetic import SyntheticResult
from textin_provider.testing.uploads import Upload
from textin_provider.testing.xparse.jobs import FAILED, WITH_RESULT, FinalState, Job

if TYPE_CHECKING:
    from textin_provider.testing.background import Background
    from textin_provider.testing.responses import Body
    from textin_provider.testing.xparse.slots import JobSlots

log = logging.getLogger("textin_provider.testing")

FAILURE_MESSAGE = "document could not be parsed"

Parse = Callable[[Job, Upload], FinalState]
Payload = Callable[[Job], dict[str, Any]]


class JobRunner:
    """Processes the jobs of one server, each unfinished one in a task, as many at once as ``slots`` allow."""

    def __init__(
        self, background: Background, max_file_bytes: int, webhooks: list[Delivery], slots: JobSlots
    ) -> None:
        self.background = background
        self.slots = slots
        self._max_file_bytes = max_file_bytes
        self._webhooks = webhooks

    def start(self, job: Job, upload: Upload | None, parse: Parse, payload: Payload) -> None:
        """Process a job: ``parse`` turns its document into its final state, ``payload`` makes its webhook."""
        self.slots.take(job, partial(self._begin, job, upload, parse, payload))

    def _begin(self, job: Job, upload: Upload | None, parse: Parse, payload: Payload) -> None:
        if job.script.ends:
            self.background.start(self._run(job, upload, parse, payload))
        elif upload is not None:
            upload.discard()

    async def _run(self, job: Job, upload: Upload | None, parse: Parse, payload: Payload) -> None:
        job.outcome = await self.finish(job, upload, parse)
        if job.events is None:
            await asyncio.sleep(max(0.0, job.ready_at - time.monotonic()))
        else:
            job.events.finished.set()
            await job.events.shown.wait()
        self.slots.free(job)
        log.info("job %s %s: %s", job.job_id, job.outcome.status, job.outcome.message or job.filename)
        if job.webhook:
            self._webhooks.append(await self.background.deliver(job.webhook, payload(job)))

    async def finish(self, job: Job, upload: Upload | None, parse: Parse) -> FinalState:
        """Return the final state of a job without waiting for its time; its document is deleted."""
        script = job.script
        background = self.background
        try:
            if upload is None and job.file_url is not None:
                upload = await background.download(job.file_url, self._max_file_bytes)
                job.set_document(upload)
            if script.final_state not in WITH_RESULT:
                usual = FAILURE_MESSAGE if script.final_state == FAILED else None
                return FinalState(script.final_state, script.message or usual)
            result = _scripted_result(job)
            if result is not None:
                return FinalState(script.final_state, result=result)
            if upload is None:
                return FinalState(FAILED, "the job has no document")
            return await background.run_in_thread(parse, job, upload)
        except DownloadError as exc:
            return FinalState(FAILED, f"file_url {exc}")
        except (Refusal, UnreadableError) as exc:
            return FinalState(FAILED, str(exc))
        except Exception as exc:
            log.exception("job %s: the document could not be read", job.job_id)
            return FinalState(FAILED, f"{FAILURE_MESSAGE}: {type(exc).__name__}")
        finally:
            if upload is not None:
                upload.discard()


def _scripted_result(job: Job) -> Body | None:
    """Return the result that the job's script defines, None to parse the document."""
    result, size = job.script.result, job.script.result_bytes
    if result is not None:
        if isinstance(result, bytes):
            return BytesBody(result)
        text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
        return BytesBody(text.encode())
    return None if size is None else SyntheticResult(size, job.job_id, job.file_id)
