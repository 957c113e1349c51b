"""The trigger that waits for the files of a DocFlow batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textin_provider.triggers.base import TextInTrigger

if TYPE_CHECKING:
    from textin_provider.api.batch import Progress
    from textin_provider.api.batch_wait import BatchWait
    from textin_provider.api.protocol import Flow


class DocFlowBatchTrigger(TextInTrigger):
    """
    Wait until nothing seems to move in a DocFlow batch any more.

    It asks for counts alone and never for the files, which may carry megabytes of extracted data. The worker
    that is resumed reads them, and defers again if something still moves.

    :param selector: ``batch_number``, ``file_id`` or ``task_id``.
    :param value: its value.
    :param workspace_id: the DocFlow workspace.
    :param expected_files: how many files must be visible.
    """

    def __init__(
        self, *, selector: str, value: str, workspace_id: str, expected_files: int = 1, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.selector = selector
        self.value = value
        self.workspace_id = workspace_id
        self.expected_files = expected_files

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, plain values all."""
        path, arguments = super().serialize()
        return path, {
            "selector": self.selector,
            "value": self.value,
            "workspace_id": self.workspace_id,
            "expected_files": self.expected_files,
            **arguments,
        }

    def _wait(self) -> BatchWait:
        from textin_provider.api.batch_wait import BatchWait
        from textin_provider.api.docflow import Selector

        selector = Selector(self.selector, self.value)
        return BatchWait(selector, self._pace(), expected_files=self.expected_files)

    def _look(self, key: str) -> Flow[Progress]:
        from textin_provider.api.batch import poll_progress
        from textin_provider.api.docflow import Selector

        return poll_progress(self.workspace_id, Selector(self.selector, self.value))
