"""Fetches of DocFlow files that go wrong: what is tried again, and what fails at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from textin_provider.api.docflow.models import Selector
from textin_provider.exceptions import (
    TextInAuthenticationError,
    TextInError,
    TextInQuotaError,
    TextInRateLimitError,
    TextInRequestError,
    TextInServerError,
    TextInTransportError,
)
from textin_provider.testing import ScriptedFault, TextInServer

if TYPE_CHECKING:
    from tests.hooks.support import Pauses
    from textin_provider.hooks.textin import TextInHook

BLIPS: list[tuple[dict[str, Any], type[TextInError]]] = [
    ({"code": 423}, TextInRateLimitError),
    ({"code": 429}, TextInRateLimitError),
    ({"code": 900}, TextInRateLimitError),
    ({"code": 500}, TextInServerError),
    ({"http_status": 502, "body": b"<html>"}, TextInServerError),
    ({"body": b"<html>"}, TextInServerError),
    ({"cut": "before_answer"}, TextInTransportError),
    ({"cut": "in_body"}, TextInTransportError),
]


@pytest.mark.parametrize(
    ("fault", "error"), BLIPS, ids=lambda value: str(value) if isinstance(value, dict) else ""
)
def test_a_blip_is_tried_again(
    hook: TextInHook, textin: TextInServer, fault: dict[str, Any], error: type[TextInError], pauses: Pauses
) -> None:
    batch_number = textin.add_batch(count=2)
    textin.fault("fetch", ScriptedFault(**fault), times=2)

    assert len(hook.fetch_docflow_files(batch_number)) == 2
    assert textin.count("fetch") == 3
    assert pauses


@pytest.mark.parametrize(
    ("fault", "error"), BLIPS, ids=lambda value: str(value) if isinstance(value, dict) else ""
)
def test_a_blip_that_stays_is_a_transient_error(
    hook: TextInHook, textin: TextInServer, fault: dict[str, Any], error: type[TextInError]
) -> None:
    textin.fault("fetch", ScriptedFault(**fault), times=None)

    with pytest.raises(error, match="batch_number='b7'") as caught:
        hook.fetch_docflow_files("b7")

    assert caught.value.kind.is_transient
    if error is TextInRateLimitError:
        assert "rate_limit_timeout=3600" in str(caught.value)
        assert textin.count("fetch") > 4
    else:
        assert textin.count("fetch") == 4


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (40101, TextInAuthenticationError),
        (40003, TextInQuotaError),
        (400, TextInRequestError),
        (1005006000, TextInRequestError),
        (1005016000, TextInRequestError),
    ],
)
def test_what_does_not_pass_fails_at_once(
    hook: TextInHook, textin: TextInServer, code: int, error: type[TextInError]
) -> None:
    textin.fault("fetch", ScriptedFault(code=code), times=None)

    with pytest.raises(error):
        hook.fetch_docflow_files("b7")

    assert textin.count("fetch") == 1


def test_a_blip_on_a_later_page_asks_for_that_page_alone(hook: TextInHook, textin: TextInServer) -> None:
    batch_number = textin.add_batch(count=5)
    pages = hook.iter_docflow_files(Selector("batch_number", batch_number), page_size=2)
    first = next(pages)
    textin.fault("fetch", ScriptedFault(code=900))

    rest = list(pages)

    assert sum(map(len, rest)) + len(first) == 5
    assert [parse_qs(request.query)["page"] for request in textin.requests] == [["1"], ["2"], ["2"], ["3"]]
