"""What tells one submit to xParse from another."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from textin_provider.api.document import check_http_url
from textin_provider.api.errors import bad_input
from textin_provider.api.xparse import check_config
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

    It gives away no path, no signed URL and no password. The webhook has no part in it, nor has the place
    where the result is stored.

    :raises ApiError: if the input cannot be right, or the file is not readable.
    """
    if (file is None) == (file_url is None):
        raise bad_input("file_url", file_url, "file is given too, or neither is", "Give exactly one of them")
    what = {
        "document": check_http_url("file_url", file_url)
        if file is None
        else document_identity("file", file, file_conn_id),
        "config": None if config is None else check_config(config),
        "textin_conn_id": textin_conn_id,
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
