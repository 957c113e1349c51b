"""Uploads that the local TextIn takes in part, names in part, or lists late."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from textin_provider.testing import FileScript, TextInServer

if TYPE_CHECKING:
    from tests.testing.docflow_client import DocFlowClient


def test_a_script_may_leave_a_file_out_of_the_batch_and_of_the_response(
    docflow: DocFlowClient, textin: TextInServer
) -> None:
    textin.script_file(FileScript(accepted=False))
    textin.script_file(FileScript(named=False))
    result = docflow.post(("a.txt", b"a"), ("b.txt", b"b"), ("c.txt", b"c"), batch_number="b7")["result"]
    assert [file["name"] for file in result["files"]] == ["c.txt"]
    assert [file["name"] for file in docflow.wait("b7")] == ["b.txt", "c.txt"]
    assert textin.uploads_accepted == len(textin.files) == 2


def test_uploads_may_be_listed_late(docflow: DocFlowClient, textin: TextInServer) -> None:
    textin.quirks.uploads_listed_after = 0.3
    textin.script_file(FileScript(visible_after_seconds=3600))
    began = time.monotonic()
    docflow.post(("a.txt", b"a"), ("b.txt", b"b"), batch_number="b7")
    listed: list[str] = []
    while not listed:
        listed = docflow.names(batch_number="b7")
    assert time.monotonic() - began >= 0.3
    assert listed == ["b.txt"]
