"""A submit that is struck after its first byte is uncertain, whatever the class of the exception."""

from __future__ import annotations

import io
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowTaskTimeout
from requests_toolbelt import MultipartEncoder

from textin_provider.api.protocol import Response
from textin_provider.api.rate_limit import RateLimiter
from textin_provider.exceptions import (
    TextInQuotaError,
    TextInTransportError,
    TextInUncertainSubmitError,
)
from textin_provider.hooks import xparse
from textin_provider.hooks.rate_limit_wait import RateLimitWait
from textin_provider.testing import ScriptedFault, TextInServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.hooks.support import Connect
    from textin_provider.hooks.textin import TextInHook


class Terminated(BaseException):
    """What a signal handler raises."""


class Mute(Exception):
    """An error that cannot say its text."""

    def __str__(self) -> str:
        raise ValueError("no text")


CLASSES = (
    TypeError,
    MemoryError,
    OSError,
    RecursionError,
    KeyError,
    StopIteration,
    Mute,
    KeyboardInterrupt,
    SystemExit,
    GeneratorExit,
    AirflowTaskTimeout,
    Terminated,
)
every_class = pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)


class Record:
    """A record that lists what it is told, and raises where it is asked to."""

    def __init__(self, **errors: BaseException) -> None:
        self.events: list[str] = []
        self._errors = errors

    def _told(self, name: str, text: str = "") -> None:
        self.events.append(f"{name} {text}".strip())
        if name in self._errors:
            raise self._errors[name]

    def sending(self) -> None:
        self._told("sending")

    def refused(self) -> None:
        self._told("refused")

    def accepted(self, job_id: str) -> None:
        self._told("accepted", job_id)


def _raise(error: BaseException) -> Callable[..., Any]:
    def raising(*_: object, **__: object) -> Any:
        raise error

    return raising


def _raise_after(call: Callable[..., Any], error: BaseException) -> Callable[..., Any]:
    def raising(*args: Any, **kwargs: Any) -> Any:
        call(*args, **kwargs)
        raise error

    return raising


#: What happens between the first byte and the end of a submit, and whether TextIn has accepted it then.
STEPS: dict[str, tuple[Any, str, bool]] = {
    "the body": (MultipartEncoder, "read", False),
    "the response": (Response, "received", True),
    "the wait for its turn": (RateLimitWait, "end", True),
    "lineage": (xparse, "report", True),
}


@every_class
@pytest.mark.parametrize("step", STEPS)
def test_whatever_strikes_after_the_first_byte_is_uncertain(
    hook: TextInHook,
    textin: TextInServer,
    document: str,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[BaseException],
    step: str,
) -> None:
    owner, name, is_accepted = STEPS[step]
    struck = kind()
    monkeypatch.setattr(owner, name, _raise_after(getattr(owner, name), struck))

    with pytest.raises(TextInUncertainSubmitError, match=rf"doc\.md.*{kind.__name__}") as caught:
        hook.submit_xparse_job(document)

    # urllib3 wraps an OSError of the body, and a generator a StopIteration.
    if kind not in (OSError, StopIteration):
        assert caught.value.__cause__ is struck
    assert textin.submissions == is_accepted
    assert textin.count("submit") <= 1


