"""A password of a configuration is masked, and in no error, whatever its type and whatever TextIn repeats."""

from __future__ import annotations

import json
import re
import traceback
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowTaskTimeout

from textin_provider.api.protocol import Response
from textin_provider.exceptions import TextInError, TextInRequestError, TextInUncertainSubmitError
from textin_provider.hooks import xparse
from textin_provider.testing import ScriptedFault, TextInServer

if TYPE_CHECKING:
    from textin_provider.hooks.textin import TextInHook

#: Configurations, and the texts in them that nobody may see.
CONFIGS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "text": ({"document": {"password": "open sesame"}}, ("open sesame",)),
    "JSON text": (json.dumps({"document": {"password": "ünlocked"}}), ("ünlocked",)),
    "a number": ({"document": {"password": 20261126}}, ("20261126",)),
    "a float": ({"document": {"password": 1234.5}}, ("1234.5",)),
    "short": ({"document": {"password": "q7"}}, ("q7",)),
    "a short number": ({"document": {"password": 42}}, ("42",)),
    "a list": ({"passwords": ["first one", 778899]}, ("first one", "778899")),
    "deep": ({"a": [{"b": {"user_pwd": {"value": "deep down"}}}]}, ("deep down",)),
    "another name": ({"ClientSecret": "sss-sss"}, ("sss-sss",)),
    "quoted": ({"document": {"password": 'say "ah"\\'}}, ('say "ah"\\', 'say \\"ah\\"\\\\')),
}
configs = pytest.mark.parametrize("case", CONFIGS)


@pytest.fixture
def masked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    masked: list[str] = []
    monkeypatch.setattr(xparse, "mask_secret", masked.append)
    return masked


def _held(secrets: tuple[str, ...], text: str) -> list[str]:
    """Return the secrets that a text holds; short ones count where they stand alone."""
    patterns = {
        secret: re.escape(secret) if len(secret) > 3 else rf"\b{re.escape(secret)}\b" for secret in secrets
    }
    return [secret for secret, pattern in patterns.items() if re.search(pattern, text)]


def _repeating(secrets: tuple[str, ...], **more: Any) -> ScriptedFault:
    said = " ".join(f"The password {secret} is wrong, '{secret}'." for secret in secrets)
    body = {"code": 40423, "message": said, "data": {"message": f"wrong: {secrets[0]}"}, "x_request_id": "1"}
    return ScriptedFault(body=json.dumps(body).encode(), **more)


@configs
def test_no_error_repeats_a_password(
    hook: TextInHook, textin: TextInServer, document: str, masked: list[str], case: str
) -> None:
    config, secrets = CONFIGS[case]
    textin.fault("submit", _repeating(secrets))

    with pytest.raises(TextInRequestError, match=r"doc\.md.*\*\*\*") as caught:
        hook.submit_xparse_job(document, config=config)

    error = caught.value
    shown = f"{error} {error!r} {error.to_dict()} {error.__cause__!r} {error.__context__!r}"
    assert _held(secrets, shown) == []
    assert secrets[0] in masked


@configs
def test_no_variable_of_a_frame_holds_a_password(
    hook: TextInHook, textin: TextInServer, document: str, masked: list[str], case: str
) -> None:
    config, secrets = CONFIGS[case]
    textin.fault("submit", _repeating(secrets))
    error: BaseException | None = None
    try:
        hook.submit_xparse_job(document, config=config)
    except TextInError as raised:
        error = raised
    assert error is not None
    # The first frame is that of this test.
    [_, *frames] = [repr(frame.f_locals) for frame, _ in traceback.walk_tb(error.__traceback__)]
    assert frames
    # pytest numbers its folders.
    assert _held(secrets, "".join(frames).replace(document, "")) == []


def test_a_password_of_digits_is_sent_as_text(hook: TextInHook, textin: TextInServer, document: str) -> None:
    job_id = hook.submit_xparse_job(document, config={"document": {"password": 1234}})
    assert textin.jobs[job_id].config == {"document": {"password": "1234"}}


def test_a_masker_that_fails_fails_no_submit(
    hook: TextInHook, textin: TextInServer, document: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: str) -> None:
        raise TypeError("expected string")

    monkeypatch.setattr(xparse, "mask_secret", fail)
    assert hook.submit_xparse_job(document, config={"document": {"password": 1}}) in textin.jobs


def test_the_cause_stays_where_it_repeats_no_password(
    hook: TextInHook, textin: TextInServer, document: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    struck = AirflowTaskTimeout("Timeout, PID: 1")

    def strike(*_: object, **__: object) -> Any:
        raise struck

    monkeypatch.setattr(Response, "received", strike)
    with pytest.raises(TextInUncertainSubmitError) as caught:
        hook.submit_xparse_job(document, config={"document": {"password": "open sesame"}})
    assert caught.value.__cause__ is struck
    assert struck.__traceback__ is None


def test_a_cause_that_repeats_a_password_is_left_out(
    hook: TextInHook, textin: TextInServer, document: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def strike(*_: object, **__: object) -> Any:
        raise TypeError("cannot join 'open sesame'")

    monkeypatch.setattr(Response, "received", strike)
    with pytest.raises(TextInUncertainSubmitError, match="TypeError: cannot join") as caught:
        hook.submit_xparse_job(document, config={"document": {"password": "open sesame"}})
    assert caught.value.__cause__ is None
    assert "sesame" not in str(caught.value)
