"""The faults, generated from the table of codes, the HTTP statuses and a few shapes, for each operation."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from tests.faults.fault import (
    DOCUMENT_TEXT,
    PAGE,
    Fault,
    Make,
    altered,
    meaning_of_broken,
    response_of,
    scripted,
    with_body,
)
from tests.faults.meanings import (
    PARTIAL,
    Meaning,
    meaning_at_result_url,
    meaning_of_code,
    meaning_of_status,
)
from tests.faults.operations import Manner
from tests.faults.wire import sizes, wires
from tests.foreign import FOREIGN
from textin_provider.api.errors import CODES
from textin_provider.testing import ScriptedFault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.operations import Operation

UNPUBLISHED_CODES = (-1, 0, 1, 201, 49999, 59999, 10**12)
#: Statuses that only gateways know.
GATEWAY_STATUSES = (444, 499, 520, 529, 599)
STATUSES = sorted({*GATEWAY_STATUSES, *(int(status) for status in HTTPStatus if status >= 200)})
#: One of each class, to be tried with every kind of body.
OF_EACH_CLASS = (302, 401, 404, 429, 500, 503)
#: Envelopes of TextIn's, which mean the same whatever the HTTP status beside them.
_ENVELOPES = {
    '{"code": 500}': Meaning.FAILED,
    '{"code": 400, "msg": "no", "result": null}': Meaning.REQUEST,
    '{"code": 401, "message": "no"}': Meaning.AUTHENTICATION,
    '{"code": 404, "x_request_id": "r"}': Meaning.REQUEST,
    '{"code": "429"}': Meaning.LIMITED,
    '{"code": 40003}': Meaning.QUOTA,
    '{"code": 59999}': Meaning.REQUEST,
    '{"code": 1005025103, "msg": "no", "result": null}': Meaning.REQUEST,
}
#: JSON that is a gateway's beside an HTTP error.
_GATEWAYS = (
    '{"code": 404, "message": "no"}',
    '{"code": 5, "message": "Not Found"}',
    '{"code": 777}',
    '{"code": 500, "status": 500, "path": "/"}',
    '{"kind": "Status", "code": 403}',
)


def faults_of(op: Operation) -> list[Fault]:
    """Return every fault that an operation is to meet."""
    generators = (
        _codes,
        _accepted,
        _statuses,
        _classes,
        _beside,
        _gateways,
        _redirects,
        _bodies,
        _members,
        _envelopes,
        sizes,
        wires,
    )
    return [fault for generate in generators for fault in generate(op)]


def _codes(op: Operation) -> Iterator[Fault]:
    """Every code of the table, and some that nobody published, inside HTTP 200."""
    for code in (*CODES, PARTIAL, *UNPUBLISHED_CODES):
        meaning = meaning_of_code(code)
        if op.manner is Manner.DOWNLOAD:
            # An address that has expired is asked for anew; partial success without a result is no result.
            meaning = {404: Meaning.NO_RESULT, PARTIAL: Meaning.NO_RESULT}.get(code, meaning)
        said = {"code": code, "message": f"see https://textin.com/r?sign={DOCUMENT_TEXT}"}
        yield Fault("code", str(code), meaning, with_body(json.dumps(said).encode()))


def _accepted(op: Operation) -> Iterator[Fault]:
    """Yield failures of a submit or an upload that name what was accepted: they refuse nothing."""
    if op.manner is Manner.POST:
        for code in (500, 40004, 40306, 40102, 1005025103):
            for status in (200, 400):
                make = _with_code(op, code, http_status=status)
                yield Fault("code", f"{code} with ids, HTTP {status}", Meaning.BROKEN, make)


def _statuses(op: Operation) -> Iterator[Fault]:
    """Every HTTP status but success, with a gateway's page."""
    judge = meaning_at_result_url if op.manner is Manner.DOWNLOAD else meaning_of_status
    for status in STATUSES:
        if status >= 300 or status in (204, 205):
            body = b"" if status in (204, 205, 304) else PAGE
            meaning = Meaning.BROKEN if status < 300 else judge(status)
            make = with_body(body, http_status=status, content_type="text/html")
            yield Fault("HTTP", str(status), meaning, make)
        elif op.manner is not Manner.DOWNLOAD and status > 200:
            yield Fault("HTTP", f"{status} and all", Meaning.FINE, altered(op, bytes, http_status=status))
        elif status > 200:
            yield Fault("HTTP", f"{status} and all", Meaning.BROKEN, altered(op, bytes, http_status=status))


