"""Records that the tests of a folder's parts share."""

from __future__ import annotations

from typing import Any

from textin_provider.tasks.folder.records import INTENT, Content, Document
from textin_provider.tasks.folder.segments import Account

ACCOUNT = Account("0123456789abcdef", "https://api.textin.com")
AT = "2026-01-02T03:04:05+00:00"
#: What :func:`new_content` looks like in a ledger.
CONTENT_JSON: dict[str, Any] = {
    "kind": "intent",
    "fingerprint": "f1",
    "attempt": 1,
    "source": "/in/a.pdf",
    "at": AT,
    "run": "r1",
}
#: What :func:`new_document` looks like in a ledger.
DOCUMENT_JSON: dict[str, Any] = {
    "kind": "document",
    "source": "/in/a.pdf",
    "size": 7,
    "mark": "m",
    "config": "c",
    "fingerprint": "f1",
    "output": "a.pdf.json",
    "run": "r1",
    "version": 1,
}


def new_content(kind: str = INTENT, fingerprint: str = "f1", **values: Any) -> Content:
    members: dict[str, Any] = CONTENT_JSON | {"kind": kind, "fingerprint": fingerprint}
    return Content(**members | values)


def new_document(source: str = "/in/a.pdf", **values: Any) -> Document:
    members: dict[str, Any] = DOCUMENT_JSON | {"source": source}
    return Document(**members | values)