@pytest.mark.parametrize("step", ["the wait for its turn", "lineage"])
def test_the_error_names_the_job_that_is_known(
    hook: TextInHook, textin: TextInServer, document: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    owner, name, _ = STEPS[step]
    monkeypatch.setattr(owner, name, _raise(Terminated("signal 15")))

    with pytest.raises(TextInUncertainSubmitError) as caught:
        hook.submit_xparse_job(document)

    [job_id] = textin.jobs
    assert f"accepted it as {job_id}, then it was interrupted by Terminated: signal 15" in str(caught.value)


def test_lineage_fails_no_submit(
    hook: TextInHook, textin: TextInServer, document: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = "airflow.providers.common.compat.lineage.hook.get_hook_lineage_collector"
    monkeypatch.setattr(collector, _raise(RuntimeError("a broken plugin")))
    assert hook.submit_xparse_job(document) in textin.jobs


@every_class
@pytest.mark.parametrize("step", ["the slot", "the session", "the intent"])
def test_what_strikes_before_the_first_byte_passes_as_it_is(
    hook: TextInHook,
    textin: TextInServer,
    document: str,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[BaseException],
    step: str,
) -> None:
    struck = kind()
    record = Record(**({"sending": struck} if step == "the intent" else {}))
    if step == "the slot":
        monkeypatch.setattr(RateLimiter, "reserve", _raise(struck))
    if step == "the session":
        monkeypatch.setattr(type(hook), "get_conn", _raise(struck))

    # PEP 479 applies within the generator that waits for the slot.
    with pytest.raises((RuntimeError, kind)) as caught:
        hook.submit_xparse_job(document, record=record)

    assert struck in (caught.value, caught.value.__cause__)
    assert record.events == (["sending"] if step == "the intent" else [])
    assert textin.count("*") == 0


@pytest.mark.parametrize("kind", [AirflowTaskTimeout, Terminated, KeyboardInterrupt])
def test_a_timeout_while_connecting_passes_and_withdraws_the_intent(
    hook: TextInHook,
    textin: TextInServer,
    document: str,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[BaseException],
) -> None:
    monkeypatch.setattr("socket.getaddrinfo", _raise(kind()))
    record = Record()

    with pytest.raises(kind):
        hook.submit_xparse_job(document, record=record)

    assert record.events == ["sending", "refused"]
    assert textin.count("*") == 0


def test_the_record_is_told_of_an_accepted_document(
    hook: TextInHook, textin: TextInServer, document: str
) -> None:
    record = Record()
    job_id = hook.submit_xparse_job(document, record=record)
    assert record.events == ["sending", f"accepted {job_id}"]


def test_the_record_is_told_of_a_refusal(hook: TextInHook, textin: TextInServer, document: str) -> None:
    textin.fault("submit", ScriptedFault(code=40003))
    record = Record()
    with pytest.raises(TextInQuotaError):
        hook.submit_xparse_job(document, record=record)
    assert record.events == ["sending", "refused"]


def test_the_record_is_told_of_each_attempt_to_connect(connect: Connect, document: str) -> None:
    record = Record()
    with socket.socket() as bound:  # bound and never listening: connections are refused
        bound.bind(("127.0.0.1", 0))
        hook = connect(host=f"http://127.0.0.1:{bound.getsockname()[1]}")
        with pytest.raises(TextInTransportError):
            hook.submit_xparse_job(document, record=record)
    assert record.events == ["sending", "refused"] * 4


@pytest.mark.parametrize("fault", [ScriptedFault(cut="in_headers"), ScriptedFault(truncate=5)], ids=str)
def test_the_record_keeps_the_intent_of_an_uncertain_submit(
    hook: TextInHook, textin: TextInServer, document: str, fault: ScriptedFault
) -> None:
    textin.fault("submit", fault)
    record = Record()
    with pytest.raises(TextInUncertainSubmitError):
        hook.submit_xparse_job(document, record=record)
    assert record.events == ["sending"]


@every_class
def test_a_record_that_fails_after_acceptance_is_uncertain_and_the_job_is_named(
    hook: TextInHook, textin: TextInServer, document: str, kind: type[BaseException]
) -> None:
    record = Record(accepted=kind())
    with pytest.raises(TextInUncertainSubmitError) as caught:
        hook.submit_xparse_job(document, record=record)
    [job_id] = textin.jobs
    assert job_id in str(caught.value)
    assert record.events == ["sending", f"accepted {job_id}"]


class Unclosable(io.FileIO):
    """A file that cannot be closed, as on object storage that is gone."""

    def close(self) -> None:
        super().close()
        raise OSError("Endpoint is gone")


@pytest.fixture
def _unclosable(document: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Path.open

    def open_unclosable(path: Path, mode: str = "r", **named: Any) -> Any:
        return Unclosable(document, mode) if str(path) == document else opened(path, mode, **named)

    monkeypatch.setattr(Path, "open", open_unclosable)


@pytest.mark.usefixtures("_unclosable")
def test_an_accepted_document_that_cannot_be_closed_is_accepted(
    hook: TextInHook, textin: TextInServer, document: str
) -> None:
    assert [hook.submit_xparse_job(document)] == list(textin.jobs)


@pytest.mark.usefixtures("_unclosable")
def test_a_document_that_cannot_be_closed_does_not_hide_an_uncertain_submit(
    hook: TextInHook, textin: TextInServer, document: str
) -> None:
    textin.fault("submit", ScriptedFault(cut="in_headers"))
    with pytest.raises(TextInUncertainSubmitError):
        hook.submit_xparse_job(document)
    assert textin.submissions == 1
