"""Parameters that take a list: what is one, and the text that a template makes of it."""

from __future__ import annotations

import pytest

from textin_provider.api.inputs import as_list, is_list


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["a"], True),
        (("a",), True),
        ((part for part in "ab"), True),
        ("a", False),
        (b"a", False),
        ({"a": 1}, False),
        (7, False),
        (None, False),
    ],
    ids=["list", "tuple", "generator", "text", "bytes", "dict", "number", "None"],
)
def test_a_list_is_any_iterable_but_text_bytes_and_mappings(value: object, expected: bool) -> None:
    assert is_list(value) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["a", "b"], ["a", "b"]),
        ("['a.pdf', 'b.pdf']", ["a.pdf", "b.pdf"]),
        ('["a.pdf", null]', ["a.pdf", None]),
        ("('a.pdf', \"b's.pdf\")", ["a.pdf", "b's.pdf"]),
        (" ['发票 [1].pdf',\n]\n", ["发票 [1].pdf"]),
        ("[PosixPath('/x/a.pdf'), None, 7]", ["/x/a.pdf", None, 7]),
        ("[]", []),
        ("a.pdf", None),
        ("['a.pdf'", None),
        ("[a.pdf]", None),
        ("(1).pdf", None),
        ("(1)", None),
        ("[open('a.pdf')]", None),
        ("", None),
        (7, None),
    ],
    ids=repr,
)
def test_the_text_that_a_template_makes_of_a_list_is_the_list(value: object, expected: object) -> None:
    assert as_list(value) == expected
