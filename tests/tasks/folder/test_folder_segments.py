"""The segments of a ledger: their names, their lines, and what makes one unusable."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.tasks.folder.samples import ACCOUNT, CONTENT_JSON, new_content, new_document
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.tasks.folder.segments import (
    Account,
    another_account,
    bad_ledger,
    body_of,
    encoded,
    header_line,
    read_segment,
    run_of,
    segment_name,
)

if TYPE_CHECKING:
    from textin_provider.tasks.folder.records import Record

PATH = "/out/.textin/ledger/000001-aaaaaaaa-000001.jsonl"
FIX = (
    "Nothing was sent. Restore the file, or move it away: then the documents that only it knows of are "
    "sent again, and paid for again"
)


def header(**values: Any) -> bytes:
    members = {
        "kind": "ledger",
        "version": 1,
        "account": ACCOUNT.digest,
        "host": ACCOUNT.host,
        "records": 0,
    }
    return json.dumps(members | values).encode() + b"\n"


def read(*lines: bytes) -> list[Record]:
    return list(read_segment(PATH, lines, ACCOUNT, {}))


def assert_refused(lines: list[bytes], problem: str) -> None:
    with pytest.raises(ApiError) as raised:
        read(*lines)
    assert raised.value.to_dict() == bad_ledger(PATH, problem).to_dict()


@pytest.mark.parametrize(
    ("run", "number", "name"),
    [
        (1, 2, "000001-abcdef01-000002.jsonl"),
        (1234567, 7654321, "1234567-abcdef01-7654321.jsonl"),
    ],
)
def test_the_name_of_a_segment_tells_its_run(run: int, number: int, name: str) -> None:
    assert segment_name(run, "abcdef01", number) == name
    assert run_of(name) == run


@pytest.mark.parametrize(
    "name",
    [
        "lock.json",
        "00001-abcdef01-000002.jsonl",
        "000001-abcdef0-000002.jsonl",
        "000001-ABCDEF01-000002.jsonl",
        "000001-abcdef01-000002.jsonl.part",
        "x000001-abcdef01-000002.jsonl",
        "000001-abcdef01-000002-jsonl",
    ],
)
def test_another_name_is_not_that_of_a_segment(name: str) -> None:
    assert run_of(name) is None


def test_a_record_is_a_line_of_json() -> None:
    assert encoded(new_content()) == json.dumps(CONTENT_JSON).encode() + b"\n"


def test_the_first_line_says_whose_the_segment_is_and_how_many_records_follow() -> None:
    line = header_line(ACCOUNT, 3, {"run": "r1", "dag_id": "inbox"})
    assert line.endswith(b"\n")
    assert list(json.loads(line).items()) == [
        ("kind", "ledger"),
        ("version", 1),
        ("account", ACCOUNT.digest),
        ("host", ACCOUNT.host),
        ("records", 3),
        ("run", "r1"),
        ("dag_id", "inbox"),
    ]


def test_a_segment_is_its_header_and_its_records() -> None:
    lines = [encoded(new_content()), encoded(new_document())]
    body = body_of(ACCOUNT, iter(lines), {"run": "r1"})
    assert body == header_line(ACCOUNT, 2, {"run": "r1"}) + lines[0] + lines[1]


def test_a_segment_is_read_as_it_was_written() -> None:
    records: list[Record] = [new_content(), new_document(), new_content(fingerprint="f2", message="é")]
    body = body_of(ACCOUNT, map(encoded, records), {"run": "r1"})
    assert read(*body.splitlines(keepends=True)) == records
    assert read(header()) == []


@pytest.mark.parametrize("package", ["orjson", "json"])
def test_a_segment_is_read_with_and_without_orjson(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if package == "json":
        monkeypatch.setitem(sys.modules, "orjson", None)
    assert read(header(records=1), encoded(new_content())) == [new_content()]
    assert_refused([header(records=1), b"{\n"], "line 2 is not JSON")


def test_equal_texts_of_the_records_of_all_segments_are_kept_once() -> None:
    strings: dict[str, str] = {}
    lines = [header(records=1), encoded(new_content(run="a-token"))]
    (one,), (other,) = (list(read_segment(PATH, lines, ACCOUNT, strings)) for _ in range(2))
    assert one.run is other.run
    assert "a-token" in strings


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([], "it is torn in line 1"),
        ([header()[:-1]], "it is torn in line 1"),
        ([b"\xff\n"], "line 1 is not JSON"),
        ([b"{\n"], "line 1 is not JSON"),
        ([b"[" * 100_000 + b"\n"], "line 1 is not JSON"),
        ([b"[]\n"], "it does not begin as a segment of a ledger does"),
        ([header(kind="intent")], "it does not begin as a segment of a ledger does"),
        ([header(version=2)], "its version is 2, and 1 is known"),
        ([header(version=None)], "its version is None, and 1 is known"),
        ([header(version="a\nb")], "its version is a b, and 1 is known"),
        ([header(records="1")], "it does not say how many records it has"),
        ([header(records=None)], "it does not say how many records it has"),
        ([header(records=1)], "it is torn: it has 0 of 1 records"),
        ([header(records=2), encoded(new_content())], "it is torn: it has 1 of 2 records"),
        ([header(records=0), encoded(new_content())], "it is torn: it has 1 of 0 records"),
        ([header(records=1), encoded(new_content())[:-1]], "it is torn in line 2"),
        ([header(records=2), encoded(new_content()), b"{\n"], "line 3 is not JSON"),
        ([header(records=1), b"{}\n"], "line 2 is not a record: its kind None is unknown"),
        (
            [header(records=2), encoded(new_content()), b'{"kind": "job"}\n'],
            "line 3 is not a record: its fingerprint is missing or malformed",
        ),
    ],
)
def test_a_segment_that_cannot_be_used_is_an_error_with_its_line(lines: list[bytes], problem: str) -> None:
    assert_refused(lines, problem)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"account": "fedc"}, Account("fedc", ACCOUNT.host)),
        ({"host": "https://other"}, Account(ACCOUNT.digest, "https://other")),
        ({"account": None, "host": None}, Account("None", "None")),
    ],
)
def test_the_segment_of_another_account_or_host_is_refused(values: dict[str, Any], found: Account) -> None:
    with pytest.raises(ApiError) as raised:
        read(header(**values))
    assert raised.value.to_dict() == another_account(PATH, found, ACCOUNT).to_dict()


def test_the_error_of_a_segment_says_what_to_do() -> None:
    error = bad_ledger(PATH, "it is torn in line 1")
    assert error.kind is ErrorKind.REQUEST
    assert str(error) == f"Ledger {PATH}: it is torn in line 1. {FIX}."


def test_the_error_of_another_account_names_both() -> None:
    error = another_account(PATH, Account("fedc", "https://other"), ACCOUNT)
    assert error.kind is ErrorKind.REQUEST
    assert str(error) == (
        f"Ledger {PATH}: it belongs to account fedc at https://other, and the connection is of "
        "account 0123456789abcdef at https://api.textin.com. "
        "Nothing was sent. Use the connection that began this output folder, or another output folder."
    )


def test_a_line_that_is_no_record_hides_no_cause() -> None:
    with pytest.raises(ApiError, match=re.escape("line 2 is not a record")) as raised:
        read(header(records=1), b"{}\n")
    assert raised.value.__suppress_context__
