"""Faults below HTTP: what cannot have arrived is tried again, what may have arrived is not."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.faults.cases import SHORT, check_text
from tests.faults.meanings import Meaning
from tests.faults.network import (
    NO_NAME,
    REFUSALS_TO_CONNECT,
    Tries,
    forget_names,
    impostor,
    listening,
    refuse,
    reset_after_request,
    slam,
)
from tests.faults.operations import LONG, OPERATIONS, Manner, Operation
from tests.faults.rules import MOST_TRIES, End, end_of, when_it_stays
from textin_provider.exceptions import (
    TextInConfigurationError,
    TextInTransportError,
    TextInUncertainSubmitError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.faults.conftest import Connect
    from tests.running import Outcome
    from textin_provider.testing import TextInServer

#: The others go the same ways. A download asks for the status first, so it is that which goes wrong.
ALL = [op for op in OPERATIONS if op.by not in ("document", "urls")]
POSTS = [op for op in ALL if op.manner is Manner.POST]
PARTS = {"refused": REFUSALS_TO_CONNECT, "nameless": NO_NAME}
UNSENT = [pytest.param(part, name, id=name) for part, errors in PARTS.items() for name in errors]


def strike(patch: pytest.MonkeyPatch, part: str, name: str, most: float) -> Tries:
    return (refuse if part == "refused" else forget_names)(patch, PARTS[part][name], most)


@pytest.mark.parametrize("op", ALL, ids=str)
@pytest.mark.parametrize(("part", "name"), UNSENT)
def test_a_connection_that_is_never_made_is_tried_a_few_times_and_left_to_retries(
    textin: TextInServer,
    connect: Connect,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    op: Operation,
    part: str,
    name: str,
) -> None:
    attempt = op.begin(textin, tmp_path)
    if part == "nameless":
        connect({"docflow_host": "http://nowhere.example"}, host="http://nowhere.example")
    asked = textin.count("*")
    tries = strike(monkeypatch, part, name, most=float("inf"))
    expect_unsent(op, attempt.run, tries)
    assert textin.count("*") == asked


def expect_unsent(op: Operation, run: Callable[[float], Outcome], tries: Tries | None = None) -> None:
    expected = when_it_stays(op, Meaning.UNSENT)
    error = run(SHORT).error
    assert isinstance(error, expected.errors), repr(error)
    assert end_of(error) in expected.ends
    check_text(error)
    if tries is not None and op.manner is not Manner.WAIT:
        assert tries.count == MOST_TRIES


@pytest.mark.parametrize("op", ALL, ids=str)
@pytest.mark.parametrize(("part", "name"), UNSENT)
def test_a_connection_that_is_made_at_last_serves_all_and_a_submit_once(
    textin: TextInServer,
    connect: Connect,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    op: Operation,
    part: str,
    name: str,
) -> None:
    attempt = op.begin(textin, tmp_path)
    if part == "nameless" and op.manner is not Manner.DOWNLOAD:
        # aiohttp asks for no address of what is one. A result lies at the address, and is looked for there.
        named = textin.url.replace("127.0.0.1", "localhost")
        connect({"docflow_host": named}, host=named)
    asked, billed = textin.count(op.endpoint), textin.submissions + textin.uploads_accepted
    strike(monkeypatch, part, name, most=2)

    assert attempt.run(LONG).error is None
    assert textin.count(op.endpoint) - asked >= op.least
    billed = textin.submissions + textin.uploads_accepted - billed
    assert billed == (op.manner is Manner.POST)


@pytest.mark.parametrize("op", ALL, ids=str)
def test_a_connection_that_is_reset_as_soon_as_it_is_made_submits_nothing_twice(
    textin: TextInServer, connect: Connect, tmp_path: Path, op: Operation
) -> None:
    attempt = op.begin(textin, tmp_path)
    with listening(slam) as (port, met):
        host = f"http://127.0.0.1:{port}"
        connect({"docflow_host": host}, host=host)
        error = attempt.run(SHORT).error
    # Whether the reset comes before the connection counts as made is a race; both are told apart.
    allowed = (*when_it_stays(op, Meaning.LOST).errors, *when_it_stays(op, Meaning.UNSENT).errors)
    assert isinstance(error, allowed), repr(error)
    assert 1 <= len(met) <= MOST_TRIES or op.manner is Manner.WAIT
    if isinstance(error, TextInUncertainSubmitError):
        assert "may have been accepted" in str(error)


@pytest.mark.parametrize("op", ALL, ids=str)
def test_a_certificate_that_nobody_signed_gets_nothing(
    textin: TextInServer, connect: Connect, tmp_path: Path, op: Operation
) -> None:
    attempt = op.begin(textin, tmp_path)
    with listening(impostor(tmp_path)) as (port, met):
        host = f"https://127.0.0.1:{port}"
        connect({"docflow_host": host}, host=host)
        error = attempt.run(LONG).error
    assert isinstance(error, TextInConfigurationError), repr(error)
    assert end_of(error) is End.FAILED
    assert "REQUESTS_CA_BUNDLE" in str(error)
    check_text(error)
    assert len(met) == 1


@pytest.mark.parametrize("op", ALL, ids=str)
def test_a_port_that_speaks_no_tls_gets_nothing(
    textin: TextInServer, connect: Connect, tmp_path: Path, op: Operation
) -> None:
    attempt = op.begin(textin, tmp_path)
    host = textin.url.replace("http:", "https:")
    connect({"docflow_host": host}, host=host)
    asked = textin.count("*")
    expect_unsent(op, attempt.run)
    assert textin.count("*") == asked


def through_proxy(patch: pytest.MonkeyPatch, port: int) -> None:
    for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY"):
        patch.delenv(name, raising=False)
    patch.setenv("http_proxy", f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("op", ALL, ids=str)
def test_a_proxy_that_is_down_lets_nothing_through(
    textin: TextInServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, op: Operation
) -> None:
    attempt = op.begin(textin, tmp_path)
    with socket.socket() as bound:  # bound and never listening: connections are refused
        bound.bind(("127.0.0.1", 0))
        through_proxy(monkeypatch, bound.getsockname()[1])
        asked = textin.count("*")
        expect_unsent(op, attempt.run)
    assert textin.count("*") == asked


@pytest.mark.parametrize("op", POSTS, ids=str)
def test_a_proxy_that_resets_may_have_passed_the_document_on(
    textin: TextInServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, op: Operation
) -> None:
    attempt = op.begin(textin, tmp_path)
    with listening(reset_after_request) as (port, met):
        through_proxy(monkeypatch, port)
        error = attempt.run(SHORT).error
    # An upload asks its batch before it sends anything.
    asks_first = op.name == "upload"
    expected = TextInTransportError if asks_first else TextInUncertainSubmitError
    assert isinstance(error, expected), repr(error)
    assert len(met) == (MOST_TRIES if asks_first else 1)
