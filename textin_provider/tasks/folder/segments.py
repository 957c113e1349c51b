"""
The files of a ledger, its segments: whole JSON Lines files that are written once and never changed.

The first line of a segment says whose it is and how many records follow. A segment's name is
``<run>-<token>-<number>.jsonl``: the runs of a folder are counted, each has a token of its own, and numbers
its segments. So no two segments ever have the same name, and none needs a clock.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.json_lines import json_line
from textin_provider.api.text import one_line
from textin_provider.tasks.folder.records import from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from textin_provider.tasks.folder.records import Record

_NAME = re.compile(r"(\d{6,})-([0-9a-f]{8,})-(\d{6,})\.jsonl")
_VERSION = 1
HEADER = "ledger"


class Account(NamedTuple):
    """The account that a ledger belongs to: a digest of the app id, and the host."""

    digest: str
    host: str

    def __str__(self) -> str:
        return f"account {self.digest} at {self.host}"


def segment_name(run: int, token: str, number: int) -> str:
    """Return the name of a segment."""
    return f"{run:06d}-{token}-{number:06d}.jsonl"


def run_of(name: str) -> int | None:
    """Return the number of the run that wrote a segment; None if the name is not that of a segment."""
    match = _NAME.fullmatch(name)
    return int(match[1]) if match else None


def encoded(record: Record) -> bytes:
    """Return a record as a line."""
    return json_line(to_json(record))


def header_line(account: Account, records: int, about: Mapping[str, Any]) -> bytes:
    """Return the first line of a segment; ``about`` says which run writes it."""
    return json_line(
        {
            "kind": HEADER,
            "version": _VERSION,
            "account": account.digest,
            "host": account.host,
            "records": records,
            **about,
        }
    )


def read_segment(
    path: str, body: Iterable[bytes], account: Account, strings: dict[str, str]
) -> Iterator[Record]:
    """
    Yield the records of a segment from its lines.

    :param path: for errors.
    :param strings: texts of other records, so that equal ones are kept once.
    :raises ApiError: if it is torn, foreign, of a newer version, or of another account.
    """
    loads = _loads()
    lines = iter(body)
    count = _check_header(path, _parsed(path, next(lines, b""), 1, loads), account)
    read = 0
    for read, line in enumerate(lines, 1):
        try:
            yield from_json(_parsed(path, line, read + 1, loads), strings)
        except ValueError as error:
            raise bad_ledger(path, f"line {read + 1} is not a record: {error}") from None
    if read != count:
        raise bad_ledger(path, f"it is torn: it has {read} of {count} records")


def _loads() -> Callable[[bytes], Any]:
    try:
        import orjson
    except ImportError:
        import json

        return json.loads
    return orjson.loads


def _parsed(path: str, line: bytes, number: int, loads: Callable[[bytes], Any]) -> Any:
    if not line.endswith(b"\n"):
        raise bad_ledger(path, f"it is torn in line {number}")
    try:
        return loads(line)
    except (ValueError, RecursionError):
        raise bad_ledger(path, f"line {number} is not JSON") from None


def _check_header(path: str, header: Any, account: Account) -> int:
    if not isinstance(header, dict) or header.get("kind") != HEADER:
        raise bad_ledger(path, "it does not begin as a segment of a ledger does")
    if header.get("version") != _VERSION:
        raise bad_ledger(path, f"its version is {one_line(header.get('version'))}, and {_VERSION} is known")
    found = Account(str(header.get("account")), str(header.get("host")))
    if found != account:
        raise another_account(path, found, account)
    count = header.get("records")
    if not isinstance(count, int):
        raise bad_ledger(path, "it does not say how many records it has")
    return count


def bad_ledger(path: str, problem: str) -> ApiError:
    """Return the error of a file of the ledger that cannot be used; nothing may be sent then."""
    fix = (
        "Nothing was sent. Restore the file, or move it away: then the documents that only it knows of are "
        "sent again, and paid for again"
    )
    return ApiError(ErrorKind.REQUEST, about=f"Ledger {path}", message=problem, fix=fix)


def another_account(path: str, found: Account, account: Account) -> ApiError:
    """Return the error of a ledger that another account, or another host, has begun."""
    fix = "Nothing was sent. Use the connection that began this output folder, or another output folder"
    message = f"it belongs to {found}, and the connection is of {account}"
    return ApiError(ErrorKind.REQUEST, about=f"Ledger {path}", message=message, fix=fix)


def body_of(account: Account, lines: Iterable[bytes], about: Mapping[str, Any]) -> bytes:
    """Return the content of a segment with some encoded records."""
    lines = list(lines)
    return b"".join([header_line(account, len(lines), about), *lines])
