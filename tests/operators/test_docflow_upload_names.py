"""Files of durable uploads are matched by their names: counted, renamed, split, or not named at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.operators.uploads import NOWHERE, accepted, attempt, crash_after, ids, invoices, once
from textin_provider.exceptions import (
    TextInServerError,
    TextInUncertainSubmitError,
)
from textin_provider.testing import FileScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "names", [["a", "a"], ["a", "b", "a", "b", "a"], ["é", "e\u0301"]], ids=["twice", "mixed", "Unicode"]
)
@pytest.mark.parametrize("requests", [1, 2])
def test_files_of_the_same_name_are_counted(
    textin: TextInServer,
    tmp_path: Path,
    names: list[str],
    requests: int,
) -> None:
    files = []
    for number, name in enumerate(names):
        path = tmp_path / str(number) / f"{name}.txt"
        path.parent.mkdir()
        path.write_text(f"Invoice number: {number}\n")
        files.append(str(path))
    with crash_after(requests):
        attempt(files=files)
    assert textin.uploads_accepted < len(files) or requests == 2

    value = attempt(2, files=files).returned()

    sizes = [file.sha256 for file in textin.files.values()]
    assert len(set(sizes)) == len(sizes) == len(files), "each content once"
    assert sorted(ids(value)) == sorted(textin.files)


def test_one_request_never_holds_two_files_of_the_same_name(textin: TextInServer, tmp_path: Path) -> None:
    files = [*invoices(tmp_path / "a", 6), *invoices(tmp_path / "b", 6)]
    attempt(files=files).returned()
    assert (textin.count("upload"), textin.uploads_accepted) == (2, 12)


def test_another_order_of_the_files_is_the_same_batch(textin: TextInServer, tmp_path: Path) -> None:
    files = [*invoices(tmp_path / "a", 2), *invoices(tmp_path / "b", 2)]
    first = attempt(files=files).returned()
    second = attempt(2, files=files[::-1]).returned()
    assert textin.uploads_accepted == 4
    assert (second["batch_number"], ids(second)) == (first["batch_number"], ids(first)[::-1])


def test_parts_of_a_document_are_not_uploads(textin: TextInServer, tmp_path: Path) -> None:
    files = invoices(tmp_path, 2)
    parts = tuple(FileScript(name=name) for name in ("invoice 1.txt", "invoice 0.txt"))
    for listed in (True, False):
        child = tuple(FileScript(name=part.name, list_children_at_top_level=listed) for part in parts)
        textin.script_file(
            FileScript(status=1, statuses=[1], children=child, list_children_at_top_level=listed)
        )
    first = attempt(files=files, split_flag=True).returned()
    assert attempt(2, files=files, split_flag=True).returned() == first
    assert textin.uploads_accepted == 2


class TestFewerNamed:
    """Responses that name fewer files than were sent."""

    def test_files_that_were_accepted_are_found_in_the_batch(
        self, textin: TextInServer, tmp_path: Path
    ) -> None:
        textin.quirks.uploads_listed_after = 0.2
        textin.script_file(FileScript())
        textin.script_file(FileScript(named=False))
        value = attempt(files=invoices(tmp_path, 3)).returned()
        assert ids(value) == list(textin.files)
        assert (textin.count("upload"), textin.uploads_accepted) == (1, 3)

    def test_files_that_were_not_accepted_are_named_and_sent_by_a_retry(
        self, textin: TextInServer, tmp_path: Path
    ) -> None:
        files = invoices(tmp_path, 3)
        textin.script_file(FileScript())
        textin.script_file(FileScript(accepted=False))

        outcome = attempt(files=files)

        error = outcome.raised()
        assert isinstance(error, TextInServerError)
        assert "the response names 2 of 3 files" in str(error)
        assert "missing: invoice 1.txt" in str(error)
        assert ids(outcome.xcoms["return_value"]) == list(textin.files)
        assert textin.uploads_accepted == 2
        value = attempt(2, files=files).returned()
        assert [file["name"] for file in value["files"]] == [f"invoice {number}.txt" for number in range(3)]
        assert accepted(textin) == once(files)

    def test_without_durable_the_missing_are_named_and_nothing_is_retried(
        self, textin: TextInServer, tmp_path: Path
    ) -> None:
        textin.script_file(FileScript())
        textin.script_file(FileScript(named=False))
        outcome = attempt(files=invoices(tmp_path, 3), durable=False)
        error = outcome.raised()
        assert isinstance(error, TextInUncertainSubmitError)
        assert "missing: invoice 1.txt" in str(error)
        assert "2 of 3 files were accepted" in str(error)
        assert [file["name"] for file in outcome.xcoms["return_value"]["files"]] == [
            "invoice 0.txt",
            "invoice 2.txt",
        ]


class TestOtherNames:
    """Files that DocFlow names in another way than the sources."""

    def test_a_response_with_other_names_is_taken_in_order(self, textin: TextInServer) -> None:
        for number in range(2):
            textin.script_file(FileScript(name=f"download-{number}.pdf"))
        value = attempt(urls=[f"{NOWHERE}/get?id={number}" for number in range(2)]).returned()
        assert [file["name"] for file in value["files"]] == ["download-0.pdf", "download-1.pdf"]
        assert textin.uploads_accepted == 2

    def test_files_that_cannot_be_told_apart_are_not_sent_again(self, textin: TextInServer) -> None:
        textin.script_file(FileScript(name="download-0.pdf"))
        textin.fault("upload", ScriptedFault(cut="before_answer", accept=True))
        error = attempt(urls=[f"{NOWHERE}/a.pdf?sign=hush", f"{NOWHERE}/b.pdf"]).raised()
        assert isinstance(error, TextInUncertainSubmitError)
        assert "download-0.pdf" in str(error)
        assert f"{NOWHERE}/a.pdf" in str(error)
        assert "hush" not in str(error)
        assert textin.uploads_accepted == 2

    def test_other_files_in_a_batch_of_ones_own_number_do_not_matter(
        self, textin: TextInServer, tmp_path: Path
    ) -> None:
        textin.add_batch("b7", count=3)
        files = invoices(tmp_path, 2)
        textin.fault("upload", ScriptedFault(cut="before_answer", accept=True))
        value = attempt(files=files, batch_number="b7").returned()
        assert textin.uploads_accepted == 2
        assert ids(value) == list(textin.files)[3:]
