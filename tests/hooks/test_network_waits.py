"""Waits and downloads behind proxies and a CA of their own: a hopeless request fails at once."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.certificate import self_signed
from tests.hooks.test_hook_download_faults import done
from tests.network import NAME
from tests.running import only_event, run, until
from textin_provider.exceptions import TextInConfigurationError
from textin_provider.hooks.textin import TextInHook
from textin_provider.hooks.textin_async import TextInAsyncHook
from textin_provider.sensors.docflow import DocFlowBatchSensor
from textin_provider.sensors.xparse import XParseJobSensor
from textin_provider.testing import JobScript, ScriptedFault, fast_polling
from textin_provider.triggers.xparse import XParseJobTrigger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.hooks.support import Foreign
    from tests.network import World

CA = {"REQUESTS_CA_BUNDLE": "{ca}"}
#: A scheme and variables with which nothing can be reached, and a word of the error.
HOPELESS = [
    ("https", {}, "set REQUESTS_CA_BUNDLE"),
    ("https", {"REQUESTS_CA_BUNDLE": "/no/such"}, "/no/such"),
    ("https", {**CA, "HTTPS_PROXY": "http//{plain}"}, "HTTPS_PROXY"),
    ("https", {**CA, "HTTPS_PROXY": "http://{strict}"}, "HTTPS_PROXY"),
    ("http", {"HTTP_PROXY": "http://{strict}"}, "HTTP_PROXY"),
    ("http", {"HTTP_PROXY": "socks5://{strict}"}, "socks5"),
]
WAIT: dict[str, Any] = {"task_id": "wait", "poke_interval": 3600, "timeout": 7200}


def new_trigger(job_id: str) -> XParseJobTrigger:
    times: dict[str, Any] = {"poll_interval": 0.02, "deadline": time.time() + 7200, "timeout": 7200.0}
    return XParseJobTrigger(job_id=job_id, textin_conn_id="textin_default", **times)


@pytest.fixture(autouse=True)
def _fast_polling() -> Iterator[None]:
    with fast_polling(keep_intervals=True):
        yield


@pytest.mark.parametrize("deferrable", [False, True], ids=["poke", "deferrable"])
@pytest.mark.parametrize("service", ["xparse", "docflow"])
@pytest.mark.parametrize(("scheme", "variables", "word"), HOPELESS)
def test_a_sensor_fails_at_once(
    world: World, scheme: str, variables: dict[str, str], word: str, service: str, deferrable: bool
) -> None:
    world.connect(scheme)
    world.set(variables)

    def sensor() -> Any:
        if service == "xparse":
            return XParseJobSensor(job_id="c020", deferrable=deferrable, **WAIT)
        return DocFlowBatchSensor(batch_number="b1", deferrable=deferrable, **WAIT)

    with pytest.raises(TextInConfigurationError, match=word):
        run(sensor).returned()

    assert world.requests == 0


@pytest.mark.parametrize(("scheme", "variables", "word"), HOPELESS)
async def test_a_trigger_ends_at_once(
    world: World, scheme: str, variables: dict[str, str], word: str
) -> None:
    world.connect(scheme)
    world.set(variables)

    event = await only_event(new_trigger("c020"))

    assert (event["ending"], event["fault"]["kind"]) == ("fault", "configuration")
    assert word in event["fault"]["message"] + event["fault"]["about"] + event["fault"]["fix"]
    assert world.requests == 0


async def test_a_trigger_outlasts_a_proxy_that_opens_no_tunnel(world: World) -> None:
    job_id = world.textin.add_job(JobScript(states=["completed"]))
    proxy = world.proxy(refusal=503)
    world.connect("https")
    world.set({**CA, "HTTPS_PROXY": f"http://proxy.test:{proxy.port}"})
    waiting = asyncio.ensure_future(only_event(new_trigger(job_id)))

    await until(lambda: len(proxy.heads) >= 3)
    proxy.refusal = None

    assert (await waiting)["ending"] == "terminal"


async def test_a_renewed_bundle_and_another_proxy_are_read_with_the_next_refresh(
    world: World, tmp_path: Path
) -> None:
    bundle, certificates = tmp_path / "bundle.pem", world.authority.bundle.read_bytes()
    bundle.write_bytes(self_signed(tmp_path).read_bytes())
    job_id = world.textin.add_job()
    world.connect("https")
    world.set({"REQUESTS_CA_BUNDLE": str(bundle)})

    async with TextInAsyncHook() as hook:
        with pytest.raises(TextInConfigurationError, match="not trusted"):
            await hook.get_xparse_job(job_id)
        assert await hook.refresh() is False
        bundle.write_bytes(certificates)
        assert await hook.refresh() is True
        await hook.get_xparse_job(job_id)
        world.set({"HTTPS_PROXY": "http://{plain}"})
        assert await hook.refresh() is True
        await hook.get_xparse_job(job_id)

    assert [head.method for head in world.plain.heads] == ["CONNECT"]


def test_each_redirect_of_a_download_has_the_proxy_of_its_own_address(
    world: World, foreign: Foreign, tmp_path: Path
) -> None:
    port = foreign.url.rpartition(":")[2]
    there = f"http://results.test:{port}"
    job_id = world.textin.add_job(done())
    world.textin.fault("result", ScriptedFault(http_status=302, headers={"Location": f"{there}/r"}))
    world.connect("http", host="127.0.0.1", result_hosts=there)
    world.set({"HTTP_PROXY": "http://{plain}", "NO_PROXY": "127.0.0.1"})

    TextInHook().download_xparse_result(job_id, str(tmp_path / "r.json"))

    assert json.loads((tmp_path / "r.json").read_text())["markdown"] == "from afar"
    assert [(head.method, head.target) for head in world.plain.heads] == [("GET", f"{there}/r")]
    assert foreign.credentials == set()


def test_a_download_from_a_host_that_is_not_trusted_fails_at_once_and_names_it(
    world: World, tmp_path: Path
) -> None:
    there = f"https://{NAME}:{world.front.port}"
    job_id = world.textin.add_job(done(result_url=f"{there}/r?sig=hush"))
    world.connect("http", host="127.0.0.1", result_hosts=there)

    with pytest.raises(TextInConfigurationError, match=rf"{NAME}.*REQUESTS_CA_BUNDLE") as caught:
        TextInHook().download_xparse_result(job_id, str(tmp_path / "r.json"))

    assert "hush" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_proxy_that_wants_a_password_for_a_download_is_named(world: World, tmp_path: Path) -> None:
    there = "http://results.test:80"
    job_id = world.textin.add_job(done(result_url=f"{there}/r"))
    world.connect("http", host="127.0.0.1", result_hosts=there)
    world.set({"HTTP_PROXY": "http://{strict}", "NO_PROXY": "127.0.0.1"})

    with pytest.raises(TextInConfigurationError, match=r"proxy http://proxy\.test:\d+ requires.*HTTP_PROXY"):
        TextInHook().download_xparse_result(job_id, str(tmp_path / "r.json"))
