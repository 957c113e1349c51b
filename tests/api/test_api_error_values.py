"""The values of an error: bounds of its texts, its sentence, its class, and its changed copies."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.exceptions import TextInError

FULL: dict[str, Any] = {
    "kind": "server",
    "about": "job p4ss: status",
    "message": "p4ss is wrong",
    "fix": "Do not send p4ss",
    "code": 500,
    "detail": "p4ss p4ss",
    "request_id": "r-p4ss",
    "retry_after": 2.5,
}


def error(**values: Any) -> ApiError:
    return ApiError(ErrorKind.SERVER, **({"about": "it", "message": "no"} | values))


@pytest.mark.parametrize("kind", ["server", ErrorKind.SERVER])
def test_the_kind_may_be_text(kind: Any) -> None:
    made = ApiError(kind, about="it", message="no")
    assert made.kind is ErrorKind.SERVER
    assert type(made).__name__ == "TextInServerError"


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="odd"):
        ApiError("odd", about="it", message="no")  # type: ignore[arg-type]


def test_a_subclass_stays_itself_whatever_the_kind() -> None:
    class Own(TextInError):
        pass

    assert type(Own(ErrorKind.SERVER, about="it", message="no")) is Own


def test_only_a_subclass_with_a_kind_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    registered = dict(ApiError._subclass_for)
    monkeypatch.setattr(ApiError, "_subclass_for", {})

    class Other(ApiError):
        pass

    assert ApiError._subclass_for == {}
    assert type(error()) is ApiError

    class Server(ApiError, kind=ErrorKind.SERVER):
        pass

    assert {ErrorKind.SERVER: Server} == ApiError._subclass_for
    assert type(error()) is Server
    assert None not in registered


def test_a_subclass_may_take_further_arguments_of_its_bases() -> None:
    words: list[str] = []

    class Base:
        def __init_subclass__(cls, *, word: str = "", **kwargs: Any) -> None:
            super().__init_subclass__(**kwargs)
            words.append(word)

    class Own(ApiError, Base, word="given"):
        pass

    assert words == ["given"]
    assert issubclass(Own, ApiError)


def test_an_error_has_no_further_values_by_default() -> None:
    assert error().to_dict() == {
        "kind": "server",
        "about": "it",
        "message": "no",
        "fix": "",
        "code": None,
        "detail": None,
        "request_id": None,
        "retry_after": None,
    }


def test_each_text_is_one_bounded_line() -> None:
    long = "a\n" * 10_000
    made = error(about=long, message=long, fix=long, detail=long, request_id=long)
    lengths = [len(text or "") for text in (made.about, made.message, made.fix, made.detail, made.request_id)]
    assert lengths == [500, 8000, 500, 500, 500]
    assert made.about.startswith("a a a")


@pytest.mark.parametrize("empty", [None, ""])
def test_an_empty_detail_or_request_id_is_none(empty: str | None) -> None:
    made = error(detail=empty, request_id=empty)
    assert (made.detail, made.request_id) == (None, None)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, "it: no."),
        ({"message": "no."}, "it: no."),
        ({"message": "no..."}, "it: no."),
        ({"message": "SIX"}, "it: SIX."),
        ({"fix": "Retry"}, "it: no. Retry."),
        ({"detail": "why"}, "it: no (why)."),
        ({"detail": "no"}, "it: no."),
        ({"code": 0}, "it: no [code 0]."),
        ({"request_id": "r"}, "it: no [request id r]."),
        ({"code": 7, "request_id": "r", "fix": "Retry"}, "it: no [code 7, request id r]. Retry."),
        ({"message": "no.", "code": 7}, "it: no [code 7]."),
        ({"retry_after": 5.0}, "it: no."),
    ],
)
def test_an_error_is_a_sentence(values: dict[str, Any], sentence: str) -> None:
    made = error(**values)
    assert str(made) == sentence
    assert made.args == (sentence,)


def test_an_error_is_built_from_its_values() -> None:
    assert ApiError.from_dict(FULL).to_dict() == FULL


def test_a_replaced_value_leaves_the_others() -> None:
    changed = ApiError.from_dict(FULL).replace(code=None, kind=ErrorKind.QUOTA)
    assert changed.to_dict() == FULL | {"code": None, "kind": "quota"}
    assert type(changed).__name__ == "TextInQuotaError"


def test_an_uncertain_error_keeps_the_other_values() -> None:
    assert ApiError.from_dict(FULL).as_uncertain().to_dict() == FULL | {
        "kind": "uncertain",
        "message": "p4ss is wrong; the documents may have been accepted, and are billed if they were",
        "fix": "Look in the TextIn console before sending them again; no retry sends them automatically",
    }


def test_a_pickled_error_keeps_its_class_and_values() -> None:
    original = ApiError.from_dict(FULL)
    arrived = pickle.loads(pickle.dumps(original))
    assert type(arrived) is type(original)
    assert arrived.to_dict() == FULL
