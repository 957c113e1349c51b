"""Names of results: the placeholders ``{stem}``, ``{name}`` and ``{job_id}`` of an ``output_path``."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from textin_provider.api.errors import bad_input
from textin_provider.api.inputs import is_object_path
from textin_provider.api.text import redact_url
from textin_provider.hooks.paths import path_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textin_provider.hooks.paths import PathValue

_PLACEHOLDER = re.compile(r"\{(stem|name|job_id)\}")
#: Marks of a template, whose value may differ between mapped tasks.
_TEMPLATE = re.compile(r"\{\{|\{%")


def named(output_path: PathValue, job_id: str, document: PathValue | None = None) -> PathValue:
    """
    Return an ``output_path`` with its placeholders filled in.

    :param document: path or address of the document; None if only its job is known.
    :raises ApiError: for ``{stem}`` or ``{name}`` without a document.
    """
    if not isinstance(output_path, str | os.PathLike):
        return output_path
    text = path_text(output_path)
    wanted = set(_PLACEHOLDER.findall(text))
    if not wanted:
        return output_path
    if document is None and wanted - {"job_id"}:
        problem = "the name of the document is not known before its result is read"
        raise bad_input("output_path", text, problem, "Use {job_id}, or XParseDocumentOperator")
    name = _name_of(path_text(document)) if document is not None else ""
    values = {"job_id": job_id, "name": name or job_id, "stem": PurePosixPath(name).stem or job_id}
    text = _PLACEHOLDER.sub(lambda found: values[found[1]], text)
    return text if isinstance(output_path, str) or is_object_path(output_path) else Path(text)


def _name_of(document: str) -> str:
    """Return the last part of a path or of an address, empty if it cannot be the name of a file."""
    if document.lower().startswith(("http://", "https://")):
        document = unquote(urlsplit(document).path)
    name = document.replace("\0", "").rpartition("/")[2]
    return "" if name.strip(". ") == "" else name


def check_mapped_output(task: Any, context: Mapping[str, Any]) -> None:
    """
    Check that mapped tasks do not all write one file.

    :raises ApiError: if ``output_path`` is the same for all of them and names a file.
    """
    if getattr(context.get("ti"), "map_index", -1) < 0 or task.dag is None:
        return
    mapped = task.dag.task_dict.get(task.task_id)
    output_path = getattr(mapped, "partial_kwargs", {}).get("output_path")
    if not isinstance(output_path, str | os.PathLike):
        return
    text = path_text(output_path)
    varies = text.endswith("/") or _PLACEHOLDER.search(text) or _TEMPLATE.search(text)
    if varies or (not isinstance(output_path, str) and Path(text).is_dir()):
        return
    problem = f"all mapped tasks of {task.task_id} would write this file"
    raise bad_input("output_path", redact_url(text), problem, "End it with /, or use {job_id} in it")
