"""The trigger that waits for the files of a DocFlow batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textin_provider.triggers.base import TextInTrigger

if TYPE_CHECKING:
    from textin_provider.api.docflow.progress import Progress
    from textin_provider.api.protocol import Flow
    from textin_provider.polling.docflow import BatchWait


class DocFlowBatchTrigger(TextInTrigger):
    """
    Wait until all files of a DocFlow batch seem to have ended.

    It requests counts and never the files, which may carry megabytes of extracted data. The resumed worker
    reads the files, and defers again if one of them is still pending.

    :param selector: ``batch_number``, ``file_id`` or ``task_id``.
    :param value: the value of the selector.
    :param workspace_id: the DocFlow workspace.
    :param expected_files: number of files that must be visible.
    """

    _argument_names = ("selector", "value", "workspace_id", "expected_files", *TextInTrigger._argument_names)

    def __init__(
        self, *, selector: str, value: str, workspace_id: str, expected_files: int = 1, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.selector = selector
        self.value = value
        self.workspace_id = workspace_id
        self.expected_files = expected_files

    def _wait(self) -> BatchWait:
        from textin_provider.api.docflow.models import Selector
        from textin_provider.polling.docflow import BatchWait

        selector = Selector(self.selector, self.value)
        return BatchWait(selector, self._policy(), expected_files=self.expected_files)

    def _poll(self, key: str) -> Flow[Progress]:
        from textin_provider.api.docflow.models import Selector
        from textin_provider.api.docflow.progress import poll_progress

        return poll_progress(self.workspace_id, Selector(self.selector, self.value))
