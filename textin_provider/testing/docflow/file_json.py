"""JSON of a file for ``file/fetch``, cached once the file cannot change any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from textin_provider.testing.docflow import status as st
from textin_provider.testing.responses import encode_json

if TYPE_CHECKING:
    from textin_provider.testing.docflow.files import File

REQUIRED = frozenset({"id", "name", "format", "recognition_status", "verification_status", "category"})


class Extras(NamedTuple):
    """The optional fields that a fetch requests."""

    document: bool = False
    task_detail_url: bool = False
    image_url: bool = False


def encode_file(file: File, now: float, extras: Extras, base_url: str) -> bytes:
    """Return the JSON of a file."""
    cached = file.encoded.get(extras)
    if cached is not None:
        return cached
    status = file.status(now)
    fields = _fields(file, status, extras, base_url)
    children: list[File] = [] if status in st.BEFORE_CHILDREN else file.children
    child_files = b"[%s]" % b",".join(encode_file(child, now, extras, base_url) for child in children)
    encoded = _join(file, fields, {"data": _data(file, status), "child_files": child_files})
    if file.is_final(now):
        file.encoded[extras] = encoded
    return encoded


def _fields(file: File, status: int, extras: Extras, base_url: str) -> dict[str, Any]:
    fields: dict[str, Any] = {
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
        "parser_params": _parser_params(file),
    }
    if file.parent is not None:
        fields["parent_task_id"] = file.parent.task_id
    if status not in st.UNFINISHED:
        fields["duration_ms"] = file.duration_ms
    if extras.task_detail_url:
        fields["task_detail_url"] = f"{base_url}/tasks/{file.task_id}"
    reading = file.reading
    if reading is not None and status not in st.BEFORE_CHILDREN:
        fields["total_page_num"] = len(reading.pages)
        fields["pages"] = [
            _page(file, number, size, reading.dpi, base_url if extras.image_url else None)
            for number, size in enumerate(reading.pages, start=reading.first_page)
        ]
        if file.parent is not None:
            fields["from_parent_position_list"] = [page["page"] for page in fields["pages"]]
        if file.task_type == st.CROPPED_CHILD:
            fields["crop_info"] = {"page": reading.first_page, "imageAngle": "0"}
        if extras.document:
            fields["document"] = {"pages": [_full_text(lines) for lines in reading.lines]}
    return fields


def _parser_params(file: File) -> dict[str, Any]:
    """Return the parser's options of the upload, the password included."""
    prefix = "parser_"
    return {
        name.removeprefix(prefix): value for name, value in file.options.items() if name.startswith(prefix)
    }


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


def _join(file: File, fields: dict[str, Any], encoded: dict[str, bytes]) -> bytes:
    """Return one JSON object of ``fields`` and ``encoded`` fields, without those that the script omits."""
    for name in _expand(file.script.null_fields, fields, encoded):
        encoded.pop(name, None)
        fields[name] = None
    for name in _expand(file.script.omit_fields, fields, encoded):
        encoded.pop(name, None)
        fields.pop(name, None)
    members = b"".join(b',"%s":%s' % (name.encode(), value) for name, value in encoded.items())
    return encode_json(fields)[:-1] + members + b"}"


def _expand(names: Any, fields: dict[str, Any], encoded: dict[str, bytes]) -> set[str]:
    if "*" in names:
        return {*fields, *encoded} - REQUIRED
    return set(names)
