"""One request on one connection: its body as it arrives, and its answer as it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textin_provider.testing.wire import Answer, BytesBody, Receive, Scope, Send

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable


class Incoming:
    """The body of a request, as it arrives."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._ended = False
        self.received = 0

    async def chunks(self) -> AsyncIterator[bytes]:
        """
        Yield what has not been read yet.

        :raises ConnectionResetError: if the client goes away before the end.
        """
        while not self._ended:
            message = await self._receive()
            if message["type"] != "http.request":
                raise ConnectionResetError("the client went away in the middle of its request")
            self._ended = not message.get("more_body", False)
            chunk: bytes = message.get("body", b"")
            self.received += len(chunk)
            yield chunk

    async def drain(self) -> None:
        """Read the rest and forget it."""
        async for _ in self.chunks():
            pass


class Connection:
    """The way back to a client; ``sent`` is told how many bytes of a body go out."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, sent: Callable[[int], None]) -> None:
        self.send = send
        self._sent = sent
        self._state = scope["state"]
        self._receive = receive

    @property
    def transport(self) -> asyncio.Transport:
        """The TCP connection."""
        transport: asyncio.Transport = self._state["transport"]
        return transport

    async def answer(self, answer: Answer, request_id: bytes) -> None:
        """Send ``answer`` whole, unless the client goes away."""
        body = answer.body
        await self.begin(answer, request_id, announce=body.size)
        if isinstance(body, BytesBody):
            self._sent(len(body.data))
            await self.send({"type": "http.response.body", "body": body.data})
            return
        for chunk in body.chunks():
            if not await self.chunk(chunk):
                return
        await self.end()

    async def begin(self, answer: Answer, request_id: bytes, *, announce: int | None) -> None:
        """Send the headers; ``announce`` is the Content-Length, None for a chunked body."""
        headers = answer.wire_headers(request_id, announce=announce)
        await self.send({"type": "http.response.start", "status": answer.http_status, "headers": headers})

    async def chunk(self, data: bytes) -> bool:
        """Send a piece of the body and return whether the client is still there."""
        if self.transport.is_closing():
            # Without this a download that was given up would be made to its end, and hold up everybody else.
            await self.lost()
            return False
        self._sent(len(data))
        await self.send({"type": "http.response.body", "body": data, "more_body": True})
        return True

    async def end(self) -> None:
        """End the body."""
        await self.send({"type": "http.response.body", "body": b""})

    async def close(self) -> None:
        """Close the connection after what was sent has gone out."""
        self.transport.close()
        await self.lost()

    async def lost(self) -> None:
        """Wait until the connection is lost, so that the web server sees no answer left unfinished."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
