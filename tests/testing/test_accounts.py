"""Accounts of the local TextIn, over HTTP: refused requests, jobs in work, and the counts of both."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.testing.client import PATH, STATUS_SCHEMA, SUBMIT_SCHEMA, Client, conforms, spooled
from tests.testing.docflow_client import DELETE, FETCH, RETRY, UPLOAD, V2, DocFlowClient
from tests.testing.docflow_client import conforms as docflow_conforms
from textin_provider.testing import PLANS, Account, JobScript, ScriptedFault, TextInServer, Usage

if TYPE_CHECKING:
    from collections.abc import Callable

FILE = [("file", ("a.md", b"# Hello"))]
NEVER = JobScript(status="never")
# Ends with the second poll, and not before.
POLLED = JobScript(states=["in_progress", "completed"])
QUEUE = Account(concurrent_jobs=1, over="queue")


class Clock:
    """A clock that stands still unless a test sets it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(textin: TextInServer, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(textin._state.limits, "_clock", clock)
    return clock


def at_once(count: int, request: Callable[[], dict[str, Any]]) -> list[str]:
    """Send a request ``count`` times from as many threads and return the codes in order."""
    with ThreadPoolExecutor(count) as threads:
        return sorted(
            str(future.result()["code"]) for future in [threads.submit(request) for _ in range(count)]
        )


def test_a_server_without_an_account_limits_nothing(client: Client, textin: TextInServer) -> None:
    assert textin.account == Account() == Account(0, 0, "reject")
    assert at_once(20, lambda: Client(textin).submit()) == ["200"] * 20
    assert textin.usage.requests == 20
    assert (textin.usage.rate_refusals, textin.usage.job_refusals) == (0, 0)
    assert 1 <= textin.usage.most_jobs_in_work <= 20


def test_requests_beyond_the_rate_are_refused(client: Client, textin: TextInServer, clock: Clock) -> None:
    job_id = textin.add_job(NEVER)
    textin.account = Account(requests_per_second=5)
    assert at_once(20, lambda: Client(textin).status(job_id)) == ["200"] * 5 + ["40306"] * 15
    clock.now = 0.999
    assert client.status(job_id)["code"] == 40306
    clock.now = 1.0
    assert [client.status(job_id)["code"] for _ in range(6)] == [200] * 5 + [40306]
    assert textin.usage == Usage(10, 17, 0, jobs_in_work=1, most_jobs_in_work=1)
    assert textin.jobs[job_id].polls == 10
    assert textin.count("status") == 27


def test_one_request_in_two_seconds(client: Client, textin: TextInServer, clock: Clock) -> None:
    textin.account = Account(requests_per_second=0.5)
    codes = []
    for now in (0.0, 1.0, 1.9, 2.0, 3.0):
        clock.now = now
        codes.append(client.get("unknown").json()["code"])
    assert codes == [40004, 40306, 40306, 40004, 40306]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", PATH),
        ("GET", f"{PATH}/some-job"),
        ("POST", UPLOAD),
        ("GET", FETCH),
        ("POST", DELETE),
        ("POST", RETRY),
        ("GET", f"{V2}/workspace/list"),
        ("GET", f"{V2}/workspace/get"),
    ],
)
def test_every_api_request_counts_and_is_refused_in_its_envelope(
    client: Client, textin: TextInServer, clock: Clock, method: str, path: str
) -> None:
    def send() -> requests.Response:
        params = {"workspace_id": textin.workspace_id}
        files = FILE if method == "POST" else None
        return client.session.request(method, textin.url + path, params=params, files=files, timeout=30)

    textin.account = Account(requests_per_second=1)
    assert send().json()["code"] != 40306
    accepted = textin.submissions, textin.uploads_accepted
    response = send()
    envelope = response.json()
    assert (response.status_code, envelope["code"]) == (200, 40306)
    if path.startswith(PATH):
        conforms(envelope, SUBMIT_SCHEMA if method == "POST" else STATUS_SCHEMA)
        assert envelope["message"] == "qps limit exceeded"
        assert envelope["data"] == {"message": "the account's limit of requests per second is 1"}
    else:
        docflow_conforms(method, path, envelope)
        assert envelope["msg"] == "qps limit exceeded: the account's limit of requests per second is 1"
        assert envelope["result"] is None
    assert (textin.submissions, textin.uploads_accepted) == accepted
    assert textin.requests[-1].code == 40306


