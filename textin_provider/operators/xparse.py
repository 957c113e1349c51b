"""Operators for xParse: submit a document, store the result of its job, or both with the wait between."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, ClassVar, cast

from airflow.providers.common.compat.sdk import BaseOperator

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.inputs import as_list, as_seconds
from textin_provider.api.retry import RATE_LIMIT_TIMEOUT
from textin_provider.api.text import one_line
from textin_provider.api.xparse.on_partial import OnPartial, check_on_partial
from textin_provider.operators.document import XParseDocumentOperator
from textin_provider.operators.folder import XParseFolderOperator
from textin_provider.tasks.mixins import XParseResultMixin, XParseSubmitMixin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context

    from textin_provider.hooks.paths import PathValue
    from textin_provider.hooks.stored_result import StoredResult
    from textin_provider.tasks.job_store import SubmittedJob
    from textin_provider.tasks.submission import Submission

__all__ = [
    "XParseDocumentOperator",
    "XParseDownloadResultOperator",
    "XParseFolderOperator",
    "XParseSubmitOperator",
]

#: Seconds that bound a wait which ends after its first poll.
_ONE_POLL = 3600.0


class XParseSubmitOperator(XParseSubmitMixin, BaseOperator):
    """
    Submit one document to xParse and return the job id, without waiting for the job.

    TextIn bills every document it accepts, so a document is sent once, and again only if nothing was
    accepted. A submit that breaks off after its first byte, for whatever reason, fails with
    ``TextInUncertainSubmitError``, without retry.

    From Airflow 3.3 on, ``durable`` keeps the submit in the task state store: its intent before it is sent,
    the job as soon as TextIn has accepted it. A retry, or a task that is cleared, returns the id of that job,
    unless the job failed, TextIn no longer knows it, or the input changed. A try that finds an intent without
    a job, because a worker died, fails with ``TextInUncertainSubmitError``; clearing the task after that
    submits again.

    :param file: local path or object storage URL (``s3://``, ``gs://``, ``file://``, ...), streamed, at most
        500 MB. Exclusive with ``file_url``. (templated)
    :param file_url: http(s) address from which TextIn fetches the document. (templated)
    :param config: parse configuration, a dict or JSON text, see
        https://docs.textin.com/xparse/v1/parse-config. (templated)
    :param webhook: http(s) address that TextIn calls when the job has ended. (templated)
    :param file_conn_id: Airflow connection for ``file`` on object storage. (templated)
    :param durable: whether to return the job of an earlier try (Airflow 3.3+); if not, each try submits.
    :param resubmit_uncertain: whether to send a document again that an earlier try may have submitted.
    :param rate_limit_timeout: seconds, or a ``timedelta``, for which the submit waits for its turn while the
        account is at its limit; after that the task fails with ``TextInRateLimitError`` and is retried.
    :param textin_conn_id: id of the connection. (templated)
    :return: the job id, which is also pushed as XCom ``job_id``, right after the submit.
    """

    template_fields: Sequence[str] = (
        "file",
        "file_url",
        "config",
        "webhook",
        "file_conn_id",
        "textin_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"config": "json"}

    def __init__(
        self,
        *,
        file: PathValue | None = None,
        file_url: str | None = None,
        config: Mapping[str, Any] | str | None = None,
        webhook: str | None = None,
        file_conn_id: str | None = None,
        durable: bool = True,
        resubmit_uncertain: bool = False,
        rate_limit_timeout: float | timedelta = RATE_LIMIT_TIMEOUT,
        textin_conn_id: str = "textin_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.file = file
        self.file_url = file_url
        self.config = config
        self.webhook = webhook
        self.file_conn_id = file_conn_id
        self.durable = durable
        self.resubmit_uncertain = resubmit_uncertain
        self.rate_limit_timeout = as_seconds(rate_limit_timeout)
        self.textin_conn_id = textin_conn_id

    def execute(self, context: Context) -> str:
        """Submit the document, or find the job of an earlier try."""
        from textin_provider.tasks.submission import Submission

        submission = Submission(self, context, xcoms=("job_id", "return_value"))
        job = submission.earlier_job()
        if job is None or _is_lost(job, submission):
            return submission.submit().job_id
        self.log.info("Found xParse job %s, submitted at %s.", job.job_id, job.submitted)
        submission.push_job_id(job.job_id)
        return job.job_id


def _is_lost(job: SubmittedJob, submission: Submission) -> bool:
    """Poll the job of an earlier try once; whether it must be submitted again."""
    from textin_provider.polling.policy import PollPolicy
    from textin_provider.polling.xparse import JobWait
    from textin_provider.tasks.job_store import is_lost

    policy = PollPolicy(_ONE_POLL, time.time() + _ONE_POLL, _ONE_POLL)
    event = submission.poll(JobWait(job.job_id, policy), lambda _: None).event
    if is_lost(job, event):
        return True
    if event is not None and "fault" in event:
        raise ApiError.from_dict(event["fault"])
    return False


class XParseDownloadResultOperator(XParseResultMixin, BaseOperator):
    """
    Store the results of completed xParse jobs, each completely or not at all, in constant memory.

    The stored file is the bare result (``{"schema_version", "elements", "markdown", ...}``), without the
    envelope that TextIn may wrap it in. Running again is free of charge. A list is stored a few results at a
    time; if some fail, the task fails after all others are stored, and their manifests are pushed as XCom in
    any case.

    :param job_id: id of the job, or a list of ids. (templated)
    :param output_path: path or URL of the file to write, on this worker or object storage; one that ends with
        ``/`` is a directory, in which the file is ``<job_id>.json``, and so is a ``pathlib.Path`` of an
        existing directory; ``{job_id}`` in it is the job id. A list of ids needs a directory or ``{job_id}``.
        (templated)
    :param output_conn_id: Airflow connection for ``output_path`` on object storage. (templated)
    :param overwrite: whether an existing file is replaced; if not, it is an error.
    :param on_partial: what to do with results of which pages failed, which are stored in any case:
        ``"warn"`` logs which, ``"fail"`` fails the task without retry, ``"ignore"`` does neither.
    :param textin_conn_id: id of the connection. (templated)
    :return: ``{"job_id", "file_id", "source", "output_path", "size_bytes", "sha256", "pages", "page_count",
        "failed_pages", "exports"}``, or a list of those in the order given.
    :raises TextInPartialResultError: if results are partial and ``on_partial`` is ``"fail"``. The value above
        is pushed all the same.
    """

    template_fields: Sequence[str] = ("job_id", "output_path", "output_conn_id", "textin_conn_id")

    def __init__(
        self,
        *,
        job_id: str | Sequence[str],
        output_path: PathValue,
        output_conn_id: str | None = None,
        overwrite: bool = True,
        on_partial: OnPartial = "warn",
        textin_conn_id: str = "textin_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id
        self.output_path = output_path
        self.output_conn_id = output_conn_id
        self.overwrite = overwrite
        self.on_partial = check_on_partial(on_partial)
        self.textin_conn_id = textin_conn_id

    def execute(self, context: Context) -> dict[str, Any] | list[dict[str, Any]]:
        """Store the result or results."""
        from textin_provider.hooks.output_names import check_mapped_output
        from textin_provider.hooks.storage import results_folder

        check_mapped_output(self, context)
        job_ids = as_list(self.job_id)
        if job_ids is not None:
            return self._store_all(context, job_ids, results_folder(self.output_path))
        stored = self._store(cast("str", self.job_id), self.output_path)
        self.check_result(context, stored)
        self.describe_outlets(context, stored.manifest)
        return stored.manifest

    def _store_all(self, context: Context, job_ids: list[Any], folder: PathValue) -> list[dict[str, Any]]:
        """Store all results that can be stored, then raise one error for the others."""
        from textin_provider.polling.xparse import partial_results, unstored_results
        from textin_provider.tasks.jobs import map_in_threads

        stored: dict[str, StoredResult] = {}

        def store(job_id: Any) -> None:
            stored[str(job_id)] = result = self._store(job_id, folder)
            result.log_missing(self.on_partial, self.log.warning)

        def manifests() -> list[dict[str, Any]]:
            return [stored[str(job_id)].manifest for job_id in job_ids if str(job_id) in stored]

        distinct = list({str(job_id): job_id for job_id in job_ids}.values())
        errors = []
        try:
            with closing(map_in_threads(store, distinct)) as outcomes:
                for job_id, error in zip(distinct, outcomes, strict=True):
                    if error is not None:
                        errors.append(self._logged(job_id, error))
        except BaseException:  # such as a timeout of Airflow
            self.push_manifests(context, manifests())
            raise
        if errors:
            self.push_manifests(context, manifests())
            raise unstored_results(errors, len(distinct))
        partial = [result.error for result in stored.values() if result.facts.is_partial]
        if partial and self.on_partial == "fail":
            self.push_manifests(context, manifests())
            raise partial_results(partial, len(distinct))
        size = sum(result.manifest["size_bytes"] for result in stored.values())
        self.describe_outlets(context, {"results": len(stored), "size_bytes": size})
        return manifests()

    def _logged(self, job_id: str, error: Exception) -> ApiError:
        """Log why a result was not stored; an error of another class becomes one that a retry may clear."""
        if isinstance(error, ApiError):
            self.log.error("%s", error)
            return error
        self.log.error("xParse job %s: result not stored", job_id, exc_info=error)
        message = f"it was not stored, {type(error).__name__}: {one_line(error)}"
        fix = "Nothing was stored. The job is paid for and keeps its result: a retry downloads it again"
        return ApiError(ErrorKind.RESULT, about=f"xParse job {job_id}: result", message=message, fix=fix)

    def _store(self, job_id: str, output_path: PathValue) -> StoredResult:
        return self.hook.store_xparse_result(
            job_id, output_path, self.output_conn_id, overwrite=self.overwrite
        )
