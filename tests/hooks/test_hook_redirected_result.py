"""A result behind redirects: a response that redirects is closed before the next request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests

from textin_provider.testing import JobScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from textin_provider.hooks.textin import TextInHook


def test_a_redirect_is_closed_before_its_target_is_requested(
    hook: TextInHook, textin: TextInServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    job_id = textin.add_job(JobScript(states=["completed"]))
    send = requests.adapters.HTTPAdapter.send
    responses: list[requests.Response] = []
    left_open: list[int] = []

    def recorded(adapter: requests.adapters.HTTPAdapter, *args: Any, **kwargs: Any) -> requests.Response:
        left_open.extend(response.status_code for response in responses if not response.raw.closed)
        responses.append(send(adapter, *args, **kwargs))
        return responses[-1]

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", recorded)
    # requests itself reads and closes a redirect whose target is not empty.
    redirect = ScriptedFault(http_status=302, body=b"moved" * 1000, headers={"Location": ""})
    textin.fault("result", redirect, times=2)

    hook.download_xparse_result(job_id, str(tmp_path / "result.json"))

    assert [response.status_code for response in responses] == [200, 302, 302, 200]
    assert left_open == []
