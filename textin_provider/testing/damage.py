"""Send an answer in the damaged way a :class:`ScriptedFault` asks for."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textin_provider.testing.connection import Connection
    from textin_provider.testing.faults import ScriptedFault
from textin_provider.testing.wire import CHUNK, Answer, Body

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
# Seconds between two pieces of a slow body.
_PACE = 0.05


async def send_damaged(
    connection: Connection, answer: Answer, request_id: bytes, fault: ScriptedFault
) -> None:
    """Send ``answer`` as ``fault`` says; the connection is gone afterwards unless all of it was sent."""
    if fault.is_never_begun:
        await _reset(connection)
        return
    if fault.raw is not None or fault.cut == "in_headers":
        begun = b"HTTP/1.1 %d \r\ncontent-ty" % answer.http_status
        connection.transport.write(begun if fault.raw is None else fault.raw)
        await _drop(connection, fault)
        return
    total = answer.body.size
    limit = _bytes_to_send(fault, total)
    await connection.begin(answer, request_id, announce=None if fault.chunked else total)
    for piece in _paced(answer.body, limit, fault.bytes_per_second):
        if not await connection.chunk(piece):
            return
        if fault.bytes_per_second is not None:
            await asyncio.sleep(len(piece) / fault.bytes_per_second)
    if limit < total or fault.cut == "in_body":
        await _drop(connection, fault)
    else:
        await connection.end()


async def _drop(connection: Connection, fault: ScriptedFault) -> None:
    """Drop the connection in the way that the fault says, after what was sent has gone out."""
    if fault.reset:
        await _reset(connection)
    else:
        await connection.close()


async def _reset(connection: Connection) -> None:
    """Drop the connection with a TCP reset, as a crashed peer does."""
    own = connection.transport.get_extra_info("socket")
    if own is not None:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    connection.transport.abort()
    await connection.lost()


def _bytes_to_send(fault: ScriptedFault, total: int) -> int:
    if fault.truncate is not None:
        return min(fault.truncate, total)
    return total // 2 if fault.cut == "in_body" else total


def _paced(body: Body, limit: int, bytes_per_second: float | None) -> Iterator[bytes]:
    """Yield the first ``limit`` bytes of a body in pieces that take a moment each at the given pace."""
    step = CHUNK if bytes_per_second is None else max(1, int(bytes_per_second * _PACE))
    for chunk in _first(body.chunks(), limit):
        for start in range(0, len(chunk), step):
            yield chunk[start : start + step]


def _first(chunks: Iterator[bytes], limit: int) -> Iterator[bytes]:
    for chunk in chunks:
        if limit <= 0:
            return
        yield chunk[:limit]
        limit -= len(chunk)
