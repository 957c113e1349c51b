"""The identity of a submit: the same document with the same configuration on the same connection."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from textin_provider.api.inputs import check_http_url, exactly_one_of
from textin_provider.api.xparse.endpoints import check_config
from textin_provider.hooks.storage import document_identity

if TYPE_CHECKING:
    from collections.abc import Mapping


def fingerprint(
    *,
    file: str | None,
    file_url: str | None,
    config: Mapping[str, Any] | str | None,
    file_conn_id: str | None,
    textin_conn_id: str,
) -> str:
    """
    Return a digest of everything that the result of a submit depends on, 64 hexadecimal digits.

    It reveals no path, signed URL or password. It does not cover the webhook and the place of the result.

    :raises ApiError: if the input is invalid, or the file is not readable.
    """
    exactly_one_of(file=file, file_url=file_url)
    identity = {
        "document": check_http_url("file_url", file_url)
        if file is None
        else document_identity("file", file, file_conn_id),
        "config": None if config is None else check_config(config),
        "textin_conn_id": textin_conn_id,
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
