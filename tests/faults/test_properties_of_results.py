"""Whatever lies at result_url, in whatever pieces it comes: the whole result is stored, or nothing is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.strategies import JSON, RESULT, bodies
from tests.faults.test_properties_of_answers import check_fault
from textin_provider.api.errors import ApiError
from textin_provider.api.origins import HostPolicy, Origin
from textin_provider.api.xparse.result_stream import ResultStream

CUTS = st.lists(st.integers(min_value=1, max_value=60), max_size=30)
OWN = HostPolicy(frozenset({Origin.of("https://api.textin.com")}))


@pytest.fixture(scope="module", autouse=True, params=["small", "large"])
def _size(request: pytest.FixtureRequest) -> object:
    """Let the same bodies be small ones, which are parsed whole, and large ones, of which ends are read."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "large":
            patch.setattr("textin_provider.api.xparse.result_stream.HEAD_BYTES", 150)
            patch.setattr("textin_provider.api.xparse.result_stream._TAIL_BYTES", 60)
        yield


def stored(body: bytes, cuts: list[int], *, must_balance: bool = False) -> bytes:
    """Return what is stored of a body that comes in pieces of these lengths, the last one being the rest."""
    stream, pieces, at = ResultStream("result", must_balance=must_balance), [], 0
    for cut in cuts:
        pieces.append(stream.feed(body[at : at + cut]))
        at += cut
    return b"".join([*pieces, stream.feed(body[at:]), stream.finish()])


@given(bodies(RESULT) | bodies({"code": 200, "message": "success", "data": RESULT}), CUTS, st.booleans())
def test_any_body_gives_a_stored_result_or_a_fault(body: bytes, cuts: list[int], must_balance: bool) -> None:
    try:
        stored(body, cuts, must_balance=must_balance)
    except ApiError as fault:
        check_fault(fault)


@given(st.dictionaries(st.text(max_size=9), JSON, max_size=4), CUTS, st.booleans(), st.booleans())
def test_a_result_is_stored_byte_for_byte_in_whatever_pieces_it_comes(
    more: dict[str, object], cuts: list[int], must_balance: bool, is_ascii: bool
) -> None:
    result = json.dumps({**RESULT, **more, "elements": [more, {"text": '}{"\\'}]}, ensure_ascii=is_ascii)
    whole = result.encode(errors="replace")
    assert stored(whole, cuts, must_balance=must_balance) == whole


@given(st.dictionaries(st.text(max_size=9), JSON, max_size=4), CUTS)
def test_a_wrapped_result_is_stored_without_its_envelope(more: dict[str, object], cuts: list[int]) -> None:
    result = json.dumps({**RESULT, "elements": [more]})
    wrapped = f'{{"code": 200, "message": "success", "data": {result}, "x_request_id": "r1"}}'
    assert json.dumps(json.loads(stored(wrapped.encode(), cuts))) == result


@given(st.data(), CUTS)
def test_no_beginning_of_a_result_is_taken_for_the_whole(data: st.DataObject, cuts: list[int]) -> None:
    whole = json.dumps({**RESULT, "elements": [{"text": "a}b", "data": [1, {}]}] * 9}).encode()
    part = whole[: data.draw(st.integers(min_value=0, max_value=len(whole) - 1))]
    with pytest.raises(ApiError):
        stored(part, cuts, must_balance=True)


@given(st.text(max_size=60) | st.from_regex(r"https?://[a-z.:@\[\]%\\/-]{0,30}", fullmatch=True))
def test_any_address_is_textins_own_or_a_fault(url: str) -> None:
    try:
        OWN.check_result_url(url, "result")
    except ApiError as fault:
        check_fault(fault)
        assert not OWN.gets_credentials(url)
    else:
        host = Origin.of(url).host
        assert host in ("textin.com", "textin.ai") or host.endswith((".textin.com", ".textin.ai"))
