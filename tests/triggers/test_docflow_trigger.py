"""What the trigger of a DocFlow batch is made of, what it asks for, and the one event it ends with."""

from __future__ import annotations

import asyncio
import inspect
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from tests.running import only_event, says_in_time
from textin_provider.hooks.textin import TextInHook
from textin_provider.testing import FileScript, TextInServer
from textin_provider.triggers.docflow import DocFlowBatchTrigger

if TYPE_CHECKING:
    from tests.triggers.conftest import Logged

PATH = "textin_provider.triggers.docflow.DocFlowBatchTrigger"

#: What a trigger of release 0.1.0 may have stored at the least. A later release loads it; never add to it.
REQUIRED_BY_0_1_0: dict[str, Any] = {
    "selector": "batch_number",
    "value": "202610190001",
    "workspace_id": "1234567890",
    "textin_conn_id": "textin_default",
    "poll_interval": 60.0,
    "deadline": 1_790_000_000.0,
    "timeout": 3600.0,
}
EVERYTHING = REQUIRED_BY_0_1_0 | {
    "expected_files": 3,
    "exponential_backoff": True,
    "max_wait": 600.0,
    "looks": 2,
}
DEFAULTS = {"expected_files": 1, "exponential_backoff": False, "max_wait": None, "looks": 0}
#: Passes through the states that a file passes through.
SLOW = FileScript(statuses=[0, 5, 20, 3, 4, 1])


def new_trigger(value: str, *, timeout: float = 20.0, **others: Any) -> DocFlowBatchTrigger:
    """Make a trigger that looks often and has time, unless a test says otherwise."""
    usual = {
        "selector": "batch_number",
        "workspace_id": "local-workspace",
        "textin_conn_id": "textin_default",
        "poll_interval": 0.02,
        "deadline": time.time() + timeout,
    }
    return DocFlowBatchTrigger(**{**usual, "value": value, "timeout": timeout, **others})


def _queries(textin: TextInServer) -> list[dict[str, str]]:
    return [
        {name: values[0] for name, values in parse_qs(request.query).items()} for request in textin.requests
    ]


def test_the_serialized_arguments_make_an_equal_trigger() -> None:
    assert DocFlowBatchTrigger(**EVERYTHING).serialize() == (PATH, EVERYTHING)


def test_arguments_that_an_older_release_did_not_store_have_defaults() -> None:
    assert DocFlowBatchTrigger(**REQUIRED_BY_0_1_0).serialize() == (PATH, REQUIRED_BY_0_1_0 | DEFAULTS)


def test_every_argument_is_serialized() -> None:
    classes: tuple[Any, ...] = DocFlowBatchTrigger.__mro__
    ours = [cls for cls in classes if cls.__module__.startswith("textin_provider")]
    parameters = {name for cls in ours for name in inspect.signature(cls.__init__).parameters}
    stored = DocFlowBatchTrigger(**REQUIRED_BY_0_1_0).serialize()[1]
    assert set(stored) == parameters - {"self", "kwargs"}


def test_the_class_path_leads_to_the_class() -> None:
    module, _, name = PATH.rpartition(".")
    assert (DocFlowBatchTrigger.__module__, DocFlowBatchTrigger.__qualname__) == (module, name)


def test_the_arguments_are_plain_values() -> None:
    _, arguments = DocFlowBatchTrigger(**EVERYTHING).serialize()
    assert json.loads(json.dumps(arguments)) == arguments
    assert {type(value) for value in arguments.values()} <= {str, int, float, bool}


async def test_a_batch_is_followed_through_its_states_to_one_event(textin: TextInServer) -> None:
    batch = textin.add_batch(files=[SLOW, FileScript(status=1)])
    assert await only_event(new_trigger(batch)) == {"ending": "terminal"}
    # Five looks of four counts each at a batch that moves, and one at a batch that has ended.
    assert textin.count("fetch") == 6 * 4


@pytest.mark.parametrize(
    "scripts",
    [
        pytest.param([{"status": 1}], id="a success"),
        pytest.param([{"status": 2, "failure_causes": "文件格式不支持"}], id="a failure"),
        pytest.param([{"status": 10}], id="a file that was only classified"),
        pytest.param([{"status": 1}, {"status": 2}, {"status": 10}], id="one of each"),
    ],
)
async def test_every_way_to_end_is_a_terminal_event_that_tells_no_more(
    textin: TextInServer, scripts: list[dict[str, Any]]
) -> None:
    batch = textin.add_batch(files=[FileScript(**script) for script in scripts])
    assert await only_event(new_trigger(batch)) == {"ending": "terminal"}


@pytest.mark.parametrize("selector", ["batch_number", "file_id", "task_id"])
async def test_it_asks_for_what_was_selected_in_its_workspace(textin: TextInServer, selector: str) -> None:
    batch = textin.add_batch(files=[SLOW])
    textin.add_batch(files=[FileScript(status="never")])
    [file] = [file for file in textin.files.values() if file.batch_number == batch]
    value = getattr(file, selector)

    assert await only_event(new_trigger(value, selector=selector)) == {"ending": "terminal"}

    chosen = {"workspace_id": "local-workspace", selector: value}
    selectors = {"workspace_id", "batch_number", "file_id", "task_id"}
    for query in _queries(textin):
        assert {name: query[name] for name in selectors & query.keys()} == chosen


