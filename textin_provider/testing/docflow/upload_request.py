"""Request bodies of DocFlow: the files or URLs of an upload, and JSON bodies."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textin_provider.testing.background import is_http_url
from textin_provider.testing.contract import body_pointer, problems
from textin_provider.testing.responses import BAD_REQUEST, JSON_TYPE, UPLOAD_TOO_LARGE, Refusal
from textin_provider.testing.uploads import FormError, media_type, read_form

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from textin_provider.testing.routing import RoutedRequest
    from textin_provider.testing.uploads import Upload

CONTRACT = "docflow-v2"
MAX_JSON_BYTES = 1024 * 1024
_MULTIPART = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Sources:
    """The documents of an upload: files, or URLs to download."""

    uploads: Sequence[Upload] = ()
    urls: Sequence[str] = ()


async def read_sources(request: RoutedRequest, path: str, spool: Path, max_file_bytes: int) -> Sources:
    """
    Read the body of an upload.

    :raises Refusal: 400 if it contains neither files nor URLs, or both, or more than ten URLs; 1005016010 if
        a file is too large.
    """
    content_type = request.logged.headers.get("content-type", "")
    kind = media_type(content_type)
    if kind == JSON_TYPE:
        body = await read_json(request, path)
        for url in body["urls"]:
            if not is_http_url(url):
                raise Refusal(BAD_REQUEST, f"urls: not an http or https address: {url!r}")
        return Sources(urls=body["urls"])
    if kind != _MULTIPART:
        await request.body.drain()
        raise Refusal(
            BAD_REQUEST, f"send files as {_MULTIPART} or urls as {JSON_TYPE}, not {kind or 'nothing'}"
        )
    try:
        form = await read_form(request.body, content_type, spool, max_file_bytes)
    except FormError as exc:
        raise Refusal(BAD_REQUEST, str(exc)) from exc
    uploads = form.files.get("file", [])
    try:
        if "urls" in form.fields:
            raise Refusal(BAD_REQUEST, "urls: send them in a JSON body, not in a form")
        if not uploads:
            raise Refusal(BAD_REQUEST, "file: no file is uploaded")
        for upload in uploads:
            check_size(upload, max_file_bytes)
    except Refusal:
        form.discard()
        raise
    form.discard(keep=uploads)
    return Sources(uploads)


def check_size(upload: Upload, max_file_bytes: int) -> None:
    """
    Check that a document is neither empty nor too large.

    :raises Refusal: 400 if it is empty, 1005016010 if it is too large.
    """
    if upload.size == 0:
        raise Refusal(BAD_REQUEST, f"{upload.filename}: the file is empty")
    if upload.size > max_file_bytes:
        limit = max_file_bytes // (1024 * 1024)
        raise Refusal(UPLOAD_TOO_LARGE, f"{upload.filename} has {upload.size} bytes; the limit is {limit} MB")


async def read_json(request: RoutedRequest, path: str) -> Any:
    """
    Read a JSON body and validate it against the contract of ``path``.

    :raises Refusal: 400 naming the problem.
    """
    raw = bytearray()
    async for chunk in request.body.chunks():
        if len(raw) <= MAX_JSON_BYTES:
            raw += chunk
    try:
        body = json.loads(raw)
    except ValueError as exc:
        raise Refusal(BAD_REQUEST, "the body is not valid JSON") from exc
    for problem in problems(CONTRACT, body_pointer(path), body):
        raise Refusal(BAD_REQUEST, f"body{problem}")
    return body
