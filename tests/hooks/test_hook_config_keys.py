"""Keys of a configuration that TextIn may ignore are logged before the submit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from textin_provider.hooks.textin import TextInHook
    from textin_provider.testing import TextInServer

CONFIG: dict[str, Any] = {"page_range": "1", "quantum": True, "scope": {"page_range": "1"}}


@pytest.mark.parametrize("config", [CONFIG, json.dumps(CONFIG)], ids=["dict", "text"])
def test_unknown_keys_are_logged_once_and_sent(
    hook: TextInHook, textin: TextInServer, document: str, logs: Callable[[], str], config: Any
) -> None:
    for _ in range(2):
        job_id = hook.submit_xparse_job(document, config=config)
    told = logs()
    assert (
        "config key 'page_range' is unknown, and TextIn may ignore it; did you mean 'scope.page_range'?"
        in told
    )
    assert "config key 'quantum' is unknown, and TextIn may ignore it." in told
    assert told.count("config key 'quantum'") <= 2  # Airflow 2 shows each line twice
    assert textin.jobs[job_id].config == CONFIG


def test_known_keys_are_not_logged(hook: TextInHook, document: str, logs: Callable[[], str]) -> None:
    hook.submit_xparse_job(document, config={"scope": {"page_range": "1"}})
    hook.submit_xparse_job(document)
    assert "config key" not in logs()
