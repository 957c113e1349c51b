"""What all waits of a connection do together: keep to its ceiling, pause, and take up new credentials."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.hooks.support import Pauses
from tests.running import GUARD_SECONDS, only_event, point_airflow_at, until
from tests.triggers.single_poll import poll_once
from textin_provider.api.rate_limit import RateLimiter
from textin_provider.api.retry import changed_timing
from textin_provider.exceptions import TextInAuthenticationError, TextInRateLimitError
from textin_provider.hooks.textin import TextInHook
from textin_provider.testing import JobScript, ScriptedFault, TextInServer
from textin_provider.triggers import poller as poller_module
from textin_provider.triggers.poller import join_poller

if TYPE_CHECKING:
    from tests.triggers.conftest import NewTrigger


async def test_all_waits_together_keep_to_the_ceiling_of_their_connection(
    textin: TextInServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_airflow_at(textin, monkeypatch, extra={"max_requests_per_second": 40})
    job_id = textin.add_job()
    begun = time.monotonic()
    async with join_poller("textin_default") as poller:
        await asyncio.gather(*(poll_once(poller, job_id) for _ in range(41)))

    # Forty gaps of a fortieth of a second: fewer seconds would have broken the ceiling.
    assert time.monotonic() - begun >= 1.0
    assert textin.count("status") == 41


async def test_a_rate_limit_hit_by_one_wait_pauses_all_waits(
    textin: TextInServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_hits: list[float | None] = []
    on_limit = RateLimiter.on_limit

    def count_limit_hit(self: RateLimiter, after: float | None, **now: Any) -> None:
        limit_hits.append(after)
        on_limit(self, after, **now)

    monkeypatch.setattr(RateLimiter, "on_limit", count_limit_hit)
    textin.fault("status", ScriptedFault(code=40306, headers={"Retry-After": "1"}), times=1)
    job_id = textin.add_job()
    async with join_poller("textin_default") as poller:
        with pytest.raises(Exception, match="40306"):
            await poll_once(poller, job_id)
        asked = textin.count("status")
        others = [asyncio.create_task(poll_once(poller, job_id)) for _ in range(5)]
        await asyncio.sleep(0.6)
        assert textin.count("status") == asked
        await asyncio.gather(*others)
    assert limit_hits == [1.0]


async def test_a_limit_in_the_triggerer_holds_for_the_same_credential_on_a_worker_too(
    textin: TextInServer,
) -> None:
    textin.fault("status", ScriptedFault(http_status=429, headers={"Retry-After": "3600"}), times=1)
    job_id = textin.add_job()
    async with join_poller("textin_default") as poller:
        with pytest.raises(Exception, match="429"):
            await poll_once(poller, job_id)

    with pytest.raises(TextInRateLimitError, match="pause") as caught:
        TextInHook().poll_xparse_job(job_id)
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > 3000
    assert textin.count("status") == 1


async def test_waits_take_up_a_secret_that_was_rotated(
    textin: TextInServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_airflow_at(textin, monkeypatch, password="the former secret")
    jobs = [textin.add_job() for _ in range(5)]
    async with join_poller("textin_default") as poller:
        point_airflow_at(textin, monkeypatch)
        seen = await asyncio.gather(*(poll_once(poller, job) for job in jobs))
    assert [job.job_id for job in seen] == jobs


async def test_a_secret_that_is_rotated_in_a_pause_reaches_those_that_wait_for_its_end(
    textin: TextInServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    textin.fault("status", ScriptedFault(code=40306, headers={"Retry-After": "1"}), times=1)
    jobs = [textin.add_job() for _ in range(20)]
    async with join_poller("textin_default") as poller:
        with pytest.raises(Exception, match="40306"):
            await poll_once(poller, jobs[0])
        asked = [asyncio.create_task(poll_once(poller, job)) for job in jobs]
        await asyncio.sleep(0.3)
        textin.rotate_secret("latest")
        point_airflow_at(textin, monkeypatch)
        seen = await asyncio.gather(*asked)
    assert [job.job_id for job in seen] == jobs


async def test_a_rotated_secret_does_not_cut_off_what_is_under_way(
    textin: TextInServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [textin.add_job() for _ in range(4)]
    async with join_poller("textin_default") as poller:
        # These answers trickle in; the requests for them were let in with the former secret.
        textin.fault("status", ScriptedFault(bytes_per_second=400.0), times=3)
        slow = [asyncio.create_task(poll_once(poller, job)) for job in jobs[:3]]
        await until(lambda: textin.count("status") == 3)
        textin.rotate_secret("latest")
        point_airflow_at(textin, monkeypatch)
        assert (await poll_once(poller, jobs[3])).job_id == jobs[3]
        seen = await asyncio.gather(*slow)
    assert [job.job_id for job in seen] == jobs[:3]
    assert textin.count("status") == 5


async def test_many_waits_are_back_soon_after_a_pause(textin: TextInServer) -> None:
    textin.fault("status", ScriptedFault(code=40306, headers={"Retry-After": "1"}), times=1)
    job_id = textin.add_job()
    with changed_timing(first_spacing=0.02):
        async with join_poller("textin_default") as poller:
            with pytest.raises(Exception, match="40306"):
                await poll_once(poller, job_id)
            # They come in many rounds, as they do while a pause lasts.
            rounds = (poll_once(poller, job_id, 0.02 * (number % 40)) for number in range(800))
            await asyncio.wait_for(asyncio.gather(*rounds), GUARD_SECONDS / 2)


async def test_a_deadline_in_a_long_pause_is_kept_though_others_have_time_to_wait_for_its_end(
    textin: TextInServer, new_trigger: NewTrigger
) -> None:
    textin.fault("status", ScriptedFault(code=40306, headers={"Retry-After": "3600"}), times=1)
    job_id = textin.add_job(JobScript(status="never"))
    async with join_poller("textin_default") as poller:
        with pytest.raises(Exception, match="40306"):
            await poll_once(poller, job_id)
        patient = [asyncio.create_task(only_event(new_trigger(job_id, timeout=7200.0))) for _ in range(100)]
        await asyncio.sleep(0.2)
        event = await asyncio.wait_for(only_event(new_trigger(job_id, timeout=1.0)), GUARD_SECONDS)
        for task in patient:
            task.cancel()
        await asyncio.gather(*patient, return_exceptions=True)
    assert event["ending"] == "timeout"
    assert textin.count("status") == 1


async def test_who_joins_later_has_the_connection_looked_up_again(
    textin: TextInServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller_module, "FRESH_SECONDS", 0.0)
    job_id = textin.add_job()
    async with join_poller("textin_default") as first:
        with TextInServer() as moved:
            point_airflow_at(moved, monkeypatch)
            elsewhere = moved.add_job()
            async with join_poller("textin_default") as second:
                assert first is second
                assert (await poll_once(second, elsewhere)).job_id == elsewhere
    assert job_id in textin.jobs
    assert textin.count("status") == 0


async def test_credentials_that_are_still_wrong_when_looked_up_again_end_the_wait(
    textin: TextInServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_airflow_at(textin, monkeypatch, password="wrong")
    job_id = textin.add_job()
    async with join_poller("textin_default") as poller:
        results = await asyncio.gather(
            *(poll_once(poller, job_id) for _ in range(20)), return_exceptions=True
        )
    assert {getattr(result, "code", None) for result in results} == {40102}
    assert textin.count("status") == 20


def test_a_worker_that_is_limited_asks_no_more_before_the_pause_is_over(
    textin: TextInServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = Pauses()
    monkeypatch.setattr("textin_provider.hooks.sender.time", pauses)
    textin.fault("status", ScriptedFault(code=40306, headers={"Retry-After": "2"}), times=1)

    assert TextInHook().get_xparse_job(textin.add_job()).job_id
    assert max(pauses) == pytest.approx(2, abs=0.5)


def test_wrong_credentials_on_a_worker_are_asked_about_once(
    textin: TextInServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_airflow_at(textin, monkeypatch, password="wrong")

    with pytest.raises(TextInAuthenticationError):
        TextInHook().get_xparse_job("f" * 32)
    assert textin.count("status") == 1