def test_results_are_downloaded_beyond_the_rate(client: Client, textin: TextInServer, clock: Clock) -> None:
    url = client.wait(client.submit()["data"]["job_id"])["result_url"]
    textin.account = Account(requests_per_second=1)
    assert [client.get("unknown").json()["code"] for _ in range(2)] == [40004, 40306]
    requests_before = textin.usage.requests
    assert [client.result(url)["metadata"]["page_count"] for _ in range(3)] == [1, 1, 1]
    assert textin.usage.requests == requests_before


def test_requests_with_wrong_credentials_use_nothing_up(
    client: Client, textin: TextInServer, clock: Clock
) -> None:
    textin.account = Account(requests_per_second=1)
    url = f"{textin.url}{PATH}/unknown"
    wrong = {"x-ti-app-id": textin.app_id, "x-ti-secret-code": "wrong"}
    codes = [requests.get(url, headers=wrong, timeout=30).json()["code"] for _ in range(3)]
    assert codes == [40102] * 3
    assert client.session.get(f"{textin.url}/nowhere", timeout=30).json()["code"] == 40400
    assert textin.usage == Usage()
    assert [client.get("unknown").json()["code"] for _ in range(2)] == [40004, 40306]


def test_a_refused_upload_is_read_and_its_connection_kept(
    client: Client, textin: TextInServer, clock: Clock
) -> None:
    textin.account = Account(requests_per_second=1)
    document = b"x" * 3_000_000
    parts = [("file", ("a.txt", document))]
    assert [client.post(parts).json()["code"] for _ in range(3)] == [200, 40306, 40306]
    assert [request.body_bytes > len(document) for request in textin.requests] == [True] * 3
    assert (textin.connections, textin.submissions) == (1, 1)


def test_the_rate_is_checked_before_a_fault_applies(
    client: Client, textin: TextInServer, clock: Clock
) -> None:
    job_id = textin.add_job(NEVER)
    textin.account = Account(requests_per_second=1)
    textin.fault("status", ScriptedFault(code=30203), times=2)
    assert [client.status(job_id)["code"] for _ in range(3)] == [30203, 40306, 40306]
    clock.now = 1.0
    assert client.status(job_id)["code"] == 30203
    assert (textin.usage.requests, textin.usage.rate_refusals) == (2, 2)


def test_submits_beyond_the_jobs_in_work_are_rejected(client: Client, textin: TextInServer) -> None:
    textin.account = Account(concurrent_jobs=3)
    for _ in range(20):
        textin.script(NEVER)
    assert at_once(20, lambda: Client(textin).submit()) == ["200"] * 3 + ["40306"] * 17
    response = client.post(FILE)
    assert response.status_code == 200
    assert response.json() == {
        "code": 40306,
        "message": "concurrent job limit exceeded",
        "data": {"message": "the account's limit of jobs in work is 3"},
    }
    assert (textin.submissions, len(textin.jobs)) == (3, 3)
    assert textin.usage == Usage(21, 0, 18, jobs_in_work=3, most_jobs_in_work=3)


def test_a_rejected_document_is_not_kept(client: Client, textin: TextInServer) -> None:
    textin.account = Account(concurrent_jobs=1)
    textin.add_job(NEVER)
    assert client.submit()["code"] == 40306
    assert spooled(textin) == []


