"""What the tests of XParseFolderOperator share: a folder of documents, runs over it, and what they leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.running import new_context, run
from textin_provider.operators.xparse import XParseFolderOperator

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.running import Outcome


def write_documents(folder: Path, *names: str) -> Path:
    """Write documents, each with a content of its own, and return their folder."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n\nA document.\n")
    return folder


def numbered(count: int) -> list[str]:
    return [f"{number:03d}.md" for number in range(count)]


def new_operator(source: Any, output: Any, **options: Any) -> Callable[[], XParseFolderOperator]:
    options = {"task_id": "parse", "poll_interval": 0.05, "timeout": 60.0, "deferrable": False, **options}
    if isinstance(source, Path):
        source = str(source)
    return lambda: XParseFolderOperator(source=source, output_path=str(output), **options)


def parse(source: Any, output: Any, **options: Any) -> Outcome:
    """Run the operator to its end."""
    return run(new_operator(source, output, **options))


def summary(source: Any, output: Any, **options: Any) -> dict[str, Any]:
    """Run the operator to its end and return its summary."""
    value: dict[str, Any] = parse(source, output, **options).returned()
    return value


def counts(value: dict[str, Any]) -> dict[str, int]:
    """Return the numbers of a summary that are not 0, without pages."""
    left_out = ("pages", "failed_pages", "manifest_path")
    return {name: number for name, number in value.items() if name not in left_out and number}


def manifest(output: Any) -> dict[str, dict[str, Any]]:
    """Return the lines of the manifest by the name of their source."""
    lines = [json.loads(line) for line in Path(output, "manifest.jsonl").read_text().splitlines()]
    return {line["source"].rpartition("/")[2]: line for line in lines}


__all__ = ["counts", "manifest", "new_context", "new_operator", "numbered", "parse", "summary"]
