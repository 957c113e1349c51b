"""Images of results: links to pictures of elements and pages, and their download."""

from __future__ import annotations

import base64
import hashlib
import secrets
import struct
import time
import zlib
from typing import TYPE_CHECKING, Any

from textin_provider.testing.documents.model import IMAGE
from textin_provider.testing.responses import BytesBody, Envelope, HttpResponse
from textin_provider.testing.routing import Route, RoutedRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

IMAGE_PATH = "/ocr_image/external/"
MIME = "image/png"
_SIDE = 16


class ImageLinks:
    """The image links of one running server; ``base_url`` is the base of their URLs."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._expires: dict[str, float] = {}

    def route(self) -> Route:
        """Return the route of the images, which need no credentials."""
        return Route("image", "GET", IMAGE_PATH, self.download, takes_tail=True, needs_credentials=False)

    async def download(self, request: RoutedRequest) -> HttpResponse:
        """Return one image as PNG."""
        if time.monotonic() >= self._expires.get(request.tail, 0.0):
            return Envelope.XPARSE.error(404, "image does not exist or its URL has expired", http_status=404)
        return HttpResponse(BytesBody(png(request.tail)), content_type=MIME)

    def add_to(self, result: Mapping[str, Any], config: Mapping[str, Any], lifetime: float | None) -> None:
        """
        Add ``image_data`` to the images of a result if the config asks for it, and a picture to each page.

        :param lifetime: seconds until the links of this result expire; None for no limit.
        """
        expires = float("inf") if lifetime is None else time.monotonic() + lifetime
        if config.get("capabilities", {}).get("include_image_data"):
            parameters = config.get("config", {}).get("engine_params", {})
            as_base64 = parameters.get("image_output_type") == "base64"
            for element in result["elements"]:
                if element["type"] == IMAGE:
                    element["image_data"] = _inline(element) if as_base64 else self._linked(expires)
        for page in result.get("pages", []):
            if page["status"] == "Success":
                page["page_image_url"] = self._url(expires)

    def _linked(self, expires: float) -> dict[str, str]:
        return {"image_url": self._url(expires), "mime_type": MIME}

    def _url(self, expires: float) -> str:
        name = f"{secrets.token_hex(16)}.png"
        self._expires[name] = expires
        return f"{self._base_url}{IMAGE_PATH}{name}"


def _inline(element: Mapping[str, Any]) -> dict[str, str]:
    return {"mime_type": MIME, "base64": base64.b64encode(png(element["element_id"])).decode()}


def png(name: str) -> bytes:
    """Return a PNG of 16 x 16 pixels in a colour that is derived from ``name``."""
    colour = hashlib.sha256(name.encode()).digest()[:3]
    rows = (b"\0" + colour * _SIDE) * _SIDE
    header = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
