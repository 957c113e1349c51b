"""The form of an xParse submit request: document, config and webhook."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textin_provider.testing.background import is_http_url
from textin_provider.testing.documents.config import check_config
from textin_provider.testing.responses import PARAMETER_ERROR, UNKNOWN_URL, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textin_provider.testing.uploads import Form, Upload


@dataclass(frozen=True)
class SubmitRequest:
    """The content of a submit request; either ``upload`` or ``file_url`` is set."""

    upload: Upload | None
    file_url: str | None
    config: dict[str, Any] | None
    config_content_type: str | None
    webhook: str | None


def read_submit(form: Form) -> SubmitRequest:
    """
    Return the content of a submit form.

    :raises Refusal: 40004 for a missing or repeated part and an invalid config or webhook, 40400 for an
        invalid ``file_url``, 400 for an unknown schema version.
    """
    upload, file_url = _one_document(form)
    config, config_content_type = _config(form)
    webhook = _text(form, "webhook")
    if webhook is not None and not is_http_url(webhook):
        raise Refusal(PARAMETER_ERROR, f"webhook: not an http or https address: {webhook!r}")
    return SubmitRequest(upload, file_url, config, config_content_type, webhook)


def effective_config(config: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the config that TextIn applies, in which null is as absent; the vendor's client sends nulls."""
    applied: dict[str, Any] = _without_nulls(config or {})
    return applied


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _one_document(form: Form) -> tuple[Upload | None, str | None]:
    uploads = form.files.get("file", [])
    file_url = _text(form, "file_url")
    if uploads and file_url:
        raise Refusal(PARAMETER_ERROR, "file and file_url are both given; send one of them")
    if len(uploads) > 1:
        raise Refusal(PARAMETER_ERROR, "more than one file is given; send one document per call")
    if uploads:
        return uploads[0], None
    if not file_url:
        raise Refusal(PARAMETER_ERROR, "File not uploaded")
    if not is_http_url(file_url):
        raise Refusal(UNKNOWN_URL, f"file_url: not an http or https address: {file_url!r}")
    return None, file_url


def _config(form: Form) -> tuple[dict[str, Any] | None, str | None]:
    parts = form.fields.get("config", [])
    if not parts:
        return None, None
    if len(parts) > 1:
        raise Refusal(PARAMETER_ERROR, "config is given more than once")
    part = parts[0]
    try:
        config = json.loads(part.data)
    except ValueError as exc:
        raise Refusal(PARAMETER_ERROR, f"config: not valid JSON: {exc}") from exc
    check_config(_without_nulls(config))
    return config, part.content_type


def _text(form: Form, name: str) -> str | None:
    parts = form.fields.get(name, [])
    if len(parts) > 1:
        raise Refusal(PARAMETER_ERROR, f"{name} is given more than once")
    return parts[0].text.strip() or None if parts else None
