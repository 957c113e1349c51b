"""The names of results: guessable from the documents, never two alike, and possible on every storage."""

from __future__ import annotations

import hashlib

#: Bytes of a part of a path that file systems allow, less room for a suffix and a temporary name.
_LONGEST_PART = 240
_KEPT = 200
_LONGEST_SUFFIX = 8


class ResultNames:
    """
    Chooses the name of each document's result below the output folder.

    It is the name of the document with ``.json`` at its end. Where that is taken, not possible on a file
    system, or the folder of another result, it holds a digest of the document's address as well.

    :param taken: the names of the results of other documents.
    """

    def __init__(self, taken: dict[str, str]) -> None:
        #: The document of each name, and the folders of all names.
        self._taken = taken
        self._folders = {folder for name in taken for folder in _folders(name)}

    def plain(self, name: str) -> str:
        """Return the name of the result of a document with that name, if no other document has it."""
        return f"{_possible(name)}.json"

    def owner(self, result: str) -> str | None:
        """Return the document that a result belongs to."""
        return self._taken.get(result)

    def hand_over(self, result: str, source: str) -> None:
        """Let a result belong to another document."""
        self._taken[result] = source

    def choose(self, name: str, source: str) -> str:
        """
        Return the name of a document's result, and reserve it.

        :param name: name of the document, with ``/`` between its parts.
        """
        digest = hashlib.sha256(source.encode(errors="surrogateescape")).hexdigest()
        chosen = self.plain(name)
        for size in (8, 64):
            if self._is_free(chosen, source):
                break
            chosen = f"{_possible(name, digest[:size])}.json"
        self._taken[chosen] = source
        self._folders.update(_folders(chosen))
        return chosen

    def _is_free(self, name: str, source: str) -> bool:
        owner = self._taken.get(name)
        if owner is not None:
            return owner == source
        return name not in self._folders and not any(folder in self._taken for folder in _folders(name))


def _folders(name: str) -> list[str]:
    parts = name.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def _possible(name: str, digest: str = "") -> str:
    """Return a name that every file system takes, below the output folder."""
    parts = [_possible_part(part) for part in name.split("/") if part not in ("", ".")]
    last = parts.pop() if parts else "document"
    if digest:
        stem, dot, suffix = last.rpartition(".")
        last = f"{stem}-{digest}.{suffix}" if dot and stem else f"{last}-{digest}"
    return "/".join([*parts, last])


def _possible_part(part: str) -> str:
    if part == "..":
        return "_"
    encoded = part.encode(errors="replace")
    if len(encoded) <= _LONGEST_PART:
        return part
    suffix = part.rpartition(".")[2]
    digest = hashlib.sha256(encoded).hexdigest()[:8]
    cut = f"{encoded[:_KEPT].decode(errors='ignore')}-{digest}"
    return f"{cut}.{suffix}" if len(suffix.encode(errors="replace")) <= _LONGEST_SUFFIX else cut
