"""Uploads to DocFlow that go well, and those that are refused before anything is sent."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from textin_provider.exceptions import TextInConfigurationError, TextInRequestError
from textin_provider.testing import FileScript, TextInServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.hooks.support import Connect
    from textin_provider.api.docflow.upload import DocFlowUpload
    from textin_provider.hooks.textin import TextInHook

#: Nothing listens there, so the local TextIn is quickly done with fetching from it.
NOWHERE = "http://127.0.0.1:1"


def written(folder: Path, count: int) -> list[str]:
    paths = [folder / f"invoice_{number}.txt" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_text(f"Invoice No: {number}\n")
    return [str(path) for path in paths]


def addresses(count: int) -> list[str]:
    return [f"{NOWHERE}/invoice_{number}.pdf" for number in range(count)]


def test_a_file_arrives_whole_and_is_found_again(
    hook: TextInHook, textin: TextInServer, tmp_path: Path
) -> None:
    path = tmp_path / "发票 1; a.txt"
    path.write_bytes(b"Invoice No: 1\n" * 1000)

    upload = hook.upload_docflow_files(str(path), batch_number="批次 1")

    (receipt,) = upload.files
    file = textin.files[str(receipt["file_id"])]
    assert upload.batch_number == file.batch_number == "批次 1"
    assert (file.size, file.sha256) == (14_000, hashlib.sha256(path.read_bytes()).hexdigest())
    assert receipt == {"file_id": file.file_id, "task_id": file.task_id, "name": path.name, "format": "txt"}
    assert [found.file_id for found in hook.fetch_docflow_files("批次 1")] == [file.file_id]


@pytest.mark.parametrize(
    "name", ["发票.txt", "naïve é.txt", "a'b.txt", "a;b=c&d.txt", "日本語 帳票.txt", "%41.txt"]
)
def test_the_name_of_a_file_arrives_as_it_is(
    hook: TextInHook, textin: TextInServer, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("a: b\n")

    hook.upload_docflow_files([str(tmp_path / name)])

    assert [file.name for file in textin.files.values()] == [name]


@pytest.mark.parametrize(("count", "posts"), [(1, 1), (10, 1), (11, 2), (25, 3)])
@pytest.mark.parametrize("batch_number", [None, "b7"], ids=["made by textin", "chosen"])
def test_files_go_in_portions_of_ten_under_one_batch_number(
    hook: TextInHook, textin: TextInServer, tmp_path: Path, count: int, posts: int, batch_number: str | None
) -> None:
    paths = written(tmp_path, count)

    upload = hook.upload_docflow_files(paths, batch_number=batch_number)

    assert textin.count("upload") == posts
    assert {file.batch_number for file in textin.files.values()} == {upload.batch_number}
    assert batch_number in (None, upload.batch_number)
    assert [receipt["name"] for receipt in upload.files] == [f"invoice_{n}.txt" for n in range(count)]
    assert [receipt["file_id"] for receipt in upload.files] == list(textin.files)


@pytest.mark.parametrize(("count", "posts"), [(11, 2), (1000, 100)])
def test_urls_go_in_portions_of_ten_under_one_batch_number(
    connect: Connect, textin: TextInServer, count: int, posts: int
) -> None:
    for _ in range(count):
        textin.script_file(FileScript(status=1))

    upload = connect({"max_requests_per_second": 0}).upload_docflow_files(urls=addresses(count))

    assert (textin.count("upload"), textin.uploads_accepted) == (posts, count)
    assert {file.batch_number for file in textin.files.values()} == {upload.batch_number}
    assert [file.url for file in textin.files.values()] == addresses(count)
    assert len({receipt["file_id"] for receipt in upload.files}) == count
    assert textin.connections <= 3


def test_each_portion_is_told_with_all_that_is_accepted_so_far(
    hook: TextInHook, textin: TextInServer, tmp_path: Path
) -> None:
    told: list[DocFlowUpload] = []

    upload = hook.upload_docflow_files(written(tmp_path, 21), on_accepted=told.append)

    assert [len(accepted.files) for accepted in told] == [10, 20, 21]
    assert told[-1] == upload


def test_all_options_reach_the_server(hook: TextInHook, textin: TextInServer, tmp_path: Path) -> None:
    hook.upload_docflow_files(
        written(tmp_path, 1),
        category="增值税发票 & 其他",
        target_process="extract",
        split_flag=True,
        crop_flag=False,
        auto_verify_vat=True,
        parser_params={"parse_mode": "vlm", "dpi": 216, "formula_level": 2, "crop_dewarp": True},
        pdf_password="p&w=d 密码",
    )

    (file,) = textin.files.values()
    expected = {
        "category": "增值税发票 & 其他",
        "target_process": "extract",
        "split_flag": True,
        "crop_flag": False,
        "auto_verify_vat": True,
        "parser_parse_mode": "vlm",
        "parser_dpi": 216,
        "parser_formula_level": 2,
        "parser_crop_dewarp": 1,
        "parser_pdf_pwd": "p&w=d 密码",
    }
    assert {name: file.options[name] for name in expected} == expected


def test_the_options_hold_for_every_portion(hook: TextInHook, textin: TextInServer, tmp_path: Path) -> None:
    hook.upload_docflow_files(written(tmp_path, 11), category="invoice", pdf_password="hush-7f3a")

    options = {(file.options["category"], file.options["parser_pdf_pwd"]) for file in textin.files.values()}
    assert options == {("invoice", "hush-7f3a")}


def test_an_existing_batch_can_be_added_to(hook: TextInHook, textin: TextInServer, tmp_path: Path) -> None:
    batch_number = textin.add_batch(count=2)

    upload = hook.upload_docflow_files(written(tmp_path, 1), batch_number=batch_number)

    assert upload.batch_number == batch_number
    assert len(upload.files) == 1
    assert len(hook.fetch_docflow_files(batch_number)) == 3


def test_the_workspace_comes_from_the_argument_before_the_connection(
    connect: Connect, textin: TextInServer, tmp_path: Path
) -> None:
    paths = written(tmp_path, 1)
    hook = connect({"workspace_id": "of-another"})

    hook.upload_docflow_files(paths, workspace_id=textin.workspace_id)
    connect().upload_docflow_files(paths)

    assert {file.workspace_id for file in textin.files.values()} == {textin.workspace_id}
    with pytest.raises(TextInRequestError, match="workspace_id of-another"):
        hook.upload_docflow_files(paths)


@pytest.mark.parametrize("workspace_id", [None, ""], ids=repr)
def test_without_a_workspace_nothing_is_sent(
    connect: Connect, textin: TextInServer, tmp_path: Path, workspace_id: Any
) -> None:
    hook = connect({"workspace_id": ""})
    requests: list[Callable[[], object]] = [
        lambda: hook.upload_docflow_files(written(tmp_path, 1), workspace_id=workspace_id),
        lambda: hook.fetch_docflow_files("b", workspace_id=workspace_id),
        lambda: hook.workspace(workspace_id),
    ]

    for request in requests:
        with pytest.raises(TextInConfigurationError, match=r"'textin_default' has none.*DocFlow workspace"):
            request()
    assert textin.count("*") == 0


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "exactly one of files, urls"),
        ({"files": ["a"], "urls": ["https://h/a"]}, "exactly one of files, urls"),
        ({"files": []}, r"files=\[\]: it is empty"),
        ({"urls": []}, r"urls=\[\]: it is empty"),
        ({"files": [""]}, "it is empty"),
        ({"files": [None]}, "files=None"),
        ({"files": ["/nowhere/a.pdf"]}, "/nowhere/a.pdf.*does not exist"),
        ({"urls": [*addresses(10), "ftp://h/a.pdf"]}, "ftp://h/a.pdf.*not such a URL"),
        ({"urls": ["https://h/a"], "target_process": "parse"}, "Use classify or extract"),
        ({"urls": ["https://h/a"], "parser_params": {"pdf_pwd": "x"}}, "holds a password"),
    ],
    ids=repr,
)
def test_bad_input_is_refused_before_anything_is_sent(
    hook: TextInHook, textin: TextInServer, given: dict[str, Any], problem: str
) -> None:
    with pytest.raises(TextInRequestError, match=problem):
        hook.upload_docflow_files(**given)

    assert textin.count("*") == 0


@pytest.mark.parametrize("fault", ["missing", "empty", "over 100 MB", "folder"])
def test_a_bad_eleventh_file_is_refused_before_the_first_is_sent(
    hook: TextInHook, textin: TextInServer, tmp_path: Path, fault: str
) -> None:
    last = tmp_path / "last.pdf"
    if fault == "folder":
        last.mkdir()
    elif fault != "missing":
        with last.open("wb") as file:
            file.truncate(0 if fault == "empty" else 100 * 1024 * 1024 + 1)

    with pytest.raises(TextInRequestError, match=r"last\.pdf"):
        hook.upload_docflow_files([*written(tmp_path, 10), str(last)])

    assert textin.count("*") == 0


def test_a_file_that_vanishes_between_two_portions_is_told_with_what_was_accepted(
    hook: TextInHook, textin: TextInServer, tmp_path: Path
) -> None:
    paths = written(tmp_path, 11)

    with pytest.raises(
        TextInRequestError, match=r"10 of 11 files were accepted under batch_number='b7'.*not exist"
    ):
        hook.upload_docflow_files(
            paths, batch_number="b7", on_accepted=lambda _: (tmp_path / "invoice_10.txt").unlink()
        )

    assert textin.uploads_accepted == 10
