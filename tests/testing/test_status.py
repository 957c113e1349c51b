"""States of jobs over time and polls, and scripts of jobs."""

from __future__ import annotations

import pytest

from tests.testing.client import Client
from textin_provider.testing import JobScript, TextInServer


def states(client: Client, job_id: str, polls: int) -> list[str]:
    return [client.status(job_id)["data"]["status"] for _ in range(polls)]


def test_a_job_is_pending_then_in_progress_then_completed() -> None:
    with TextInServer(pending_seconds=0.5, processing_seconds=1.0) as textin:
        client = Client(textin)
        job_id = client.submit()["data"]["job_id"]
        seen = []
        while "completed" not in seen:
            seen.append(client.status(job_id)["data"]["status"])
        assert list(dict.fromkeys(seen)) == ["pending", "in_progress", "completed"]
        assert textin.jobs[job_id].polls == len(seen)


def test_only_a_completed_job_has_a_result_url(client: Client, textin: TextInServer) -> None:
    textin.script(JobScript(states=["pending", "in_progress", "completed"]))
    job_id = client.submit()["data"]["job_id"]
    pending, in_progress, completed = (client.status(job_id) for _ in range(3))
    for envelope in (pending, in_progress):
        assert envelope["code"] == 200
        assert envelope["data"].keys() == {"job_id", "file_id", "status"}
    assert completed["data"]["result_url"].startswith(f"{textin.url}/file/xparse_result/")
    assert job_id not in completed["data"]["result_url"]
    assert completed["data"]["file_id"] == textin.jobs[job_id].file_id


def test_the_status_of_a_failed_job_is_a_success_response(client: Client, textin: TextInServer) -> None:
    textin.script(JobScript(status="failed", message="document is empty"))
    job_id = client.submit()["data"]["job_id"]
    client.wait(job_id)
    response = client.get(job_id)
    assert response.status_code == 200
    assert response.json()["code"] == 200
    data = response.json()["data"]
    assert (data["status"], data["message"]) == ("failed", "document is empty")
    assert "result_url" not in data


def test_an_unknown_job_is_a_parameter_error(client: Client) -> None:
    envelope = client.status("0" * 32)
    assert (envelope["code"], envelope["message"]) == (40004, "Parameter error")
    assert envelope["data"]["message"] == "Job not found"


def test_scripts_are_used_once_in_the_order_given(client: Client, textin: TextInServer) -> None:
    textin.script(JobScript(status="failed", message="first"))
    textin.script(JobScript(status="failed", message="second"))
    ends = [client.wait(client.submit()["data"]["job_id"]) for _ in range(3)]
    assert [end.get("message") for end in ends] == ["first", "second", None]
    assert ends[2]["status"] == "completed"


def test_states_are_shown_one_per_poll_and_the_last_one_stays(client: Client, textin: TextInServer) -> None:
    job_id = textin.add_job(JobScript(states=["in_progress", "pending", "failed"], message="in the end"))
    assert states(client, job_id, 4) == ["in_progress", "pending", "failed", "failed"]
    assert client.status(job_id)["data"]["message"] == "in the end"


@pytest.mark.parametrize("last", ["pending", "in_progress"])
def test_states_need_not_come_to_an_end(client: Client, textin: TextInServer, last: str) -> None:
    job_id = textin.add_job(JobScript(states=["pending", last]))
    assert states(client, job_id, 3) == ["pending", last, last]


def test_a_job_that_never_ends_stays_in_progress(client: Client, textin: TextInServer) -> None:
    job_id = textin.add_job(JobScript(status="never"))
    assert states(client, job_id, 3) == ["in_progress"] * 3


def test_an_undocumented_state_can_be_final(client: Client, textin: TextInServer) -> None:
    job_id = textin.add_job(JobScript(status="stopped"))
    assert client.wait(job_id).keys() == {"job_id", "file_id", "status"}
    assert states(client, job_id, 2) == ["stopped"] * 2


def test_a_job_can_vanish(client: Client, textin: TextInServer) -> None:
    job_id = textin.add_job(JobScript(status="never", vanish=2))
    assert [client.status(job_id)["code"] for _ in range(4)] == [200, 200, 40004, 40004]


def test_a_script_sets_the_times_of_its_job(client: Client, textin: TextInServer) -> None:
    pending = textin.add_job(JobScript(pending_seconds=60))
    processing = textin.add_job(JobScript(processing_seconds=60))
    assert client.status(pending)["data"]["status"] == "pending"
    assert client.status(processing)["data"]["status"] == "in_progress"


def test_an_added_job_was_not_submitted(client: Client, textin: TextInServer) -> None:
    job_id = textin.add_job(JobScript(), document="# 标题".encode(), filename="a.md")
    result = client.result(client.wait(job_id)["result_url"])
    assert result["elements"][0]["text"] == "标题"
    assert textin.jobs[job_id].filename == "a.md"
    assert (textin.submissions, textin.count("submit")) == (0, 0)
