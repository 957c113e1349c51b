"""A file as ``file/fetch`` shows it: a record in JSON, encoded once for a file in which nothing moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from textin_provider.testing.docflow import status as st
from textin_provider.testing.wire import encode_json

if TYPE_CHECKING:
    from textin_provider.testing.docflow.files import File

REQUIRED = frozenset({"id", "name", "format", "recognition_status", "verification_status", "category"})


class Extras(NamedTuple):
    """What a fetch asks for on top."""

    document: bool = False
    task_detail_url: bool = False
    image_url: bool = False


def encode(file: File, now: float, extras: Extras, base_url: str) -> bytes:
    """Return the record of a file as JSON."""
    known = file.encoded.get(extras)
    if known is not None:
        return known
    status = file.status(now)
    record = _record(file, status, extras, base_url)
    if status not in st.BEFORE_PARTS and file.children:
        parts = b"[" + b",".join(encode(child, now, extras, base_url) for child in file.children) + b"]"
    else:
        parts = b"[]"
    encoded = _assembled(file, record, {"data": _data(file, status), "child_files": parts})
    if file.is_steady(now):
        file.encoded[extras] = encoded
    return encoded


def _record(file: File, status: int, extras: Extras, base_url: str) -> dict[str, Any]:
    record: dict[str, Any] = {
        "id": file.file_id,
        "task_id": file.task_id,
        "task_type": file.task_type,
        "batch_number": file.batch_number,
        "name": file.name,
        "format": file.format,
        "recognition_status": status,
        "verification_status": file.script.verification_status,
        "category": file.category_at(status),
        "failure_causes": _failure_causes(file, status),
        "parser_params": parser_params(file),
    }
    if file.parent is not None:
        record["parent_task_id"] = file.parent.task_id
    if status not in st.MOVING:
        record["duration_ms"] = file.duration_ms
    if extras.task_detail_url:
        record["task_detail_url"] = f"{base_url}/tasks/{file.task_id}"
    reading = file.reading
    if reading is not None and status not in st.BEFORE_PARTS:
        record["total_page_num"] = len(reading.pages)
        record["pages"] = [
            _page(file, number, size, reading.dpi, base_url if extras.image_url else None)
            for number, size in enumerate(reading.pages, start=reading.first_page)
        ]
        if file.parent is not None:
            record["from_parent_position_list"] = [page["page"] for page in record["pages"]]
        if file.task_type == st.CROPPED_CHILD:
            record["crop_info"] = {"page": reading.first_page, "imageAngle": "0"}
        if extras.document:
            record["document"] = {"pages": [_full_text(lines) for lines in reading.lines]}
    return record


def parser_params(file: File) -> dict[str, Any]:
    """Return the parser's options as the upload named them, the password among them."""
    named = {name: value for name, value in file.options.items() if name.startswith("parser_")}
    return {name.removeprefix("parser_"): value for name, value in named.items()}


def _failure_causes(file: File, status: int) -> str | None:
    if status != st.FAILED:
        return None
    if file.script.failure_causes is not None:
        return file.script.failure_causes
    return file.reading.failure_causes if file.reading else None


def _data(file: File, status: int) -> bytes:
    if status != st.SUCCESS or file.children or file.reading is None:
        return b"null"
    return file.reading.data


def _page(file: File, number: int, size: tuple[int, int], dpi: int, base_url: str | None) -> dict[str, Any]:
    page: dict[str, Any] = {"page": number, "angle": 0, "width": size[0], "height": size[1], "dpi": dpi}
    if base_url is not None:
        page["image_url"] = f"{base_url}/images/{file.task_id}/{number}.png"
    return page


def _full_text(lines: Any) -> dict[str, Any]:
    return {"lines": [{"text": text, "position": list(corners)} for text, corners in lines]}


def _assembled(file: File, record: dict[str, Any], ready: dict[str, bytes]) -> bytes:
    """Put fields that are JSON already beside the others, and take out what the script does not want."""
    for name in _named(file.script.null_fields, record, ready):
        ready.pop(name, None)
        record[name] = None
    for name in _named(file.script.omit_fields, record, ready):
        ready.pop(name, None)
        record.pop(name, None)
    members = b"".join(b',"%s":%s' % (name.encode(), value) for name, value in ready.items())
    return encode_json(record)[:-1] + members + b"}"


def _named(names: Any, record: dict[str, Any], ready: dict[str, bytes]) -> set[str]:
    if "*" in names:
        return {*record, *ready} - REQUIRED
    return set(names)
