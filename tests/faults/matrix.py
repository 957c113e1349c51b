"""The faults, generated from the table of codes, the HTTP statuses and a few shapes, for each operation."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from tests.faults.meanings import (
    PARTIAL,
    Meaning,
    meaning_at_result_url,
    meaning_of_code,
    meaning_of_status,
)
from tests.faults.operations import Manner
from textin_provider.api.errors import CODES
from textin_provider.testing import ScriptedFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.faults.operations import Operation

#: What no error, log or event may repeat of an answer: text of a document, and a signature.
DOCUMENT_TEXT = "hush-hush"
PAGE = f"<html><h1>{DOCUMENT_TEXT}</h1><a href='https://textin.com/r?sign={DOCUMENT_TEXT}'></html>".encode()
#: The triggerer parses no more than this, and no status answer comes near.
HUGE = 700_000

UNPUBLISHED_CODES = (-1, 0, 1, 201, 49999, 59999, 10**12)
#: Statuses that only gateways know.
GATEWAY_STATUSES = (444, 499, 520, 529, 599)
STATUSES = sorted({*GATEWAY_STATUSES, *(int(status) for status in HTTPStatus if status >= 200)})
#: One of each class, to be tried with every kind of body.
OF_EACH_CLASS = (302, 404, 401, 429, 500, 503)


@dataclass(frozen=True)
class Fault:
    """
    One fault of one operation.

    :param group: what it was generated from.
    :param make: gives the scripted fault, from the data of a good answer.
    """

    group: str
    name: str
    meaning: Meaning
    make: Callable[[dict[str, Any]], ScriptedFault] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.group}: {self.name}"


def faults_of(op: Operation) -> list[Fault]:
    """Return every fault that an operation is to meet."""
    generators = (_codes, _statuses, _classes, _redirects, _bodies, _members, _envelopes, _sizes, _wires)
    return [fault for generate in generators for fault in generate(op)]


def answer(op: Operation, data: Any, **envelope: Any) -> bytes:
    """Return the body of a success that carries the data."""
    if op.key is None:
        return json.dumps(data).encode()
    return json.dumps({"code": 200, "message": "success", **envelope, op.key: data}).encode()


def _body(body: bytes, **others: Any) -> Callable[[dict[str, Any]], ScriptedFault]:
    return lambda good: ScriptedFault(body=body, **others)


def _good(op: Operation, change: Callable[[bytes], bytes], **others: Any) -> Any:
    return lambda good: ScriptedFault(body=change(answer(op, good)), **others)


def _broken(op: Operation) -> Meaning:
    return Meaning.NO_RESULT if op.manner is Manner.DOWNLOAD else Meaning.BROKEN


def _codes(op: Operation) -> Iterator[Fault]:
    """Every code of the table, and some that nobody published, inside HTTP 200."""
    for code in (*CODES, PARTIAL, *UNPUBLISHED_CODES):
        meaning = meaning_of_code(code)
        if op.manner is Manner.DOWNLOAD:
            # An address that has expired is asked for anew; partial success without a result is no result.
            meaning = {404: Meaning.NO_RESULT, PARTIAL: Meaning.NO_RESULT}.get(code, meaning)
        said = {"code": code, "message": f"see https://textin.com/r?sign={DOCUMENT_TEXT}"}
        yield Fault("code", str(code), meaning, _body(json.dumps(said).encode()))


def _statuses(op: Operation) -> Iterator[Fault]:
    """Every HTTP status but success, with a gateway's page."""
    judge = meaning_at_result_url if op.manner is Manner.DOWNLOAD else meaning_of_status
    for status in STATUSES:
        if status >= 300 or status in (204, 205):
            body = b"" if status in (204, 205, 304) else PAGE
            meaning = Meaning.BROKEN if status < 300 else judge(status)
            make = _body(body, http_status=status, content_type="text/html")
            yield Fault("HTTP", str(status), meaning, make)
        elif op.manner is not Manner.DOWNLOAD and status > 200:
            yield Fault("HTTP", f"{status} and all", Meaning.FINE, _good(op, bytes, http_status=status))
        elif status > 200:
            yield Fault("HTTP", f"{status} and all", Meaning.BROKEN, _good(op, bytes, http_status=status))


def _classes(op: Operation) -> Iterator[Fault]:
    """HTTP statuses with other bodies: TextIn's code wins over the status, success does not."""
    at_url = op.manner is Manner.DOWNLOAD
    judge = meaning_at_result_url if at_url else meaning_of_status
    for status in OF_EACH_CLASS:
        for name, body, meaning in (
            ("without a body", b"", judge(status)),
            ("with success", None, judge(status)),
            ("with code 500", b'{"code": 500}', judge(status) if at_url else Meaning.BROKEN),
            ("with code 40003", b'{"code": 40003}', judge(status) if at_url else Meaning.QUOTA),
            ("with code 59999", b'{"code": 59999}', judge(status)),
        ):
            make = _good(op, bytes, http_status=status) if body is None else _body(body, http_status=status)
            yield Fault("HTTP", f"{status} {name}", meaning, make)
    for status, seconds in ((503, "0"), (429, "soon"), (503, "Fri, 31 Dec 1999 23:59:59 GMT"), (429, "-1")):
        make = _body(PAGE, http_status=status, headers={"Retry-After": seconds})
        yield Fault("HTTP", f"{status}, Retry-After {seconds}", judge(status), make)