def _classes(op: Operation) -> Iterator[Fault]:
    """Yield HTTP statuses without a body, and with a success, which does not count beside them."""
    at_url = op.manner is Manner.DOWNLOAD
    judge = meaning_at_result_url if at_url else meaning_of_status
    for status in OF_EACH_CLASS:
        # To a submit or an upload the good data names what was accepted, so that HTTP 429 refuses nothing.
        at_odds = Meaning.BROKEN if op.manner is Manner.POST else judge(status)
        yield Fault("HTTP", f"{status} with success", at_odds, altered(op, bytes, http_status=status))
        yield Fault("HTTP", f"{status} without a body", judge(status), with_body(b"", http_status=status))
    for status, seconds in ((503, "0"), (429, "soon"), (503, "Fri, 31 Dec 1999 23:59:59 GMT"), (429, "-1")):
        make = with_body(PAGE, http_status=status, headers={"Retry-After": seconds})
        yield Fault("HTTP", f"{status}, Retry-After {seconds}", judge(status), make)


def _beside(op: Operation) -> Iterator[Fault]:
    """Yield JSON beside HTTP errors: TextIn's code wins over the status, a gateway's is not believed."""
    at_url = op.manner is Manner.DOWNLOAD
    judge = meaning_at_result_url if at_url else meaning_of_status
    meanings = {**_ENVELOPES, **dict.fromkeys(_GATEWAYS)}
    for status in (302, 404, 429, 503):
        for body, meaning in meanings.items():
            judged = judge(status) if at_url or meaning is None else meaning
            make = with_body(body.encode(), http_status=status)
            yield Fault("HTTP", f"{status} with {body}", judged, make)


def _gateways(op: Operation) -> Iterator[Fault]:
    """Yield pages and JSON of gateways, proxies and login pages."""
    at_url = op.manner is Manner.DOWNLOAD
    for name, fault in FOREIGN.items():
        status = fault.http_status or 200
        if at_url and status in (200, 302):  # other bodies and redirects are faults of their own
            continue
        meaning = meaning_at_result_url(status) if at_url else meaning_of_status(status)
        yield Fault("gateway", name, meaning, scripted(vars(fault)))


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
        meaning = Meaning.BROKEN if not at_url else Meaning.REQUEST
        if at_url and name == "to half an address":
            meaning = Meaning.NO_RESULT
        # A download follows the last two, and comes to an end with the sixth hop.
        if not at_url or "://" in target:
            make = with_body(b"", http_status=302, headers={"Location": target})
            yield Fault("redirect", name, meaning, make)


def _bodies(op: Operation) -> Iterator[Fault]:
    """Bodies that are no JSON, or JSON of the wrong shape."""
    broken = meaning_of_broken(op)
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
        yield Fault("body", name, broken, with_body(body))
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
        yield Fault("body", name, meaning, altered(op, change))
    for name, change in {
        "after a byte order mark": lambda whole: b"\xef\xbb\xbf" + whole,
        "between blanks": lambda whole: b"\r\n " + whole + b"\n\n",
    }.items():
        yield Fault("body", name, Meaning.FINE, altered(op, change))
    utf_16 = altered(op, lambda whole: whole.decode().encode("utf-16"))
    yield Fault("body", "in UTF-16", Meaning.ODD, utf_16)


def _members(op: Operation) -> Iterator[Fault]:
    """Good data with one member null, absent or of another type, and nothing at all in its place."""
    hollow = Meaning.HOLLOW if op.key is not None else Meaning.NO_RESULT
    odd: dict[str, Any] = {"null": None, "false": False, "an object": {}, "text": "", "a list": []}
    for name, value in odd.items():
        if op.key is not None:
            body = json.dumps({"code": 200, "message": "success", op.key: value}).encode()
            yield Fault("data", name, hollow, with_body(body))
        for member in sorted(op.needs - ({"batch_number"} if name == "text" else set())):
            # An empty list of files is one: of an upload it is odd, of a fetch nothing to see yet.
            # A status of no letters is one that nobody knows.
            odd_ones = {("upload", "files", "a list"), ("status", "status", "text")}
            at_odds = Meaning.ODD if (op.name, member, name) in odd_ones else hollow
            make = _with(op, {member: value})
            yield Fault("data", f"{member} is {name}", at_odds, make)
    for member in sorted(op.needs):
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
        return ScriptedFault(body=response_of(op, data))

    return make


def _envelopes(op: Operation) -> Iterator[Fault]:
    """Good data in an envelope whose code is none, or no number."""
    if op.key is None:
        whole = {"elements": [], "markdown": DOCUMENT_TEXT}
        for name, envelope in {"wrapped": {"code": 200}, "partial": {"code": PARTIAL}}.items():
            yield Fault(
                "code", name, Meaning.FINE, with_body(json.dumps({**envelope, "data": whole}).encode())
            )
        return
    broken: dict[str, Any] = {"null": None, "true": True, "text": "ok", "a list": [200], "2e2": 200.0}
    for name, code in broken.items():
        yield Fault("code", f"is {name}", Meaning.BROKEN, _with_code(op, code))
    success: dict[str, Any] = {"text": "200", "partial": PARTIAL}
    for name, code in success.items():
        yield Fault("code", f"is {name} of success", Meaning.FINE, _with_code(op, code))


def _with_code(op: Operation, code: Any, **others: Any) -> Make:
    return lambda good: ScriptedFault(body=response_of(op, good, code=code), **others)
