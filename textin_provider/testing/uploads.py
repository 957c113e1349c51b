"""A document as it arrived."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Upload:
    """Where a document lies, what it was called, how long it is and what its SHA-256 is."""

    path: Path
    filename: str
    size: int
    sha256: str

    @classmethod
    def of(cls, document: bytes, filename: str, spool: Path) -> Self:
        """Write a document that nobody sent into the directory ``spool``."""
        path = spool_path(spool)
        path.write_bytes(document)
        return cls(path, filename, len(document), hashlib.sha256(document).hexdigest())

    def discard(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)


def spool_path(spool: Path) -> Path:
    """Return a path in the directory ``spool`` that is not taken."""
    return spool / f"{secrets.token_hex(16)}.upload"
