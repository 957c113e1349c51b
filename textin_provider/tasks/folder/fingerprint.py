"""Digests that tell contents and configurations apart, and reveal neither."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.protocol import Service
from textin_provider.api.redaction import passwords_in
from textin_provider.api.xparse.endpoints import check_config
from textin_provider.hooks.paths import read_path
from textin_provider.hooks.source import Source, sha256_of
from textin_provider.tasks.folder.segments import Account

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textin_provider.hooks.connection import TextInConnection
    from textin_provider.tasks.folder.sources import SourceDocument

#: A password is easier to guess than a document, and the ledger is no place for secrets.
_PASSWORD_ROUNDS = 100_000
#: The ETag of S3: a digest of the content, or of the digests of its parts.
_S3_ETAG = re.compile(r"[0-9a-f]{32}(-\d+)?", re.IGNORECASE)


def account_of(connection: TextInConnection) -> Account:
    """Return the account that a connection sends to xParse with."""
    return Account(_digest(connection.app_id)[:16], connection.base_urls[Service.XPARSE])


def config_digest(config: Mapping[str, Any] | str | None) -> str:
    """
    Return a digest of a configuration as TextIn understands it: members that are null do not count.

    :raises ApiError: if it is not a valid configuration.
    """
    plain = _without_nulls({} if config is None else check_config(config))
    text = json.dumps(plain, sort_keys=True)
    if passwords_in(plain):
        return hashlib.pbkdf2_hmac("sha256", text.encode(), b"textin config", _PASSWORD_ROUNDS).hex()[:32]
    return _digest(text)[:32]


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        members = {name: _without_nulls(member) for name, member in value.items()}
        return {name: member for name, member in members.items() if member not in (None, {})}
    return [_without_nulls(member) for member in value] if isinstance(value, list) else value


def content_of(document: SourceDocument, conn_id: str | None) -> str:
    """
    Return what identifies the content of a document: on S3 its ETag, anywhere else the sha256 of its bytes.

    An ETag of another storage may tell versions of one object apart, and not contents. Of an http(s) address
    only the address is known.

    :raises ApiError: if the file cannot be read, or was changed since it was listed.
    """
    if document.is_url:
        return f"url {_digest(document.path)}"
    if read_path("source", document.path, conn_id).protocol in ("s3", "s3a"):
        mark = _S3_ETAG.fullmatch(document.mark)
        if mark is not None:
            return f"etag {mark[0]} {document.size}"
    return f"sha256 {_sha256(document, conn_id)}"


def _sha256(document: SourceDocument, conn_id: str | None) -> str:
    source = Source(read_path("source", document.path, conn_id))
    try:
        if source.size != document.size:
            raise changed(document)
        return sha256_of(source)
    finally:
        source.close()


def changed(document: SourceDocument) -> ApiError:
    """Return the error of a document that is not as it was listed."""
    return ApiError(
        ErrorKind.STORAGE,
        about=document.source,
        message="it was changed while the run read it",
        fix="Nothing was sent of it; the next run sends it",
    )


def fingerprint(content: str, config: str, account: Account) -> str:
    """Return the fingerprint of a content that an account sends with a configuration."""
    return _digest("\n".join([content, config, account.digest, account.host]))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
