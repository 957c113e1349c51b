"""The private parts of uvicorn that the local TextIn uses."""

from __future__ import annotations

import asyncio
from inspect import signature

import pytest

from textin_provider.testing import http_server


@pytest.mark.parametrize("fast_parser", [True, False], ids=["httptools if installed", "h11"])
async def test_uvicorn_has_the_private_protocol_classes_that_the_server_extends(
    monkeypatch: pytest.MonkeyPatch, fast_parser: bool
) -> None:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

    if not fast_parser:
        monkeypatch.setattr(http_server, "find_spec", lambda name: None)
    base = http_server.protocol_class()
    assert list(signature(base).parameters) == ["config", "server_state", "app_state", "_loop"]
    assert list(signature(base.connection_made).parameters) == ["self", "transport"]
    assert list(signature(base.connection_lost).parameters) == ["self", "exc"]

    loop = asyncio.get_running_loop()
    config = Config(lambda: None, log_config=None)
    config.load()
    plain = base(config=config, server_state=ServerState(), app_state={"key": "value"}, _loop=loop)
    assert (plain.app_state, plain.transport) == ({"key": "value"}, None)
    assert isinstance(plain.access_log, bool)

    extended = http_server.protocol_factory(lambda: None, loop, set(), lambda: None)()
    assert isinstance(extended, base)
