"""Downloads of results: hosts that are allowed, and redirects between hosts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.hooks.test_hook_download_faults import done
from textin_provider.exceptions import (
    TextInBadResultError,
    TextInError,
    TextInRequestError,
)
from textin_provider.testing import ScriptedFault, TextInServer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.hooks.support import Connect, Foreign, Pauses
    from textin_provider.hooks.textin import TextInHook


@pytest.mark.parametrize("host", ["{foreign}", "https://textin.com.evil.org", "http://api.textin.com"])
def test_a_result_on_another_host_is_refused(
    hook: TextInHook, textin: TextInServer, foreign: Foreign, tmp_path: Path, pauses: Pauses, host: str
) -> None:
    url = host.format(foreign=foreign.url)
    job_id = textin.add_job(done(result_url=f"{url}/r?sig=hush"))

    with pytest.raises(TextInRequestError, match="result_hosts") as caught:
        hook.download_xparse_result(job_id, str(tmp_path / "r.json"))

    assert "hush" not in str(caught.value)
    assert (foreign.requests, pauses, list(tmp_path.iterdir())) == ([], [], [])


@pytest.mark.parametrize(
    "url", ["", "r.json", "/file/r", "file:///etc/passwd", "ftp://h/r", "http://u:p@127.0.0.1/r"]
)
def test_a_result_url_that_is_no_web_address_is_refused(
    hook: TextInHook, textin: TextInServer, tmp_path: Path, url: str
) -> None:
    job_id = textin.add_job(done(result_url=url))

    with pytest.raises(TextInError, match=job_id):
        hook.download_xparse_result(job_id, str(tmp_path / "r.json"))

    assert list(tmp_path.iterdir()) == []


def test_a_result_host_serves_results_and_sees_no_credentials(
    connect: Connect, textin: TextInServer, foreign: Foreign, tmp_path: Path
) -> None:
    job_id = textin.add_job(done(result_url=f"{foreign.url}/r?sig=hush"))
    hook = connect({"result_hosts": foreign.url, "enterprise_id": "e1"})

    hook.download_xparse_result(job_id, str(tmp_path / "r.json"))

    assert json.loads((tmp_path / "r.json").read_text())["markdown"] == "from afar"
    assert [path for path, _ in foreign.requests] == ["/r?sig=hush"]
    assert foreign.credentials == set()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_is_refused(
    hook: TextInHook, textin: TextInServer, foreign: Foreign, tmp_path: Path, status: int
) -> None:
    job_id = textin.add_job(done())
    textin.fault(
        "result", ScriptedFault(http_status=status, body=b"", headers={"Location": f"{foreign.url}/r"})
    )

    with pytest.raises(TextInRequestError, match="result_hosts"):
        hook.download_xparse_result(job_id, str(tmp_path / "r.json"))

    assert (foreign.requests, list(tmp_path.iterdir())) == ([], [])


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:1/r",
        "http://localhost:{port}/r",
        "http://[::1]:{port}/r",
        "http://2130706433:{port}/r",
        "http://0x7f000001:{port}/r",
        "http://127.1:{port}/r",
        "http://0.0.0.0:{port}/r",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1]/r",
        "http://10.0.0.1/r",
        "//evil.example/r",
        "http://127.0.0.1:{port}@evil.example/r",
        "http://user:pw@127.0.0.1:{port}/r",
        "HTTP://EVIL.example/r",
        "https://api.textin.com@evil.example/r",
        "https://api.textin.com.evil.example/r",
        "https://evil.example\\@api.textin.com/r",
        "http://api.textin.com/r",
        "https://127.0.0.1:{port}/r",
        "file:///etc/passwd",
        "gopher://127.0.0.1:{port}/r",
        "data:application/json,%7B%7D",
    ],
)
def test_a_redirect_leads_nowhere_but_home(
    hook: TextInHook, textin: TextInServer, tmp_path: Path, location: str
) -> None:
    job_id = textin.add_job(done())
    where = location.format(port=textin.url.rpartition(":")[2])
    textin.fault("result", ScriptedFault(http_status=302, body=b"", headers={"Location": where}), None)

    with pytest.raises(TextInRequestError, match=r"result_hosts|is not usable"):
        hook.download_xparse_result(job_id, str(tmp_path / "r.json"))

    # Permanent: nobody was asked, and it is not tried again.
    assert (textin.count("result"), list(tmp_path.iterdir())) == (1, [])


def test_a_redirect_to_an_allowed_host_loses_the_credentials(
    connect: Connect, textin: TextInServer, foreign: Foreign, tmp_path: Path
) -> None:
    job_id = textin.add_job(done())
    textin.fault("result", ScriptedFault(http_status=302, body=b"", headers={"Location": f"{foreign.url}/r"}))

    connect({"result_hosts": foreign.url}).download_xparse_result(job_id, str(tmp_path / "r.json"))

    assert len(foreign.requests) == 1
    assert foreign.credentials == set()


def test_redirects_without_end_are_given_up(hook: TextInHook, textin: TextInServer, tmp_path: Path) -> None:
    job_id = textin.add_job(done())
    textin.fault(
        "result",
        ScriptedFault(http_status=302, body=b"", headers={"Location": "/file/xparse_result/x"}),
        None,
    )

    with pytest.raises(TextInBadResultError, match="redirected"):
        hook.download_xparse_result(job_id, str(tmp_path / "r.json"))

    assert textin.count("result") <= 4 * 6
