"""The operator that parses a folder of documents, each paid for once."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow.providers.common.compat.sdk import BaseOperator, conf

from textin_provider.api.errors import bad_input
from textin_provider.api.inputs import as_list, as_seconds, check_seconds
from textin_provider.api.retry import RATE_LIMIT_TIMEOUT
from textin_provider.api.xparse.on_partial import OnPartial, check_on_partial
from textin_provider.tasks.deferral import checked_event, defer, exceeded_framework_timeout, trigger_arguments
from textin_provider.tasks.mixins import TextInTaskMixin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context

    from textin_provider.hooks.paths import PathValue
    from textin_provider.tasks.folder.options import FolderOptions, Leg
    from textin_provider.tasks.folder.run import Waiting

_WEEK = 7 * 24 * 3600.0


class XParseFolderOperator(TextInTaskMixin, BaseOperator):
    """
    Parse every document of a folder with xParse and store the results; no document is paid for twice.

    The state of the folder lives beside the results, in ``<output_path>/.textin/``: retries, other workers
    and later DAG runs go on from it, on every Airflow. An intent is written there before a document is sent,
    and the id of its job right after it. A document with an intent and no job is ``uncertain``: it may have
    been accepted when a worker died, and is sent again only with ``resubmit_uncertain``.

    A document whose path, size, ETag or modification time, and ``config`` are as recorded is skipped without
    being read. The same content under another name gets a copy of the result. Documents that failed are
    reported by each run, and sent again only with ``retry_failed``. One run at a time may write to an output
    folder: a second one fails, and names the first.

    :param source: folder or object storage prefix, with everything below it; a glob such as
        ``s3://inbox/2026/**/*.pdf``; or a list of paths and http(s) addresses. Hidden files and formats that
        TextIn does not take are left out. (templated)
    :param output_path: folder or prefix for the results: ``<path of the document within source>.json``, and
        ``manifest.jsonl`` with a line for each document. (templated)
    :param config: parse configuration, a dict or JSON text. (templated)
    :param formats: what is stored of each document; only ``("json",)`` is supported.
    :param source_conn_id: Airflow connection for ``source`` on object storage. (templated)
    :param output_conn_id: Airflow connection for ``output_path`` on object storage. (templated)
    :param max_documents: number of documents that the run may send, over all its tries; the rest is left to
        the next run. (templated)
    :param max_pages: number of pages that the run may send. A document counts as one page until its result
        tells its pages, so that the jobs in flight may exceed it. (templated)
    :param max_in_flight: number of jobs that may be in work at TextIn; default from the connection, or
        learned from what TextIn accepts.
    :param on_partial: what to do with results of which pages failed, which are stored and counted:
        ``"warn"`` logs them, ``"fail"`` fails the task at its end, without retry, ``"ignore"`` does neither.
    :param retry_failed: whether to send documents again that failed in an earlier run.
    :param resubmit_uncertain: whether to send documents again that may have been accepted.
    :param raise_on_failure: whether the task fails, without retry, if documents failed or are uncertain; the
        others are stored before.
    :param deferrable: whether to wait in the triggerer when there is nothing to send and nothing to store;
        default from ``[operators] default_deferrable``.
    :param poll_interval: seconds between two polls of a job, or a ``timedelta``.
    :param timeout: seconds, or a ``timedelta``, after which a run waits for its jobs no longer.
    :param rate_limit_timeout: seconds, or a ``timedelta``, without progress after which a run that TextIn
        refuses for its rate sends no more, and fails.
    :param textin_conn_id: id of the connection. (templated)
    :return: ``{"found", "ignored", "submitted", "unchanged", "copied", "succeeded", "failed", "uncertain",
        "left", "pages", "failed_pages", "manifest_path"}``, also pushed as XCom when the task fails.
    :raises TextInJobFailedError: if documents failed.
    :raises TextInUncertainSubmitError: if documents are uncertain, and none failed.
    :raises TextInPartialResultError: if results are partial and ``on_partial`` is ``"fail"``.
    :raises TextInQuotaError: if the balance ran out; what was accepted before is stored.
    :raises TextInTimeoutError: if jobs did not end in time. It is retried.
    """

    template_fields: Sequence[str] = (
        "source",
        "output_path",
        "config",
        "source_conn_id",
        "output_conn_id",
        "max_documents",
        "max_pages",
        "textin_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"config": "json"}

    def __init__(
        self,
        *,
        source: PathValue | Sequence[PathValue],
        output_path: PathValue,
        config: Mapping[str, Any] | str | None = None,
        formats: Sequence[str] = ("json",),
        source_conn_id: str | None = None,
        output_conn_id: str | None = None,
        max_documents: int | str | None = None,
        max_pages: int | str | None = None,
        max_in_flight: int | None = None,
        on_partial: OnPartial = "warn",
        retry_failed: bool = False,
        resubmit_uncertain: bool = False,
        raise_on_failure: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float | timedelta = 10.0,
        timeout: float | timedelta = _WEEK,
        rate_limit_timeout: float | timedelta = RATE_LIMIT_TIMEOUT,
        textin_conn_id: str = "textin_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        _check_formats(formats)
        self.source = source
        self.output_path = output_path
        self.config = config
        self.formats = formats
        self.source_conn_id = source_conn_id
        self.output_conn_id = output_conn_id
        self.max_documents = max_documents
        self.max_pages = max_pages
        self.max_in_flight = _number("max_in_flight", max_in_flight)
        self.on_partial = check_on_partial(on_partial)
        self.retry_failed = retry_failed
        self.resubmit_uncertain = resubmit_uncertain
        self.raise_on_failure = raise_on_failure
        self.deferrable = deferrable
        self.poll_interval = as_seconds(poll_interval)
        self.timeout = as_seconds(timeout)
        self.rate_limit_timeout = as_seconds(rate_limit_timeout)
        self.textin_conn_id = textin_conn_id
        self._is_killed = False

    def _do_render_template_fields(self, parent: Any, *arguments: Any, **named: Any) -> None:
        """Render the fields, then mask the passwords of the configuration before Airflow shows it."""
        super()._do_render_template_fields(parent, *arguments, **named)
        if parent is self:
            from textin_provider.hooks.xparse import mask_passwords

            mask_passwords(self.config)

    def execute(self, context: Context) -> dict[str, Any]:
        """Send what is new, wait for it, and store it."""
        return self._work(context, None)

    def execute_complete(
        self, context: Context, event: dict[str, Any] | None = None, **kept: Any
    ) -> dict[str, Any]:
        """Go on after a deferral: store what has ended, and send more."""
        from textin_provider.tasks.folder.options import Leg

        checked_event(event, self.task_id)
        # `dag.test()` of Airflow 3 loses what a deferral keeps.
        return self._work(context, Leg(**kept) if kept else None)

    def _work(self, context: Context, leg: Leg | None) -> dict[str, Any]:
        from textin_provider.hooks.xparse import mask_passwords
        from textin_provider.tasks.folder.progress import Progress
        from textin_provider.tasks.folder.run import FolderRun, Waiting

        mask_passwords(self.config)
        run = FolderRun(
            self._options(),
            self.hook,
            context.get("ti"),
            leg,
            stop_requested=lambda: self._is_killed,
            progress=Progress(self.log.info),
        )
        ended = run.run()
        if isinstance(ended, Waiting):
            self._defer(ended)
        if ended.error is not None:
            self.push_value(context, ended.summary)
            raise ended.error
        self.describe_outlets(context, ended.summary)
        return ended.summary

    def _options(self) -> FolderOptions:
        from textin_provider.tasks.folder.options import FolderOptions

        for name in ("poll_interval", "timeout", "rate_limit_timeout"):
            check_seconds(name, getattr(self, name))
        names = inspect.signature(FolderOptions).parameters
        values = {name: getattr(self, name) for name in names}
        numbers = {name: _number(name, values[name], least=0) for name in ("max_documents", "max_pages")}
        return FolderOptions(**values | numbers | {"source": as_list(self.source) or self.source})

    def _defer(self, waiting: Waiting) -> NoReturn:
        from textin_provider.polling.policy import PollPolicy
        from textin_provider.polling.xparse import chunk_for_trigger
        from textin_provider.triggers.xparse import XParseJobTrigger

        job_ids = chunk_for_trigger(waiting.job_ids)
        policy = PollPolicy(self.poll_interval, waiting.leg.deadline, self.timeout)
        trigger = XParseJobTrigger(
            job_id=job_ids,
            wake_after=min(waiting.wake_after, len(job_ids)),
            **trigger_arguments(self.textin_conn_id, policy),
        )
        defer(self, trigger, **waiting.leg.to_dict())

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after a deferral; an exceeded deferral timeout is an error that says so."""
        if exceeded_framework_timeout(next_method, next_kwargs):
            from textin_provider.api.errors import ApiError, ErrorKind

            message = "no triggerer ended the wait for its jobs. Is a triggerer running?"
            fix = "A retry, or the next run, waits for the same jobs again, free of charge"
            raise ApiError(ErrorKind.TIMEOUT, about=f"Task {self.task_id}", message=message, fix=fix)
        return super().resume_execution(next_method, next_kwargs, context)

    def on_kill(self) -> None:
        """Send no more, and write down what was accepted."""
        self._is_killed = True


def _check_formats(formats: object) -> None:
    if isinstance(formats, str) or list(formats or ()) != ["json"]:  # type: ignore[call-overload]
        raise bad_input(
            "formats", formats, "it is not supported", 'Pass ("json",), the only supported format'
        )


def _number(name: str, value: Any, *, least: int = 1) -> int | None:
    """Return a number, also from the text that a template makes of it; None for none."""
    if value is None or (isinstance(value, str) and value.strip() in ("", "None")):
        return None
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = least - 1
    if number < least or isinstance(value, bool):
        raise bad_input(name, value, f"it is not a number of at least {least}", "Pass such a number, or None")
    return number
