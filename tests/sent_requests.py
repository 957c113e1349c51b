"""Record when requests leave this process, at the public seams of the two HTTP clients."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import aiohttp
import requests

if TYPE_CHECKING:
    import pytest


@dataclass
class SentRequest:
    """When a request was started and when the head of its response had come, both monotonic seconds."""

    started: float
    responded: float = float("inf")


def record_requests(patch: pytest.MonkeyPatch) -> list[SentRequest]:
    """Return a list that grows by each request that requests or aiohttp sends, in the order they start."""
    sent: list[SentRequest] = []
    _record_requests(patch, sent)
    _record_aiohttp(patch, sent)
    return sent


def gaps(sent: list[SentRequest]) -> list[float]:
    """Return the seconds between each response and the request after it; for requests that do not overlap."""
    return [after.started - before.responded for before, after in pairwise(sent)]


def _record_requests(patch: pytest.MonkeyPatch, sent: list[SentRequest]) -> None:
    send = requests.adapters.HTTPAdapter.send

    def recorded(adapter: requests.adapters.HTTPAdapter, *args: Any, **kwargs: Any) -> requests.Response:
        entry = SentRequest(time.monotonic())
        sent.append(entry)
        try:
            return send(adapter, *args, **kwargs)
        finally:
            entry.responded = time.monotonic()

    patch.setattr(requests.adapters.HTTPAdapter, "send", recorded)


def _record_aiohttp(patch: pytest.MonkeyPatch, sent: list[SentRequest]) -> None:
    async def start(session: Any, context: Any, params: Any) -> None:
        context.entry = SentRequest(time.monotonic())
        sent.append(context.entry)

    async def end(session: Any, context: Any, params: Any) -> None:
        context.entry.responded = time.monotonic()

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(start)
    trace.on_request_end.append(end)
    trace.on_request_exception.append(end)
    init = aiohttp.ClientSession.__init__

    def traced(session: aiohttp.ClientSession, *args: Any, **kwargs: Any) -> None:
        traces = [*(kwargs.pop("trace_configs", None) or ()), trace]
        init(session, *args, trace_configs=traces, **kwargs)

    patch.setattr(aiohttp.ClientSession, "__init__", traced)
