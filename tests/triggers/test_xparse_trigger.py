"""What the trigger of an xParse job is made of, and the one event it ends with."""

from __future__ import annotations

import asyncio
import inspect
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.running import only_event
from textin_provider.testing import JobScript, TextInServer
from textin_provider.triggers.xparse import XParseJobTrigger

if TYPE_CHECKING:
    from tests.triggers.conftest import NewTrigger

PATH = "textin_provider.triggers.xparse.XParseJobTrigger"

#: What a trigger of release 0.1.0 may have stored at the least. A later release loads it; never add to it.
REQUIRED_BY_0_1_0: dict[str, Any] = {
    "job_id": "c020a1f0b1f54b0f8d5bb1a0c9f4a7d2",
    "textin_conn_id": "textin_default",
    "poll_interval": 60.0,
    "deadline": 1_790_000_000.0,
    "timeout": 3600.0,
}
EVERYTHING = REQUIRED_BY_0_1_0 | {
    "exponential_backoff": True,
    "max_wait": 600.0,
    "looks": 2,
    "wake_after": 3,
}
DEFAULTS = {"exponential_backoff": False, "max_wait": None, "looks": 0, "wake_after": None}


def test_the_serialized_arguments_make_an_equal_trigger() -> None:
    assert XParseJobTrigger(**EVERYTHING).serialize() == (PATH, EVERYTHING)


def test_arguments_that_an_older_release_did_not_store_have_defaults() -> None:
    assert XParseJobTrigger(**REQUIRED_BY_0_1_0).serialize() == (PATH, REQUIRED_BY_0_1_0 | DEFAULTS)


def test_every_argument_is_serialized() -> None:
    classes: tuple[Any, ...] = XParseJobTrigger.__mro__
    ours = [cls for cls in classes if cls.__module__.startswith("textin_provider")]
    parameters = {name for cls in ours for name in inspect.signature(cls.__init__).parameters}
    assert set(XParseJobTrigger(**REQUIRED_BY_0_1_0).serialize()[1]) == parameters - {"self", "kwargs"}


def test_the_class_path_leads_to_the_class() -> None:
    module, _, name = PATH.rpartition(".")
    assert (XParseJobTrigger.__module__, XParseJobTrigger.__qualname__) == (module, name)


def test_the_arguments_are_plain_values() -> None:
    _, arguments = XParseJobTrigger(**EVERYTHING).serialize()
    assert json.loads(json.dumps(arguments)) == arguments
    assert {type(value) for value in arguments.values()} <= {str, float, bool, int}


async def test_neither_arguments_nor_repr_nor_event_name_the_secret(
    textin: TextInServer, new_trigger: NewTrigger
) -> None:
    trigger = new_trigger(textin.add_job())
    event = await only_event(trigger)
    shown = [repr(trigger), json.dumps(trigger.serialize()), json.dumps(event)]
    assert [text for text in shown if textin.secret_code in text or textin.app_id in text] == []


async def test_a_job_is_followed_through_its_states_to_one_event(
    textin: TextInServer, new_trigger: NewTrigger
) -> None:
    job_id = textin.add_job(JobScript(states=["pending", "in_progress", "in_progress", "completed"]))

    event = await only_event(new_trigger(job_id))

    job = textin.jobs[job_id]
    assert job.polls == 4
    assert event == {
        "ending": "terminal",
        "jobs": [
            {
                "job_id": job_id,
                "file_id": job.file_id,
                "status": "completed",
                "result_url": event["jobs"][0]["result_url"],
                "message": None,
            }
        ],
    }
    assert event["jobs"][0]["result_url"].startswith(textin.url)


async def test_a_failed_job_is_a_terminal_event_with_its_message(
    textin: TextInServer, new_trigger: NewTrigger
) -> None:
    job_id = textin.add_job(JobScript(status="failed", message="PDF 密码错误"))

    event = await only_event(new_trigger(job_id))

    assert event["ending"] == "terminal"
    assert (event["jobs"][0]["status"], event["jobs"][0]["message"]) == ("failed", "PDF 密码错误")
    assert event["jobs"][0]["result_url"] is None


async def test_a_signed_result_url_loses_its_signature(textin: TextInServer, new_trigger: NewTrigger) -> None:
    signed = "https://files.textin.com/result.json?Signature=abc&Expires=1"
    event = await only_event(new_trigger(textin.add_job(JobScript(result_url=signed))))
    assert event["jobs"][0]["result_url"] == "https://files.textin.com/result.json"


async def test_a_completed_job_without_a_result_url_is_terminal(
    textin: TextInServer, new_trigger: NewTrigger
) -> None:
    event = await only_event(new_trigger(textin.add_job(JobScript(result_url=None))))
    assert (event["jobs"][0]["status"], event["jobs"][0]["result_url"]) == ("completed", None)


async def test_the_event_is_small_however_much_the_service_says(
    textin: TextInServer, new_trigger: NewTrigger
) -> None:
    job_id = textin.add_job(JobScript(status="failed", message="every page is blank. " * 5000))
    event = await only_event(new_trigger(job_id))
    assert len(json.dumps(event).encode()) < 2048


async def test_it_only_looks(textin: TextInServer, new_trigger: NewTrigger) -> None:
    job_id = textin.add_job(JobScript(states=["pending", "completed"]))
    await only_event(new_trigger(job_id))
    assert {(request.endpoint, request.method) for request in textin.requests} == {("status", "GET")}
    assert textin.jobs[job_id].downloads == 0


async def test_two_triggerers_may_wait_for_the_same_job(
    textin: TextInServer, new_trigger: NewTrigger
) -> None:
    job_id = textin.add_job(JobScript(pending_seconds=0.1, processing_seconds=0.1))
    first, second = await asyncio.gather(*(only_event(new_trigger(job_id)) for _ in range(2)))
    assert first == second


def _credentials(textin: TextInServer) -> dict[str, Any]:
    return {"x-ti-app-id": textin.app_id, "x-ti-secret-code": textin.secret_code}


async def test_the_request_carries_the_credentials_and_says_who_asks(
    textin: TextInServer, new_trigger: NewTrigger
) -> None:
    await only_event(new_trigger(textin.add_job()))
    headers = textin.requests[0].headers
    assert headers.items() >= _credentials(textin).items()
    assert headers["user-agent"].startswith("airflow-provider-textin/")


@pytest.mark.parametrize(
    ("options", "most_looks"),
    [
        pytest.param({"poll_interval": 60.0}, 2, id="a long interval"),
        pytest.param({"poll_interval": 0.05, "exponential_backoff": True}, 6, id="a doubling interval"),
    ],
)
async def test_it_looks_no_more_often_than_the_sensor_was_told(
    textin: TextInServer, new_trigger: NewTrigger, options: dict[str, Any], most_looks: int
) -> None:
    job_id = textin.add_job(JobScript(status="never"))
    await only_event(new_trigger(job_id, timeout=1.0, **options))
    # Each interval may be a tenth shorter, and the last look is at the deadline.
    assert 1 <= textin.jobs[job_id].polls <= most_looks


async def test_max_wait_limits_the_doubling(textin: TextInServer, new_trigger: NewTrigger) -> None:
    states = ["pending"] * 12 + ["completed"]
    job_id = textin.add_job(JobScript(states=states))
    event = await only_event(new_trigger(job_id, poll_interval=0.01, exponential_backoff=True, max_wait=0.02))
    assert event["ending"] == "terminal"