async def test_it_only_counts_and_asks_for_the_grand_total_last(textin: TextInServer) -> None:
    batch = textin.add_batch(count=3)
    await only_event(new_trigger(batch))
    assert {(request.endpoint, request.method) for request in textin.requests} == {("fetch", "GET")}
    queries = _queries(textin)
    assert [query.get("recognition_status") for query in queries] == ["1", "2", "10", None]
    assert {query["page_size"] for query in queries} == {"1"}


async def test_a_look_at_a_large_batch_costs_a_fiftieth_of_fetching_it(textin: TextInServer) -> None:
    batch = textin.add_batch(count=1000, data_bytes=10_000)
    files = await asyncio.to_thread(TextInHook().fetch_docflow_files, batch)
    assert len(files) == 1000
    before = textin.bytes_sent("fetch")
    assert before > 1000 * 10_000

    event = await only_event(new_trigger(batch))

    assert event == {"ending": "terminal"}
    assert textin.bytes_sent("fetch") - before <= before / 50


async def test_a_look_costs_a_fiftieth_also_where_totals_are_missing(textin: TextInServer) -> None:
    textin.quirks.omit_total = True
    batch = textin.add_batch(count=1000, data_bytes=10_000)
    await only_event(new_trigger(batch))
    assert textin.bytes_sent("fetch") <= 1000 * 10_000 / 50


async def test_without_totals_a_batch_is_followed_to_its_end(textin: TextInServer, logged: Logged) -> None:
    textin.quirks.omit_total = True
    batch = textin.add_batch(files=[FileScript(statuses=[0, 4, 1]), FileScript()])
    assert await only_event(new_trigger(batch)) == {"ending": "terminal"}
    assert logged() == [("info", f"DocFlow files of batch_number={batch!r}: some are in progress.")]


@pytest.mark.parametrize("omit_total", [False, True], ids=["with totals", "without totals"])
async def test_an_empty_list_is_never_an_end(textin: TextInServer, omit_total: bool) -> None:
    textin.quirks.omit_total = omit_total
    event = await only_event(new_trigger("nobody-uploaded-this", timeout=1.0))
    assert event["ending"] == "timeout"
    assert "nobody-uploaded-this" in event["message"]
    assert "visible" in event["message"]


async def test_fewer_files_than_expected_are_no_end(textin: TextInServer) -> None:
    batch = textin.add_batch(count=2)
    event = await only_event(new_trigger(batch, expected_files=5, timeout=1.0))
    assert event["ending"] == "timeout"
    assert "2 of 2 (5 expected) done, 0 failed" in event["message"]


async def test_files_that_are_listed_late_are_waited_for(textin: TextInServer) -> None:
    # Two looks ask four times each for it in vain.
    late = FileScript(status=1, visible_after_fetches=8)
    batch = textin.add_batch(files=[FileScript(status=1), late])
    assert await only_event(new_trigger(batch, expected_files=2)) == {"ending": "terminal"}
    assert textin.count("fetch") == 3 * 4


async def test_a_batch_that_moves_while_it_is_counted_does_not_look_finished(textin: TextInServer) -> None:
    scripts = [FileScript(pending_seconds=0.0, processing_seconds=0.005 * number) for number in range(60)]
    batch = textin.add_batch(files=scripts)
    await only_event(new_trigger(batch, poll_interval=0.001))
    now = time.monotonic()
    assert {file.status(now) for file in textin.files.values()} == {1}


async def test_an_unknown_status_is_no_end(textin: TextInServer) -> None:
    batch = textin.add_batch(files=[FileScript(status=1), FileScript(status=99)])
    event = await only_event(new_trigger(batch, timeout=1.0))
    assert event["ending"] == "timeout"
    assert "1 of 2 done, 0 failed" in event["message"]


async def test_files_that_are_deleted_meanwhile_are_not_waited_for(textin: TextInServer) -> None:
    doomed = FileScript(status="never", vanish_after_fetches=2)
    batch = textin.add_batch(files=[FileScript(status=1), doomed])
    assert await only_event(new_trigger(batch)) == {"ending": "terminal"}


def test_a_batch_that_is_deleted_meanwhile_is_no_end(textin: TextInServer) -> None:
    def last_words(timeout: float) -> str:
        batch = textin.add_batch(files=[FileScript(status="never", vanish_after_fetches=2)] * 3)
        event = asyncio.run(only_event(new_trigger(batch, timeout=timeout)))
        assert event["ending"] == "timeout"
        message: str = event["message"]
        return message

    says_in_time("no file is visible", last_words)


async def test_two_triggerers_may_wait_for_the_same_batch(textin: TextInServer) -> None:
    batch = textin.add_batch(files=[FileScript(pending_seconds=0.1, processing_seconds=0.1)])
    first, second = await asyncio.gather(*(only_event(new_trigger(batch)) for _ in range(2)))
    assert first == second == {"ending": "terminal"}


async def test_neither_arguments_nor_repr_nor_event_name_the_secret(textin: TextInServer) -> None:
    trigger = new_trigger(textin.add_batch(count=1))
    event = await only_event(trigger)
    shown = [repr(trigger), json.dumps(trigger.serialize()), json.dumps(event)]
    assert [text for text in shown if textin.secret_code in text or textin.app_id in text] == []
