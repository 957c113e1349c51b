"""The documents of a source: a folder or prefix, a glob, or a list of paths and addresses."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from textin_provider.api.errors import ApiError, bad_input
from textin_provider.api.inputs import as_list, check_http_url, check_path
from textin_provider.api.text import redact_url
from textin_provider.hooks.paths import path_text
from textin_provider.hooks.tree import Tree, mark_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from textin_provider.hooks.paths import PathValue
    from textin_provider.hooks.tree import FoundFile

#: The formats that TextIn takes, with their usual other endings.
FORMATS = frozenset(
    {
        "png",
        "jpg",
        "jpeg",
        "bmp",
        "tif",
        "tiff",
        "webp",
        "pdf",
        "ofd",
        "doc",
        "docx",
        "rtf",
        "xls",
        "xlsx",
        "csv",
    }
    | {"ppt", "pptx", "htm", "html", "mht", "mhtml", "txt", "md"}
)
_NOT_UTF_8 = "its name is not UTF-8: rename it"
_HTTP = re.compile(r"https?://", re.IGNORECASE)
_MAGIC = re.compile(r"[*?[]")


class SourceDocument(NamedTuple):
    """
    A document that a source names.

    :param source: its address, without connection and signature; the same in every run.
    :param name: the name that its result is named after.
    :param path: the path to open it with, or the http(s) address that TextIn fetches it from.
    :param mark: ETag or time of change; empty for an http(s) address.
    :param problem: why it cannot be sent, None if it can.
    """

    source: str
    name: str
    path: str
    size: int = 0
    mark: str = ""
    problem: str | None = None

    @property
    def is_url(self) -> bool:
        """Whether TextIn fetches it."""
        return _HTTP.match(self.path) is not None


@dataclass
class Listing:
    """
    What a source holds.

    :param documents: in the order of their names; those of a list in its order.
    :param ignored: how many hidden files and files of other formats were left out.
    :param conn_id: the connection that documents on object storage are opened with.
    """

    documents: list[SourceDocument] = field(default_factory=list)
    ignored: int = 0
    conn_id: str | None = None


def check_source(source: Any, conn_id: str | None) -> None:
    """Check that a source is a folder that exists, a glob in one, or a list; what is in it is not listed."""
    if as_list(source) is None:
        _folder_of(source, conn_id)


def list_source(source: Any, conn_id: str | None, is_own: Callable[[str], bool]) -> Listing:
    """
    List the documents of a source.

    :param is_own: whether an address is of a file that the task itself has written.
    :raises ApiError: if the source does not exist, or is not a folder, a glob or a list.
    """
    values = as_list(source)
    if values is not None:
        return _listed(values, conn_id)
    tree, pattern = _folder_of(source, conn_id)
    return _in_folder(tree, pattern, is_own)


def _folder_of(source: PathValue, conn_id: str | None) -> tuple[Tree, str | None]:
    """Return the folder of a source, and the pattern of the names below it if the source is a glob."""
    check_path("source", source)
    text = path_text(source)
    if _HTTP.match(text):
        fix = "Pass a list of addresses: ['https://...']"
        raise bad_input("source", text, "it is a single address", fix)
    root, pattern = _split_glob(source, text, conn_id)
    tree = Tree("source", root, conn_id)
    _check_folder(tree, text, is_glob=pattern is not None)
    return tree, pattern


def _split_glob(source: PathValue, text: str, conn_id: str | None) -> tuple[PathValue, str | None]:
    """Return the folder of a source, and the pattern of the names below it if the source is a glob."""
    scheme, separator, path = text.rpartition("://")
    if not isinstance(source, str) or not _MAGIC.search(path) or Tree("source", source, conn_id).type():
        return source, None
    parts = path.split("/")
    fixed = next(index for index, part in enumerate(parts) if _MAGIC.search(part))
    root = "/".join(parts[:fixed]) or ("/" if path.startswith("/") else ".")
    return f"{scheme}{separator}{root}", "/".join(parts[fixed:])


def _check_folder(tree: Tree, text: str, *, is_glob: bool) -> None:
    found = tree.type()
    if found == "file":
        raise bad_input("source", text, "it is a file", "Pass its folder, or a list of documents")
    if found is None and tree.is_local:
        fix = "Check the path on this worker; a fleet of workers shares files on object storage"
        raise bad_input("source", text, "its folder does not exist" if is_glob else "it does not exist", fix)


def _in_folder(tree: Tree, pattern: str | None, is_own: Callable[[str], bool]) -> Listing:
    listing = Listing(conn_id=tree.conn_id)
    wanted = pattern.split("/") if pattern else ["**"]
    for found in _not_hidden(tree, listing):
        if pattern and not glob_matches(wanted, found.name.split("/")):
            continue
        address = tree.path(found.name)
        if is_own(address):
            continue
        if _format_of(found.name) not in FORMATS:
            listing.ignored += 1
            continue
        problem = None if _is_text(found.name) else _NOT_UTF_8
        name = found.name if problem is None else _shown(found.name)
        listing.documents.append(SourceDocument(address, name, address, found.size, found.mark, problem))
    listing.documents.sort(key=lambda document: document.name)
    return listing


def _not_hidden(tree: Tree, listing: Listing) -> Iterator[FoundFile]:
    """Yield the files that are not hidden; hidden ones, and hidden folders, are counted."""

    def is_skipped(folder: str) -> bool:
        hidden = any(part.startswith(".") for part in folder.split("/"))
        listing.ignored += hidden and not any(part.startswith(".textin") for part in folder.split("/"))
        return hidden

    for found in tree.files(is_skipped):
        if found.name.rpartition("/")[2].startswith("."):
            listing.ignored += not found.name.rpartition("/")[2].startswith(".textin")
        else:
            yield found


def _format_of(name: str) -> str:
    stem, _, ending = name.rpartition("/")[2].rpartition(".")
    return ending.lower() if stem else ""


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(name: str) -> str:
    """Return a name that is not UTF-8 as text."""
    return name.encode(errors="replace").decode()


def glob_matches(pattern: Sequence[str], parts: Sequence[str]) -> bool:
    """Return whether the parts of a name match those of a glob; ``**`` stands for any number of folders."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        rest = pattern[1:] or ("*",)
        return any(glob_matches(rest, parts[start:]) for start in range(len(parts)))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and glob_matches(pattern[1:], parts[1:])


