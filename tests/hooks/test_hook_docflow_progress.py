"""How far a batch is, for workers and for triggers, and what testing the connection says of DocFlow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from textin_provider.api.docflow.models import Selector
from textin_provider.api.docflow.progress import Progress, poll_progress
from textin_provider.exceptions import TextInError
from textin_provider.hooks.textin_async import TextInAsyncHook
from textin_provider.testing import FileScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from tests.hooks.support import Connect, Pauses
    from textin_provider.hooks.textin import TextInHook

MIXED = (
    [FileScript(status=1)] * 3
    + [FileScript(status=2)] * 2
    + [FileScript(status=10), FileScript(status="never")]
)


def look(hook: TextInHook, textin: TextInServer, batch_number: str) -> Progress:
    return hook.poll_docflow_progress(Selector("batch_number", batch_number), textin.workspace_id)


def test_files_are_counted_by_where_they_are(hook: TextInHook, textin: TextInServer) -> None:
    batch_number = textin.add_batch(files=MIXED)
    textin.add_batch(count=50)

    assert look(hook, textin, batch_number) == Progress(7, 3, 2, 1, is_pending=True)
    assert textin.count("fetch") == 4


@pytest.mark.parametrize("parameter", ["file_id", "task_id"])
def test_a_single_file_is_counted_too(hook: TextInHook, textin: TextInServer, parameter: str) -> None:
    textin.add_batch(count=3)
    file = next(iter(textin.files.values()))

    progress = hook.poll_docflow_progress(Selector(parameter, getattr(file, parameter)), textin.workspace_id)

    assert progress == Progress(1, 1, 0, 0, is_pending=False)


@pytest.mark.parametrize("status", [0, 3, 4, 5, 6, 7, 20])
@pytest.mark.parametrize("omit_total", [False, True], ids=["totals", "no totals"])
def test_a_file_in_any_stage_of_work_keeps_a_batch_moving(
    hook: TextInHook, textin: TextInServer, status: int, omit_total: bool
) -> None:
    textin.quirks.omit_total = omit_total
    batch_number = textin.add_batch(count=20, files=[FileScript(statuses=[status])])

    assert not look(hook, textin, batch_number).is_settled(1)


def test_a_look_stays_small_however_much_was_extracted(hook: TextInHook, textin: TextInServer) -> None:
    batch_number = textin.add_batch(count=200, data_bytes=10_000)

    look(hook, textin, batch_number)
    looked = textin.bytes_sent("fetch")
    hook.fetch_docflow_files(batch_number)

    assert looked * 50 < textin.bytes_sent("fetch") - looked


@pytest.mark.parametrize(
    "fault",
    [{"code": 900}, {"code": 500}, {"http_status": 502}, {"cut": "before_answer"}, {"code": 40101}],
    ids=repr,
)
def test_a_look_asks_once_and_leaves_trying_again_to_the_wait(
    hook: TextInHook, textin: TextInServer, fault: dict[str, Any], pauses: Pauses
) -> None:
    textin.fault("fetch", ScriptedFault(**fault), times=None)

    with pytest.raises(TextInError, match="batch_number='b7'"):
        look(hook, textin, "b7")

    assert textin.count("fetch") == 1
    assert pauses == []


@pytest.mark.parametrize("omit_total", [False, True], ids=["totals", "no totals"])
async def test_a_trigger_sees_what_a_worker_sees(
    hook: TextInHook, textin: TextInServer, omit_total: bool
) -> None:
    textin.quirks.omit_total = omit_total
    batch_number = textin.add_batch(files=MIXED)

    async with TextInAsyncHook() as async_hook:
        seen = await async_hook.run(
            poll_progress(textin.workspace_id, Selector("batch_number", batch_number))
        )

    assert seen == look(hook, textin, batch_number)
    assert seen.is_pending


async def test_a_trigger_and_a_worker_ask_the_same_questions(hook: TextInHook, textin: TextInServer) -> None:
    selector = Selector("batch_number", "批次 1 & 2")

    hook.poll_docflow_progress(selector, textin.workspace_id)
    async with TextInAsyncHook() as async_hook:
        await async_hook.run(poll_progress(textin.workspace_id, selector))

    asked = [request.query for request in textin.requests]
    assert len(asked) == 8
    assert all("page_size=1" in query for query in asked)
    assert textin.files == {}


def test_a_connection_with_a_workspace_is_tested_with_both_services(
    hook: TextInHook, textin: TextInServer
) -> None:
    works, message = hook.test_connection()

    assert works, message
    assert "knows the workspace" in message
    assert [textin.count(name) for name in ("status", "fetch", "balance", "package", "*")] == [1, 1, 1, 1, 4]
    assert (textin.submissions, textin.uploads_accepted) == (0, 0)


def test_a_workspace_that_is_unknown_fails_the_test_and_is_named(connect: Connect) -> None:
    works, message = connect({"workspace_id": "of-another"}).test_connection()

    assert not works
    assert "of-another" in message
    assert "Check the workspace_id" in message


@pytest.mark.parametrize("workspace_id", [None, "", "  "], ids=repr)
def test_a_connection_without_a_workspace_is_tested_with_xparse_alone(
    connect: Connect, textin: TextInServer, workspace_id: str | None
) -> None:
    works, message = connect({"workspace_id": workspace_id}).test_connection()

    assert works, message
    assert "DocFlow" not in message
    assert (textin.count("status"), textin.count("fetch")) == (1, 0)


@pytest.mark.parametrize(
    "fault",
    [{"http_status": 404, "body": b"<html>"}, {"code": 40102}, {"http_status": 302, "body": b""}],
    ids=repr,
)
def test_a_docflow_that_does_not_answer_as_it_should_fails_the_test(
    hook: TextInHook, textin: TextInServer, fault: dict[str, Any]
) -> None:
    textin.fault("fetch", ScriptedFault(**fault), times=None)

    works, message = hook.test_connection()

    assert not works
    assert "connection-test" in message
    assert textin.secret_code not in message
