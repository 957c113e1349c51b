"""A fault of the matrix, and how its scripted fault is made from a good response."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.faults.meanings import Meaning
from tests.faults.operations import Manner
from textin_provider.testing import ScriptedFault

if TYPE_CHECKING:
    from tests.faults.operations import Operation

#: Makes the scripted fault from the data of a good response.
Make = Callable[[dict[str, Any]], ScriptedFault]

#: Text of a document and a signature, which no error, log or event may repeat.
DOCUMENT_TEXT = "hush-hush"
PAGE = f"<html><h1>{DOCUMENT_TEXT}</h1><a href='https://textin.com/r?sign={DOCUMENT_TEXT}'></html>".encode()


@dataclass(frozen=True)
class Fault:
    """
    One fault of one operation.

    :param group: what it was generated from.
    :param make: gives the scripted fault from the data of a good response.
    """

    group: str
    name: str
    meaning: Meaning
    make: Make = field(repr=False)

    def __str__(self) -> str:
        return f"{self.group} {self.name}"


def response_of(op: Operation, data: Any, **envelope: Any) -> bytes:
    """Return the body of a success that carries the data."""
    if op.key is None:
        return json.dumps(data).encode()
    return json.dumps({"code": 200, "message": "success", **envelope, op.key: data}).encode()


def with_body(body: bytes, **others: Any) -> Make:
    """Replace the response by this body."""
    return lambda good: ScriptedFault(body=body, **others)


def altered(op: Operation, change: Callable[[bytes], bytes], **others: Any) -> Make:
    """Change the body of a good response."""
    return lambda good: ScriptedFault(body=change(response_of(op, good)), **others)


def scripted(options: dict[str, Any]) -> Make:
    return lambda _: ScriptedFault(**options)


def meaning_of_broken(op: Operation) -> Meaning:
    """Return the meaning of a response that cannot be read."""
    return Meaning.NO_RESULT if op.manner is Manner.DOWNLOAD else Meaning.BROKEN
