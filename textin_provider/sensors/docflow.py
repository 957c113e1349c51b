"""The sensor that waits for the files of a DocFlow batch."""

from __future__ import annotations

import json
from ast import literal_eval
from collections.abc import Sized
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import PokeReturnValue, conf

from textin_provider.api.errors import bad_input
from textin_provider.sensors.base import TextInSensor
from textin_provider.tasks.mixins import DocFlowTaskMixin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context

    from textin_provider.api.docflow.progress import Progress
    from textin_provider.api.docflow.summary import BatchSummary
    from textin_provider.polling.docflow import BatchWait
    from textin_provider.polling.policy import PollPolicy
    from textin_provider.triggers.docflow import DocFlowBatchTrigger


class DocFlowBatchSensor(DocFlowTaskMixin, TextInSensor):
    """
    Wait until every file of a DocFlow batch, and every document within them, has ended.

    A batch without a visible file is not done. The sensor polls counts until they say that all files have
    ended; then the worker reads the files. Errors of the network and of TextIn's servers are waited out until
    ``timeout``; wrong credentials and bad requests fail at once.

    :param batch_number: the batch, from ``DocFlowUploadOperator``; pass exactly one of the three. (templated)
    :param file_id: one file. (templated)
    :param docflow_task_id: DocFlow's ``task_id`` of one file; here ``task_id`` names the Airflow task.
        (templated)
    :param workspace_id: the DocFlow workspace, by default the connection's. (templated)
    :param expected_files: number of files that must be visible before the wait can end, or the list of
        uploaded files. (templated)
    :param raise_on_failure: whether failed files fail this task, without retry. The value below is pushed as
        XCom in any case.
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
        self._is_counted = False
        self._summary: BatchSummary | None = None

    def _expected(self) -> int:
        """Return the number of expected files; 1 if none is given."""
        value = self.expected_files
        if isinstance(value, str):
            value = _from_text(value)
        if value is None:
            return 1
        count = len(value) if isinstance(value, Sized) and not isinstance(value, str) else value
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            fix = "Pass a number of at least 1, or the list of uploaded files"
            raise bad_input("expected_files", self.expected_files, "it is not a number of files", fix)
        return count

    def _new_wait(self, policy: PollPolicy) -> BatchWait:
        from textin_provider.polling.docflow import BatchWait

        return BatchWait(self.selector, policy, expected_files=self._expected())

    def _poll(self, key: str) -> Progress | BatchSummary:
        """Return the progress from counts; once these say that all have ended, from the files themselves."""
        from textin_provider.api.docflow.summary import BatchSummary

        workspace_id = self.hook.workspace(self.workspace_id)
        if not self._is_counted:
            progress = self.hook.poll_docflow_progress(self.selector, workspace_id)
            if not progress.is_settled(self._expected()):
                return progress
        self._is_counted = False
        summary = BatchSummary(self.selector)
        for files in self.hook.iter_docflow_files(self.selector, workspace_id):
            summary.add(files)
        self._summary = summary
        return summary

    def _finish(self, context: Context) -> dict[str, Any]:
        from textin_provider.api.docflow.summary import failed_files

        summary = self._summary
        assert summary is not None  # noqa: S101  # the state that ended the wait
        value = summary.to_dict()
        if summary.failed and self.raise_on_failure:
            self.push_value(context, value)
            raise failed_files(self.selector, value)
        self.log.info("DocFlow files of %s: %s.", self.selector, summary.describe(self._expected()))
        return value

    def _trigger(self) -> DocFlowBatchTrigger:
        from textin_provider.triggers.docflow import DocFlowBatchTrigger

        selector = self.selector
        return DocFlowBatchTrigger(
            selector=selector.parameter,
            value=selector.value,
            workspace_id=self.hook.workspace(self.workspace_id),
            expected_files=self._expected(),
            **self._trigger_arguments(),
        )

    def _resume(self, context: Context, event: dict[str, Any], **kept: Any) -> bool | PokeReturnValue:
        self._is_counted = True  # by the trigger
        return self.poke(context)


def _from_text(text: str) -> Any:
    """Read a rendered template: a number, or a list in Python or JSON notation."""
    for read in (literal_eval, json.loads):
        try:
            return read(text.strip() or "None")
        except (ValueError, SyntaxError, RecursionError):
            continue
    return text
