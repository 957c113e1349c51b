"""The sensor that waits for the files of a DocFlow batch."""

from __future__ import annotations

import json
from ast import literal_eval
from collections.abc import Sized
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import PokeReturnValue, conf

from textin_provider.api.errors import bad_input
from textin_provider.exceptions import TextInError, public_errors
from textin_provider.hooks.task import DocFlowTaskMixin
from textin_provider.sensors.base import TextInSensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context
    from airflow.triggers.base import BaseTrigger


class DocFlowBatchSensor(DocFlowTaskMixin, TextInSensor):
    """
    Wait until every file of a DocFlow batch, and every document within them, has ended.

    A batch is never taken as done while no file of it is visible. Only counts are asked for until they say
    that all files have ended; then the worker reads the files. Faults of the network and of TextIn's servers
    are waited out until ``timeout``; wrong credentials and bad requests fail at once.

    :param batch_number: the batch, from ``DocFlowUploadOperator``; give exactly one of the three. (templated)
    :param file_id: one file. (templated)
    :param docflow_task_id: DocFlow's ``task_id`` of one file; here ``task_id`` names the Airflow task.
        (templated)
    :param workspace_id: the DocFlow workspace, by default the connection's. (templated)
    :param expected_files: how many files must be visible before the wait can end: a number, or the list that
        was uploaded. (templated)
    :param raise_on_failure: whether failed files fail this task, at once and without retry. The value below
        is pushed as XCom all the same.
    :param textin_conn_id: id of the connection. (templated)
    :param deferrable: whether to wait in the triggerer; default from ``[operators] default_deferrable``.
    :return: ``{"batch_number", "total", "succeeded", "failed", "classified", "duration_ms": {"total", "max"},
        "failures": [{"file_id", "task_id", "name", "failure_causes"}]}``; at most 100 failures are listed.
    """

    template_fields: Sequence[str] = (
        "batch_number",
        "file_id",
        "docflow_task_id",
        "workspace_id",
        "expected_files",
        "textin_conn_id",
    )

    def __init__(
        self,
        *,
        batch_number: str | None = None,
        file_id: str | None = None,
        docflow_task_id: str | None = None,
        workspace_id: str | None = None,
        expected_files: int | Sequence[Any] | str | None = None,
        raise_on_failure: bool = True,
        textin_conn_id: str = "textin_default",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(textin_conn_id=textin_conn_id, deferrable=deferrable, **kwargs)
        self.batch_number = batch_number
        self.file_id = file_id
        self.docflow_task_id = docflow_task_id
        self.workspace_id = workspace_id
        self.expected_files = expected_files
        self.raise_on_failure = raise_on_failure

    @public_errors()
    def _expected(self) -> int:
        """Return how many files are expected; 1 if nothing is said."""
        value = self.expected_files
        if isinstance(value, str):
            value = _from_text(value)
        if value is None:
            return 1
        count = len(value) if isinstance(value, Sized) and not isinstance(value, str) else value
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            fix = "Give a number of at least 1, or the list of what was uploaded"
            raise bad_input("expected_files", self.expected_files, "it is no number of files", fix)
        return count

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Flow at the counts, and at the files once these have ended; a transient fault is waited out."""
        selector, expected = self.selector, self._expected()
        try:
            progress = self.hook.poll_docflow_progress(selector, self.hook.workspace(self.workspace_id))
            if progress.is_settled(expected):
                return self._read_files(context)
        except TextInError as error:
            return self._wait_out(error)
        return self._wait_on(f"DocFlow files of {selector}: {progress.describe(expected)}.")

    def _read_files(self, context: Context) -> bool | PokeReturnValue:
        """Read the files and end the wait, or wait on if one still moves that the counts did not show."""
        from textin_provider.api.batch import BatchSummary, failed_files

        selector, expected = self.selector, self._expected()
        summary = BatchSummary(selector)
        for files in self.hook.iter_docflow_files(selector, self.workspace_id):
            summary.add(files)
        if not summary.is_settled(expected):
            return self._wait_on(f"DocFlow files of {selector}: {summary.describe(expected)}.")
        value = summary.to_dict()
        if summary.failed and self.raise_on_failure:
            self._fail(context, value, failed_files(selector, value))
        self.log.info("DocFlow files of %s: %s.", selector, summary.describe(expected))
        return PokeReturnValue(is_done=True, xcom_value=value)

    def _trigger(self) -> BaseTrigger:
        from textin_provider.triggers.docflow import DocFlowBatchTrigger

        selector = self.selector
        return DocFlowBatchTrigger(
            selector=selector.parameter,
            value=selector.value,
            workspace_id=self.hook.workspace(self.workspace_id),
            expected_files=self._expected(),
            **self._trigger_arguments(),
        )

    def _end(self, context: Context, event: dict[str, Any], **kept: Any) -> Any:
        try:
            ended = self._read_files(context)
        except TextInError as error:
            ended = self._wait_out(error)
        return ended.xcom_value if isinstance(ended, PokeReturnValue) else None


def _from_text(text: str) -> Any:
    """Read a rendered template: a number, or a list in the notation of Python or JSON."""
    for read in (literal_eval, json.loads):
        try:
            return read(text.strip() or "None")
        except (ValueError, SyntaxError, RecursionError):
            continue
    return text