def _redirects(op: Operation) -> Iterator[Fault]:
    """Redirects of all sorts: none is followed but that of a download, and only to where it may go."""
    at_url = op.manner is Manner.DOWNLOAD
    for name, target in {
        "to another host": f"http://127.0.0.1:9/?sign={DOCUMENT_TEXT}",
        "to another scheme": "ftp://textin.com/r",
        "out of the ports": "http://textin.com:99999/",
        "to half an address": "http://[",
        "to where it came from": "",
        "to what is no text": "\xff\xfe",
    }.items():
        meaning = Meaning.NO_RESULT if at_url and name == "to half an address" else Meaning.REQUEST
        # A download follows the last two, and comes to an end with the sixth hop.
        if not at_url or "://" in target:
            make = _body(b"", http_status=302, headers={"Location": target})
            yield Fault("redirect", name, meaning, make)


def _bodies(op: Operation) -> Iterator[Fault]:
    """Bodies that are no JSON, or JSON of the wrong shape."""
    broken = _broken(op)
    for name, body in {
        "empty": b"",
        "blank": b" \r\n\t",
        "a page": PAGE,
        "a word": b"ok",
        "zeros": bytes(40),
        "no text": bytes(range(128, 256)),
        "an open brace": b"{",
        "an open string": b'{"code": 200, "data": "',
        "a lone surrogate": b'{"code": 200, "\xed\xa0\x80": 1',
        "nested without end": b'{"code": 200, "data":' + b"[" * 100_000,
        "null": b"null",
        "true": b"true",
        "a digit": b"0",
        "no number": b"NaN",
        "a number beyond all": b"1e999",
        "a number of 5,000 digits": b"9" * 5000,
        "text": b'"success"',
        "a list": b"[]",
        "an object of nothing": b"{}",
    }.items():
        yield Fault("body", name, broken, _body(body))
    for name, change in {
        "cut by a byte": lambda whole: whole[:-1],
        "cut in half": lambda whole: whole[: len(whole) // 2],
        "twice": lambda whole: whole * 2,
        "within a call": lambda whole: b"callback(" + whole + b")",
        "within a list": lambda whole: b"[" + whole + b"]",
    }.items():
        # Counts are read off the head of an answer, so that its end is not even looked at.
        is_headed = op.name == "fetch" and not name.startswith("within")
        meaning = Meaning.ODD if is_headed else broken
        yield Fault("body", name, meaning, _good(op, change))
    for name, change in {
        "after a byte order mark": lambda whole: b"\xef\xbb\xbf" + whole,
        "between blanks": lambda whole: b"\r\n " + whole + b"\n\n",
    }.items():
        yield Fault("body", name, Meaning.FINE, _good(op, change))
    utf_16 = _good(op, lambda whole: whole.decode().encode("utf-16"))
    yield Fault("body", "in UTF-16", Meaning.ODD, utf_16)


def _members(op: Operation) -> Iterator[Fault]:
    """Good data with one member null, absent or of another type, and nothing at all in its place."""
    hollow = Meaning.HOLLOW if op.key is not None else Meaning.NO_RESULT
    odd: dict[str, Any] = {"null": None, "false": False, "an object": {}, "text": "", "a list": []}
    for name, value in odd.items():
        if op.key is not None:
            body = json.dumps({"code": 200, "message": "success", op.key: value}).encode()
            yield Fault("data", name, hollow, _body(body))
        for member in op.needs - ({"batch_number"} if name == "text" else set()):
            # An empty list of files is one: of an upload it is odd, of a fetch nothing to see yet.
            # A status of no letters is one that nobody knows.
            odd_ones = {("upload", "files", "a list"), ("status", "status", "text")}
            at_odds = Meaning.ODD if (op.name, member, name) in odd_ones else hollow
            make = _with(op, {member: value})
            yield Fault("data", f"{member} is {name}", at_odds, make)
    for member in op.needs:
        yield Fault("data", f"no {member}", hollow, _with(op, {}, without=member))
    if op.name == "fetch":
        for name, files in {"nulls": [None], "no ids": [{}, {"id": None}], "no states": [{"id": 1}]}.items():
            yield Fault("data", f"files are {name}", hollow, _with(op, {"files": files}))
    unneeded = {"submit": "trace", "status": "file_id", "fetch": "page", "upload": "trace"}
    for name, value in odd.items():
        change = {unneeded.get(op.name, "file_id"): value, "unheard_of": value}
        yield Fault("data", f"what is not needed is {name}", Meaning.FINE, _with(op, change))


def _with(op: Operation, change: dict[str, Any], without: str = "") -> Any:
    def make(good: dict[str, Any]) -> ScriptedFault:
        data = {name: value for name, value in (good | change).items() if name != without}
        return ScriptedFault(body=answer(op, data))

    return make


def _envelopes(op: Operation) -> Iterator[Fault]:
    """Good data in an envelope whose code is none, or no number."""
    if op.key is None:
        whole = {"elements": [], "markdown": DOCUMENT_TEXT}
        for name, envelope in {"wrapped": {"code": 200}, "partial": {"code": PARTIAL}}.items():
            yield Fault("code", name, Meaning.FINE, _body(json.dumps({**envelope, "data": whole}).encode()))
        return
    for name, code in {"null": None, "true": True, "text": "ok", "a list": [200], "2e2": 200.0}.items():
        make = lambda good, code=code: ScriptedFault(body=answer(op, good, code=code))  # noqa: E731
        yield Fault("code", f"is {name}", Meaning.BROKEN, make)
    for name, code in {"text": "200", "partial": PARTIAL}.items():
        make = lambda good, code=code: ScriptedFault(body=answer(op, good, code=code))  # noqa: E731
        yield Fault("code", f"is {name} of success", Meaning.FINE, make)


def _sizes(op: Operation) -> Iterator[Fault]:
    """Answers that are huge."""
    too_long = op.side == "triggerer" and op.name == "status"
    padded = _good(op, lambda whole: whole[:-1] + b', "pad": "%s"}' % (b"x" * HUGE))
    yield Fault("size", "huge and good", Meaning.BROKEN if too_long else Meaning.FINE, padded)
    yield Fault("size", "a huge page", _broken(op), _body(PAGE * (HUGE // len(PAGE))))
    yield Fault("size", "huge blanks", _broken(op), _body(b" " * HUGE))


def _wires(op: Operation) -> Iterator[Fault]:
    """Resets and cuts at each stage of an answer, and the ways that HTTP may carry one."""
    lost, damaged = Meaning.LOST, Meaning.DAMAGED
    for name, meaning, options in (
        ("reset before the request is read", lost, {"cut": "in_request"}),
        ("reset after the request", lost, {"cut": "before_answer"}),
        ("closed within the headers", damaged, {"cut": "in_headers"}),
        ("reset within the headers", damaged, {"cut": "in_headers", "reset": True}),
        ("closed within the body", damaged, {"cut": "in_body"}),
        ("reset within the body", damaged, {"cut": "in_body", "reset": True}),
        ("closed between two chunks", damaged, {"cut": "in_body", "chunked": True}),
        ("reset between two chunks", damaged, {"cut": "in_body", "chunked": True, "reset": True}),
        ("closed before the body", damaged, {"truncate": 0}),
        ("closed after a byte", damaged, {"truncate": 1}),
        ("closed at once", lost, {"raw": b""}),
        ("no HTTP", damaged, {"raw": b"SSH-2.0-OpenSSH_9.6\r\n"}),
        ("a page without headers", damaged, {"raw": b"<html>Bad Gateway</html>"}),
        ("a status that is no number", damaged, {"raw": b"HTTP/1.1 abc OK\r\n\r\n"}),
        ("interim and no more", damaged, {"raw": b"HTTP/1.1 103 Early Hints\r\n\r\n"}),
        ("a header of 70 kB", damaged, {"raw": b"HTTP/1.1 200 OK\r\nx: %s\r\n\r\n" % (b"y" * 70_000)}),
        ("no chunks", damaged, {"raw": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"}),
        ("no gzip", damaged, {"body": PAGE, "headers": {"Content-Encoding": "gzip"}}),
        ("brotli", damaged, {"body": b"\x1b\x03\x00\xf8", "headers": {"Content-Encoding": "br"}}),
    ):
        yield Fault("wire", name, meaning, lambda _, options=options: ScriptedFault(**options))
    half = _good(op, lambda whole: gzip.compress(whole)[:-12], headers={"Content-Encoding": "gzip"})
    yield Fault("wire", "a gzip cut short", Meaning.ODD, half)
    for name, options in {
        "chunks": {"chunked": True},
        "gzip": {"encoding": "gzip"},
        "deflate": {"encoding": "deflate"},
        "gzip in chunks": {"encoding": "gzip", "chunked": True},
        "a slow body": {"bytes_per_second": 4000.0},
        "an unknown encoding": {"headers": {"Content-Encoding": "x-rot13"}},
        "text/html": {"content_type": "text/html; charset=gbk"},
        "an image": {"content_type": "image/png"},
        "no media type at all": {"content_type": "\xe9;;=,"},
    }.items():
        yield Fault("wire", name, Meaning.FINE, lambda _, options=options: ScriptedFault(**options))
    for name, head in {
        "until it closes": b"HTTP/1.1 200 OK\r\n\r\n",
        "by HTTP/1.0": b"HTTP/1.0 200\r\n\r\n",
    }.items():
        make = lambda good, head=head: ScriptedFault(raw=head + answer(op, good))  # noqa: E731
        yield Fault("wire", name, Meaning.FINE, make)
