"""Faults below the body: huge responses, resets and cuts, and the ways that HTTP may carry a response."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

from tests.faults.fault import PAGE, Fault, Make, altered, meaning_of_broken, response_of, scripted, with_body
from tests.faults.meanings import Meaning
from textin_provider.testing import ScriptedFault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.operations import Operation

#: The triggerer parses no more than this, and no status response is nearly as long.
HUGE = 700_000

_LOST, _DAMAGED = Meaning.LOST, Meaning.DAMAGED
#: Responses that do not arrive whole: their name, meaning and scripted fault.
_DAMAGES: tuple[tuple[str, Meaning, dict[str, Any]], ...] = (
    ("reset before the request is read", _LOST, {"cut": "in_request"}),
    ("reset after the request", _LOST, {"cut": "before_answer"}),
    ("closed within the headers", _DAMAGED, {"cut": "in_headers"}),
    ("reset within the headers", _DAMAGED, {"cut": "in_headers", "reset": True}),
    ("closed within the body", _DAMAGED, {"cut": "in_body"}),
    ("reset within the body", _DAMAGED, {"cut": "in_body", "reset": True}),
    ("closed between two chunks", _DAMAGED, {"cut": "in_body", "chunked": True}),
    ("reset between two chunks", _DAMAGED, {"cut": "in_body", "chunked": True, "reset": True}),
    ("closed before the body", _DAMAGED, {"truncate": 0}),
    ("closed after a byte", _DAMAGED, {"truncate": 1}),
    ("closed at once", _LOST, {"raw": b""}),
    ("no HTTP", _DAMAGED, {"raw": b"SSH-2.0-OpenSSH_9.6\r\n"}),
    ("a page without headers", _DAMAGED, {"raw": b"<html>Bad Gateway</html>"}),
    ("a status that is no number", _DAMAGED, {"raw": b"HTTP/1.1 abc OK\r\n\r\n"}),
    ("interim and no more", _DAMAGED, {"raw": b"HTTP/1.1 103 Early Hints\r\n\r\n"}),
    ("a header of 70 kB", _DAMAGED, {"raw": b"HTTP/1.1 200 OK\r\nx: %s\r\n\r\n" % (b"y" * 70_000)}),
    ("no chunks", _DAMAGED, {"raw": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"}),
    ("no gzip", _DAMAGED, {"body": PAGE, "headers": {"Content-Encoding": "gzip"}}),
    ("brotli", _DAMAGED, {"body": b"\x1b\x03\x00\xf8", "headers": {"Content-Encoding": "br"}}),
)
#: Ways to carry a whole response.
_CARRIED: dict[str, dict[str, Any]] = {
    "chunks": {"chunked": True},
    "gzip": {"encoding": "gzip"},
    "deflate": {"encoding": "deflate"},
    "gzip in chunks": {"encoding": "gzip", "chunked": True},
    "a slow body": {"bytes_per_second": 4000.0},
    "an unknown encoding": {"headers": {"Content-Encoding": "x-rot13"}},
    "text/html": {"content_type": "text/html; charset=gbk"},
    "an image": {"content_type": "image/png"},
    "no media type at all": {"content_type": "\xe9;;=,"},
}


def sizes(op: Operation) -> Iterator[Fault]:
    """Yield responses that are huge."""
    too_long = op.side == "triggerer" and op.name == "status"
    padded = altered(op, lambda whole: whole[:-1] + b', "pad": "%s"}' % (b"x" * HUGE))
    yield Fault("size", "huge and good", Meaning.BROKEN if too_long else Meaning.FINE, padded)
    yield Fault("size", "a huge page", meaning_of_broken(op), with_body(PAGE * (HUGE // len(PAGE))))
    yield Fault("size", "huge blanks", meaning_of_broken(op), with_body(b" " * HUGE))


def wires(op: Operation) -> Iterator[Fault]:
    """Yield resets and cuts at each stage of a response, and the ways that HTTP may carry one."""
    for name, meaning, options in _DAMAGES:
        yield Fault("wire", name, meaning, scripted(options))
    half = altered(op, lambda whole: gzip.compress(whole)[:-12], headers={"Content-Encoding": "gzip"})
    yield Fault("wire", "a gzip cut short", Meaning.ODD, half)
    for name, options in _CARRIED.items():
        yield Fault("wire", name, Meaning.FINE, scripted(options))
    for name, head in {
        "until it closes": b"HTTP/1.1 200 OK\r\n\r\n",
        "by HTTP/1.0": b"HTTP/1.0 200\r\n\r\n",
    }.items():
        yield Fault("wire", name, Meaning.FINE, _after_head(op, head))


def _after_head(op: Operation, head: bytes) -> Make:
    return lambda good: ScriptedFault(raw=head + response_of(op, good))
