"""Values that may be paths: text, ``os.PathLike``, or the paths of object storage, known by their members."""

from __future__ import annotations

from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import Any

import pytest

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.inputs import check_path, is_object_path


class ObjectPath:
    """Has the members of an ``ObjectStoragePath``; like its, they read a connection."""

    @property
    def protocol(self) -> str:
        raise AssertionError("the connection was read")

    path = fs = protocol


@pytest.mark.parametrize(
    "value",
    ["a.pdf", "s3://bucket/a.pdf", " a", PurePosixPath("/data/a.pdf"), ObjectPath()],
    ids=["name", "URL", "blank", "pathlib", "object storage"],
)
def test_a_value_that_may_be_a_path_is_returned(value: Any) -> None:
    assert check_path("file", value) is value


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "it is None"),
        (7, "it is a int"),
        (b"a.pdf", "it is a bytes"),
        ("", "it is empty"),
        (" \n", "it is empty"),
        ("a\0.pdf", "it contains a character that no file name has"),
        ("a\ud800.pdf", "it contains a character that no file name has"),
        (PurePosixPath("a\ud800.pdf"), "it contains a character that no file name has"),
    ],
    ids=ascii,
)
def test_any_other_value_is_refused_with_its_problem(value: Any, problem: str) -> None:
    with pytest.raises(ApiError) as caught:
        check_path("file", value)
    error = caught.value
    assert (error.kind, error.about, error.message) == (ErrorKind.REQUEST, f"file={value!r}", problem)
    assert error.fix == "Pass a path or URL as text, a pathlib.Path or an ObjectStoragePath"


@pytest.mark.parametrize("missing", ["protocol", "path", "fs"])
def test_a_path_of_object_storage_has_all_three_members(missing: str) -> None:
    names = {"protocol", "path", "fs"}
    partial = type("Partial", (), dict.fromkeys(names - {missing}))
    assert is_object_path(ObjectPath())
    assert not is_object_path(partial())


def test_members_of_a_value_alone_do_not_make_a_path_of_object_storage() -> None:
    assert not is_object_path(SimpleNamespace(protocol="s3", path="a", fs=None))
