"""Read what an upload asks for: files or URLs in the body, everything else in the query."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textin_provider.testing.contract import body_pointer, problems
from textin_provider.testing.envelope import BAD_REQUEST, UPLOAD_TOO_LARGE, Refusal
from textin_provider.testing.forms import FormError, read_form
from textin_provider.testing.outbound import is_web_address
from textin_provider.testing.wire import JSON_TYPE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from textin_provider.testing.call import Call
    from textin_provider.testing.uploads import Upload

CONTRACT = "docflow-v2"
MAX_JSON_BYTES = 1024 * 1024
_MULTIPART = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Sources:
    """The documents of an upload: files, or addresses to fetch them from."""

    uploads: Sequence[Upload] = ()
    urls: Sequence[str] = ()


async def read_sources(call: Call, path: str, spool: Path, max_file_bytes: int) -> Sources:
    """
    Read the body of an upload.

    :raises Refusal: 400 if it is neither files nor URLs, or both, or more URLs than ten; 1005016010 if a file
        is too large.
    """
    content_type = call.request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == JSON_TYPE:
        body = await read_json(call, path)
        for url in body["urls"]:
            if not is_web_address(url):
                raise Refusal(BAD_REQUEST, f"urls: not an http or https address: {url!r}")
        return Sources(urls=body["urls"])
    if kind != _MULTIPART:
        await call.body.drain()
        raise Refusal(
            BAD_REQUEST, f"send files as {_MULTIPART} or urls as {JSON_TYPE}, not {kind or 'nothing'}"
        )
    try:
        form = await read_form(call.body, content_type, spool, max_file_bytes)
    except FormError as exc:
        raise Refusal(BAD_REQUEST, str(exc)) from exc
    uploads = form.files.get("file", [])
    try:
        if "urls" in form.fields:
            raise Refusal(BAD_REQUEST, "urls: they go into a JSON body, not into a form")
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
    """Refuse a document that is empty or too large."""
    if upload.size == 0:
        raise Refusal(BAD_REQUEST, f"{upload.filename}: the file is empty")
    if upload.size > max_file_bytes:
        limit = max_file_bytes // (1024 * 1024)
        raise Refusal(UPLOAD_TOO_LARGE, f"{upload.filename} has {upload.size} bytes; the limit is {limit} MB")


async def read_json(call: Call, path: str) -> Any:
    """
    Read a JSON body as the contract declares it for ``path``.

    :raises Refusal: 400 naming the problem.
    """
    raw = bytearray()
    async for chunk in call.body.chunks():
        if len(raw) <= MAX_JSON_BYTES:
            raw += chunk
    try:
        body = json.loads(raw)
    except ValueError as exc:
        raise Refusal(BAD_REQUEST, "the body is not valid JSON") from exc
    for problem in problems(CONTRACT, body_pointer(path), body):
        raise Refusal(BAD_REQUEST, f"body{problem}")
    return body
