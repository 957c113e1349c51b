"""Operators for DocFlow: upload files as a batch, store their results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.providers.common.compat.sdk import BaseOperator

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.operators.docflow_upload import DocFlowUploadOperator
from textin_provider.tasks.mixins import DocFlowTaskMixin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context

    from textin_provider.api.docflow.summary import BatchSummary
    from textin_provider.hooks.paths import PathValue

__all__ = ["DocFlowDownloadResultsOperator", "DocFlowUploadOperator"]


class DocFlowDownloadResultsOperator(DocFlowTaskMixin, BaseOperator):
    """
    Store the data that DocFlow extracted from the files of a batch, then fail if some files failed.

    The stored file is JSON Lines, strict JSON in UTF-8: for each file that succeeded or was classified one
    object as ``file/fetch`` returns it (``id``, ``name``, ``category``, ``data``, ``child_files``, ...). It
    is written completely or not at all, before the task fails for failed files. Running again is free of
    charge.

    :param batch_number: the batch; pass exactly one of the three. (templated)
    :param file_id: one file. (templated)
    :param docflow_task_id: DocFlow's ``task_id`` of one file; ``task_id`` names the Airflow task. (templated)
    :param workspace_id: the DocFlow workspace, by default the connection's. (templated)
    :param output_path: path or URL of the file to write, on this worker or object storage; one that ends with
        ``/`` is a directory, in which the file is ``<batch_number>.jsonl``, and so is a ``pathlib.Path`` of
        an existing directory. None stores nothing and only checks the batch. (templated)
    :param output_conn_id: Airflow connection for ``output_path`` on object storage. (templated)
    :param overwrite: whether an existing file is replaced; if not, it is an error.
    :param raise_on_failure: whether failed files fail this task, without retry, after the value below was
        pushed.
    :param textin_conn_id: id of the connection. (templated)
    :return: the value of ``DocFlowBatchSensor``, and ``output_path``, ``size_bytes``, ``sha256``.
    """

    template_fields: Sequence[str] = (
        "batch_number",
        "file_id",
        "docflow_task_id",
        "workspace_id",
        "output_path",
        "output_conn_id",
        "textin_conn_id",
    )

    def __init__(
        self,
        *,
        batch_number: str | None = None,
        file_id: str | None = None,
        docflow_task_id: str | None = None,
        workspace_id: str | None = None,
        output_path: PathValue | None = None,
        output_conn_id: str | None = None,
        overwrite: bool = True,
        raise_on_failure: bool = True,
        textin_conn_id: str = "textin_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.batch_number = batch_number
        self.file_id = file_id
        self.docflow_task_id = docflow_task_id
        self.workspace_id = workspace_id
        self.output_path = output_path
        self.output_conn_id = output_conn_id
        self.overwrite = overwrite
        self.raise_on_failure = raise_on_failure
        self.textin_conn_id = textin_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Store the results and check the batch."""
        from textin_provider.api.docflow.summary import BatchSummary, failed_files

        selector = self.selector
        summary = BatchSummary(selector)
        value = {**self._store(summary), **summary.to_dict()}
        if summary.failed and self.raise_on_failure:
            self.push_value(context, value)
            raise failed_files(selector, value)
        self.log.info("DocFlow files of %s: %s.", selector, summary.describe(1))
        self.describe_outlets(context, value)
        return value

    def _store(self, summary: BatchSummary) -> dict[str, Any]:
        """Write the results, add the files to the summary, and return the manifest."""
        from textin_provider.api.json_lines import json_line
        from textin_provider.hooks.lineage import report
        from textin_provider.hooks.storage import OutputFile

        if self.output_path is None:
            for _ in self._results(summary):
                pass
            return {"output_path": None, "size_bytes": None, "sha256": None}
        name = f"{quote(summary.selector.value, safe='')}.jsonl"
        output = OutputFile(self.output_path, name, self.output_conn_id, overwrite=self.overwrite)
        output.check()
        with output.writing() as file:
            for result in self._results(summary):
                file.write(json_line(result))
        report(self.hook, "output", [output.path])
        return output.manifest(file)

    def _results(self, summary: BatchSummary) -> Iterator[Mapping[str, Any]]:
        """Yield the records of the files with a result; fail at the end if files are missing or pending."""
        selector = summary.selector
        for files in self.hook.iter_docflow_files(selector, self.workspace_id):
            summary.add(files)
            # The documents that a file was split into stand within it, and may also be listed separately.
            whole = (file for file in files if not (summary.is_batch and file.is_part))
            yield from (file.record for file in whole if file.has_result)
        if not summary.is_settled(1):
            about, message = f"DocFlow files of {selector}", f"not finished: {summary.describe(1)}"
            fix = "Wait for them with DocFlowBatchSensor first"
            raise ApiError(ErrorKind.RESULT, about=about, message=message, fix=fix)
