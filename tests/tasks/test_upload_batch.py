"""The batch number that a task makes for its upload: the same in every try, and for one upload alone."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from textin_provider.api.docflow.options import upload_options
from textin_provider.hooks.docflow_sources import Sources
from textin_provider.tasks.upload_batch import made_batch_number

if TYPE_CHECKING:
    from pathlib import Path

URLS = ["https://h.example/a.pdf", "https://h.example/b.pdf"]


def number(
    urls: list[str] = URLS,
    *,
    ti: dict[str, Any] | None = None,
    workspace_id: str = "w1",
    textin_conn_id: str = "textin_default",
    sources: Sources | None = None,
    **options: Any,
) -> str:
    instance = {"dag_id": "parse", "run_id": "r1", "task_id": "upload", "map_index": -1} | (ti or {})
    return made_batch_number(
        SimpleNamespace(**instance, try_number=1),
        sources or Sources(urls, urls, are_files=False),
        upload_options(**options),
        workspace_id=workspace_id,
        textin_conn_id=textin_conn_id,
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "cmbbwjiug6fcmwvtdok4"),
        ({"category": "invoice", "split_flag": False}, "hl7a7p6uhbgkud62jnpg"),
        ({"pdf_password": "sesame"}, "7agtiecyluspisnrc3hm"),
        ({"pdf_password": "pa\ud800ss"}, "d3rgikvjexdxsl4vposg"),
    ],
    ids=["no options", "options", "password", "surrogate"],
)
def test_the_number_stays_over_releases(options: dict[str, Any], expected: str) -> None:
    # A try after an upgrade of the provider would upload everything again under another number.
    assert number(**options) == expected


def test_the_number_does_not_depend_on_the_order_of_the_sources() -> None:
    assert number(URLS[::-1]) == number(URLS)


def test_the_number_does_not_depend_on_the_order_of_the_members_of_an_identity() -> None:
    members = {"name": "a.pdf", "content": "1f"}
    orders: list[Any] = [members, dict(reversed(members.items()))]
    first, second = [number(sources=cast("Sources", Identified([identity]))) for identity in orders]
    assert first == second


@dataclass
class Identified:
    """Sources with given identities."""

    values: list[Any]

    def identities(self) -> list[Any]:
        return self.values


@pytest.mark.parametrize(
    "changes",
    [
        {"ti": {"dag_id": "other"}},
        {"ti": {"run_id": "r2"}},
        {"ti": {"task_id": "other"}},
        {"ti": {"map_index": 0}},
        {"workspace_id": "w2"},
        {"textin_conn_id": "textin_other"},
        {"urls": URLS[:1]},
        {"urls": [*URLS, URLS[0]]},
        {"category": "invoice"},
        {"split_flag": False},
        {"parser_params": {"dpi": 144}},
        {"pdf_password": "sesame"},
    ],
    ids=str,
)
def test_another_upload_has_another_number(changes: dict[str, Any]) -> None:
    assert number(**changes) != number()


def test_another_password_gives_another_number() -> None:
    assert number(pdf_password="sesame") != number(pdf_password="sesame2")


def test_another_content_of_a_file_gives_another_number(tmp_path: Path) -> None:
    file = tmp_path / "a.pdf"
    found = []
    for content in (b"one", b"two", b"one"):
        file.write_bytes(content)
        found.append(number(sources=Sources.checked([str(file)], None, None)))
    assert found[0] == found[2] != found[1]