def test_a_client_that_has_seen_a_job_end_may_submit_the_next_one(
    client: Client, textin: TextInServer
) -> None:
    textin.account = Account(concurrent_jobs=1)
    for _ in range(20):
        client.wait(client.submit()["data"]["job_id"])
    textin.script(JobScript(processing_seconds=3600))
    job = textin.jobs[client.submit()["data"]["job_id"]]
    while job.outcome is None:
        time.sleep(0.005)
    # The job ends, but its task sleeps on.
    job.ready_at = 0.0
    assert client.submit()["code"] == 40306
    assert client.status(job.job_id)["data"]["status"] == "completed"
    assert client.submit()["code"] == 200
    assert textin.usage.most_jobs_in_work == 1


def test_a_job_that_is_not_found_any_more_is_not_in_work(client: Client, textin: TextInServer) -> None:
    textin.account = Account(concurrent_jobs=1)
    job_id = textin.add_job(JobScript(status="never", vanish=1))
    assert [client.status(job_id)["code"], client.submit()["code"]] == [200, 40306]
    assert [client.status(job_id)["code"], client.submit()["code"]] == [40004, 200]


def test_jobs_beyond_those_in_work_are_queued(client: Client, textin: TextInServer) -> None:
    textin.account = QUEUE
    for _ in range(3):
        textin.script(POLLED)
    first, second, third = (client.submit()["data"]["job_id"] for _ in range(3))

    def states() -> list[str]:
        return [client.status(job_id)["data"]["status"] for job_id in (third, second, first)]

    assert states() == ["pending", "pending", "in_progress"]
    assert states() == ["pending", "pending", "completed"]
    assert states() == ["pending", "in_progress", "completed"]
    assert states() == ["pending", "completed", "completed"]
    assert states() == ["in_progress", "completed", "completed"]
    assert states() == ["completed", "completed", "completed"]
    assert textin.usage == Usage(21, most_jobs_in_work=1)


def test_a_queued_job_begins_when_the_account_is_replaced(client: Client, textin: TextInServer) -> None:
    textin.account = QUEUE
    textin.add_job(NEVER)
    queued = client.submit()["data"]["job_id"]
    assert client.status(queued)["data"]["status"] == "pending"
    textin.account = Account()
    assert client.wait(queued)["status"] == "completed"


def test_an_account_that_is_lowered_ends_no_job(client: Client, textin: TextInServer) -> None:
    for _ in range(3):
        textin.add_job(NEVER)
    textin.account = PLANS["free"]
    assert client.submit()["code"] == 40306
    assert textin.usage.jobs_in_work == 3


def test_jobs_of_an_earlier_start_are_not_in_work(client: Client, textin: TextInServer) -> None:
    textin.account = Account(concurrent_jobs=1)
    textin.add_job(NEVER)
    textin.stop()
    textin.start()
    assert client.submit()["code"] == 200
    assert textin.usage.requests == 1


@pytest.mark.parametrize(
    ("account", "limits"),
    [
        (None, {"max_requests_per_second": 0}),
        (PLANS["free"], {"max_requests_per_second": 2, "max_concurrent_jobs": 1}),
        (Account(requests_per_second=0.5), {"max_requests_per_second": 0.5}),
    ],
)
def test_the_connection_has_the_limits_of_the_account(
    account: Account | None, limits: dict[str, float]
) -> None:
    with TextInServer(account=account) as textin:
        extra = textin.connection()["extra"]
    assert {name: value for name, value in extra.items() if name.startswith("max_")} == limits


def test_docflow_and_xparse_share_the_account(
    client: Client, docflow: DocFlowClient, textin: TextInServer, clock: Clock
) -> None:
    textin.account = Account(requests_per_second=2)
    assert client.submit()["code"] == 200
    assert docflow.post(("a.md", b"# Invoice"))["code"] == 200
    assert [client.submit()["code"], docflow.get()["code"]] == [40306, 40306]
    assert (textin.submissions, textin.uploads_accepted) == (1, 1)