def _listed(values: list[Any], conn_id: str | None) -> Listing:
    """Return the documents of a list; each is listed once."""
    listing = Listing(conn_id=conn_id)
    seen: set[str] = set()
    for value in values:
        document = _address(value) if isinstance(value, str) and _HTTP.match(value.strip()) else None
        document = document or _file(value, conn_id)
        if document.source in seen:
            continue
        seen.add(document.source)
        last = document.name.rpartition("/")[2]
        if not document.is_url and (last.startswith(".") or _format_of(last) not in FORMATS):
            listing.ignored += 1
        else:
            listing.documents.append(document)
    return listing


def _address(value: str) -> SourceDocument:
    url = check_http_url("source", value)
    redacted = redact_url(url).removesuffix("?...")
    # Signatures do not belong into a file; without them, two addresses could look alike.
    source = redacted if redacted == url else f"{redacted}#{hashlib.sha256(url.encode()).hexdigest()[:12]}"
    last = unquote(urlsplit(url).path).rstrip("/").rpartition("/")[2]
    return SourceDocument(source, last or "document", url)


def _file(value: Any, conn_id: str | None) -> SourceDocument:
    check_path("source", value)
    tree = Tree("source", value, conn_id)
    path = tree.address if tree.is_local else path_text(value)
    name = (os.path.normpath(path_text(value)) if tree.is_local else tree.root.path).lstrip("/")
    if name.startswith(".."):
        name = tree.address.lstrip("/")
    if not _is_text(name):
        return SourceDocument(tree.address, _shown(name), path, problem=_NOT_UTF_8)
    try:
        size, mark = _measured(tree)
    except ApiError as error:
        if error.kind.is_transient:
            raise
        return SourceDocument(tree.address, name, path, problem=error.message)
    return SourceDocument(tree.address, name, path, size, mark)


def _measured(tree: Tree) -> tuple[int, str]:
    """Return size and mark of a file."""
    from textin_provider.hooks.source import source_place

    with source_place(tree.root).errors():
        if tree.root.local:
            stat = tree.root.local.stat()
            if tree.root.local.is_dir():
                raise IsADirectoryError("it is a directory")
            return stat.st_size, str(stat.st_mtime_ns)
        info = tree.root.info()
        if info.get("type") == "directory":
            raise IsADirectoryError("it is a directory")
        return int(info.get("size") or 0), mark_of(info)


def is_unchanged(document: SourceDocument, conn_id: str | None) -> bool:
    """Whether a document still has the size and the mark of its listing."""
    if document.is_url:
        return True
    return _measured(Tree("source", document.path, conn_id)) == (document.size, document.mark)
