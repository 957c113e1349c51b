"""Options of an upload as templates render them: flags as text, parameters as JSON, passwords as numbers."""

from __future__ import annotations

from typing import Any

import pytest
from jinja2 import Undefined

from textin_provider.api.docflow.upload import upload_options
from textin_provider.api.errors import ApiError, ErrorKind

PASSWORD = "hush-7f3a"
FLAGS = ("split_flag", "crop_flag", "auto_verify_vat")
#: What a native template makes of a name that does not exist; its text is empty.
MISSING = Undefined(name="split")


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (True, True), (False, False), (None, None), (1, True), (0, False), ("true", True), ("True", True),
        ("FALSE", False), (" true\n", True), ("1", True), ("0", False), ("", None), ("None", None),
    ],
)  # fmt: skip
def test_a_flag_may_be_the_text_of_a_boolean(name: str, given: Any, expected: bool | None) -> None:
    assert upload_options(**{name: given})[name] is expected


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize(
    "given", ["yes", "2", "{{ params.split }}", 2, 1.0, [], {}, "truefalse", MISSING], ids=repr
)
def test_a_flag_that_is_no_boolean_is_refused_with_its_fix(name: str, given: Any) -> None:
    with pytest.raises(ApiError) as caught:
        upload_options(**{name: given})
    assert (caught.value.about, caught.value.message, caught.value.fix) == (
        f"{name}={given!r}",
        "it is not a boolean",
        "Pass True or False, or a template that renders to one of them",
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ('{"dpi": 144, "parser_apply_merge": true}', {"parser_dpi": 144, "parser_apply_merge": 1}),
        (' {"parse_mode": "scan"} ', {"parser_parse_mode": "scan"}),
        ("{}", {}),
        ("null", {}),
        ("", {}),
        (" ", {}),
        (None, {}),
        ({}, {}),
    ],
)
def test_parser_params_may_be_json(given: Any, expected: dict[str, Any]) -> None:
    options = upload_options(parser_params=given)
    assert {name: value for name, value in options.items() if value is not None} == expected


@pytest.mark.parametrize(
    "given",
    ["{'dpi': 144}", "dpi=144", "[]", "144", '"text"', "{", [("dpi", 144)], 144, True, "[" * 100_000],
    ids=lambda given: repr(given)[:20],
)
def test_parser_params_that_are_no_object_are_refused_with_a_fix(given: Any) -> None:
    with pytest.raises(ApiError) as caught:
        upload_options(parser_params=given)
    error = caught.value
    assert (error.kind, error.about) == (ErrorKind.REQUEST, "parser_params")
    assert error.message == f"it is a {type(given).__name__} that is not an object"
    assert error.fix == "Pass a dict, or the text of a JSON object; in a template use the filter tojson"


@pytest.mark.parametrize(
    "params", [f'{{"pdf_pwd": "{PASSWORD}"}}', f"{{'pdf_pwd': '{PASSWORD}'}}", f"[{PASSWORD}"]
)
def test_a_password_in_the_text_of_parser_params_is_refused_and_not_shown(params: str) -> None:
    with pytest.raises(ApiError, match="parser_params") as caught:
        upload_options(parser_params=params)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (1234, "1234"),
        (0, "0"),
        (-5, "-5"),
        (12.5, "12.5"),
        (True, "True"),
        (PASSWORD, PASSWORD),
        ("", None),
        (None, None),
    ],
    ids=repr,
)
def test_a_password_of_digits_is_taken_as_text(given: Any, expected: str | None) -> None:
    assert upload_options(pdf_password=given)["parser_pdf_pwd"] == expected


@pytest.mark.parametrize("given", [[PASSWORD], {PASSWORD: 1}, PASSWORD.encode(), (PASSWORD,)], ids=type)
def test_a_password_of_another_type_is_refused_and_not_shown(given: Any) -> None:
    with pytest.raises(ApiError) as caught:
        upload_options(pdf_password=given)
    error = caught.value
    assert (error.kind, error.about, error.fix) == (ErrorKind.REQUEST, "pdf_password", "Pass it as text")
    assert error.message == f"it is a {type(given).__name__}, whose value is not shown here"
    assert PASSWORD not in str(error)
