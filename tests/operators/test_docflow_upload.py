"""The operator that uploads files to DocFlow as one batch."""

from __future__ import annotations

import functools
import hashlib
import json
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests.running import new_context, run, until
from textin_provider.exceptions import TextInAuthenticationError, TextInConfigurationError, TextInRequestError
from textin_provider.operators.docflow import DocFlowUploadOperator
from textin_provider.testing import FileScript, TextInServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.running import Outcome

#: Nothing answers there, which the local TextIn finds out after it has accepted the URL, as TextIn does.
NOWHERE = "http://127.0.0.1:9"


def upload(**arguments: Any) -> Outcome:
    """Run the operator."""
    return run(lambda: DocFlowUploadOperator(task_id="upload", **arguments))


def invoices(folder: Path, count: int) -> list[str]:
    """Write invoices and return their paths."""
    paths = [folder / f"发票 {number}.txt" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_text(f"Invoice number: 2026-{number}\n价税合计：{number}.00\n")
    return [str(path) for path in paths]


def extracted(textin: TextInServer) -> list[dict[str, str]]:
    """Return the fields that were extracted from each file."""
    readings = [file.reading for file in textin.files.values()]
    return [
        {field["key"]: field["value"] for field in json.loads(reading.data)["fields"]}
        for reading in readings
        if reading
    ]


def test_files_go_up_as_one_batch_and_are_named_in_the_value(textin: TextInServer, tmp_path: Path) -> None:
    value = upload(files=invoices(tmp_path, 3)).returned()

    files = list(textin.files.values())
    assert value == {
        "batch_number": files[0].batch_number,
        "files": [
            {"file_id": file.file_id, "task_id": file.task_id, "name": f"发票 {number}.txt", "format": "txt"}
            for number, file in enumerate(files)
        ],
    }
    assert {file.batch_number for file in files} == {value["batch_number"]}
    assert (textin.count("upload"), textin.uploads_accepted) == (1, 3)


def test_files_arrive_whole(textin: TextInServer, tmp_path: Path) -> None:
    big = tmp_path / "big.png"
    content = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 10_000
    big.write_bytes(content)
    upload(files=[str(big), *invoices(tmp_path, 1)]).returned()
    file = next(iter(textin.files.values()))
    assert (file.name, file.size, file.sha256) == (
        "big.png",
        len(content),
        hashlib.sha256(content).hexdigest(),
    )


@pytest.mark.parametrize("form", ["text", "URL", "tuple"])
def test_files_may_be_given_in_other_forms(textin: TextInServer, tmp_path: Path, form: str) -> None:
    [path] = invoices(tmp_path, 1)
    files = {"text": path, "URL": [f"file://{path}"], "tuple": (path,)}[form]
    [file] = upload(files=files).returned()["files"]
    assert file["name"] == "发票 0.txt"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """Serve the folder on the web and return its address."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Handler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


async def test_urls_are_fetched_by_the_service(textin: TextInServer, tmp_path: Path, site: str) -> None:
    (tmp_path / "invoice.txt").write_text("Invoice number: 2026-101\n")
    value = upload(urls=[f"{site}/invoice.txt?version=2"]).returned()
    assert [file["name"] for file in value["files"]] == ["invoice.txt"]
    await until(lambda: bool(extracted(textin)))
    assert extracted(textin) == [{"Invoice number": "2026-101"}]


@pytest.mark.parametrize(("count", "requests"), [(10, 1), (11, 2), (25, 3)])
@pytest.mark.parametrize("kind", ["files", "urls"])
def test_a_long_list_goes_out_in_portions_under_one_batch_number(
    textin: TextInServer, tmp_path: Path, kind: str, count: int, requests: int
) -> None:
    urls = [f"{NOWHERE}/{number}.pdf" for number in range(count)]
    sources = invoices(tmp_path, count) if kind == "files" else urls
    value = upload(**{kind: sources}).returned()
    assert (textin.count("upload"), textin.uploads_accepted) == (requests, count)
    assert {file.batch_number for file in textin.files.values()} == {value["batch_number"]}
    assert [file["file_id"] for file in value["files"]] == list(textin.files)
    assert [file["name"] for file in value["files"]] == [source.rpartition("/")[2] for source in sources]


def test_a_thousand_urls_are_one_batch_and_one_value_of_ids(textin: TextInServer) -> None:
    value = upload(urls=[f"{NOWHERE}/{number}.pdf" for number in range(1000)]).returned()
    assert (textin.count("upload"), textin.uploads_accepted, len(value["files"])) == (100, 1000, 1000)
    assert {file.batch_number for file in textin.files.values()} == {value["batch_number"]}


@pytest.mark.parametrize("count", [1, 11])
def test_a_batch_number_of_ones_own_is_used_for_all_portions(
    textin: TextInServer, tmp_path: Path, count: int
) -> None:
    textin.add_batch("20261019", count=1)
    value = upload(files=invoices(tmp_path, count), batch_number="20261019").returned()
    assert value["batch_number"] == "20261019"
    assert {file.batch_number for file in textin.files.values()} == {"20261019"}
    assert len(value["files"]) == count


def test_the_options_arrive_as_the_api_wants_them(textin: TextInServer, tmp_path: Path) -> None:
    upload(
        files=invoices(tmp_path, 1),
        category="发票",
        target_process="classify",
        split_flag=True,
        crop_flag=False,
        auto_verify_vat=True,
        parser_params={"parse_mode": "scan", "dpi": 144, "remove_watermark": True},
        pdf_password="open sesame & more",
    ).returned()
    [file] = textin.files.values()
    expected = {
        "category": "发票",
        "target_process": "classify",
        "split_flag": True,
        "crop_flag": False,
        "auto_verify_vat": True,
        "parser_parse_mode": "scan",
        "parser_dpi": 144,
        "parser_remove_watermark": 1,
        "parser_pdf_pwd": "open sesame & more",
    }
    assert {name: file.options[name] for name in expected} == expected


def test_options_that_are_not_given_are_not_sent(textin: TextInServer, tmp_path: Path) -> None:
    value = upload(files=invoices(tmp_path, 1)).returned()
    upload(files=invoices(tmp_path, 1), durable=False).returned()
    queries = [request.query for request in textin.requests if request.endpoint == "upload"]
    batch = f"&batch_number={value['batch_number']}"
    assert queries == [f"workspace_id=local-workspace{batch}", "workspace_id=local-workspace"]


def test_a_workspace_of_its_own_is_uploaded_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with TextInServer(workspace_id=["first", "second"]) as textin:
        monkeypatch.setenv("AIRFLOW_CONN_TEXTIN_DEFAULT", json.dumps(textin.connection()))
        upload(files=invoices(tmp_path, 1), workspace_id="second").returned()
        assert [file.workspace_id for file in textin.files.values()] == ["second"]


def test_an_answer_with_little_in_it_is_enough(textin: TextInServer, tmp_path: Path) -> None:
    textin.script_file(FileScript(omit_fields=("name", "format", "task_id")))
    [file] = upload(files=invoices(tmp_path, 1)).returned()["files"]
    assert file == {"file_id": next(iter(textin.files)), "task_id": None, "name": None, "format": None}


def test_every_argument_that_may_be_a_template_is_rendered() -> None:
    arguments: dict[str, Any] = {
        "files": ["{{ x }}/1.pdf", "{{ x }}/2.pdf"],
        "urls": ["https://{{ x }}/1.pdf"],
        "batch_number": "{{ x }}1",
        "category": "{{ x }}2",
        "target_process": "{{ x }}3",
        "split_flag": "{{ x }}6",
        "crop_flag": "{{ x }}7",
        "auto_verify_vat": "{{ x }}8",
        "parser_params": {"parse_mode": "{{ x }}"},
        "pdf_password": "{{ x }}4",
        "workspace_id": "{{ x }}5",
        "file_conn_id": "{{ x }}_files",
        "textin_conn_id": "textin_{{ x }}",
    }
    operator = DocFlowUploadOperator(task_id="upload", **arguments)
    operator.render_template_fields(new_context(x="a"))
    assert json.dumps({name: getattr(operator, name) for name in arguments}) == json.dumps(arguments).replace(
        "{{ x }}", "a"
    )
    assert operator.hook.textin_conn_id == "textin_a"


BAD_INPUT = {
    "nothing": ({}, "files=None, urls=None: none is given. Pass exactly one of files, urls"),
    "files and urls": (
        {"files": ["a.pdf"], "urls": [f"{NOWHERE}/a.pdf"]},
        "files=['a.pdf'], urls=['http://127.0.0.1:9/a.pdf']: several are given",
    ),
    "no files": ({"files": []}, "files=[]: it is empty"),
    "no urls": ({"urls": []}, "urls=[]: it is empty"),
    "empty text": ({"files": ""}, "files=''"),
    "a file that is not there": ({"files": ["/no/such.pdf"]}, "files='/no/such.pdf': it does not exist"),
    "a folder": ({"files": ["/"]}, "files='/': "),
    "no web address": ({"urls": ["ftp://example.com/a.pdf"]}, "urls='ftp://example.com/a.pdf': "),
    "a process nobody knows": (
        {"target_process": "guess"},
        "target_process='guess': it is not a known process",
    ),
    "a password where it would show": ({"parser_params": {"pdf_pwd": "secret"}}, "Use pdf_password"),
    "an option of no known shape": ({"parser_params": {"dpi": [1]}}, "parser_params="),
}


@pytest.mark.parametrize(("arguments", "named"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_named_before_anything_is_sent(
    textin: TextInServer, tmp_path: Path, arguments: dict[str, Any], named: str
) -> None:
    if arguments and not arguments.keys() & {"files", "urls"}:
        arguments = {"files": invoices(tmp_path, 1), **arguments}
    error = upload(**arguments).raised()
    assert isinstance(error, TextInRequestError)
    assert named in str(error)
    assert textin.count("*") == 0


@pytest.mark.parametrize("kind", ["missing", "empty", "too large"])
def test_the_last_of_many_files_is_looked_at_before_the_first_is_sent(
    textin: TextInServer, tmp_path: Path, kind: str
) -> None:
    last = tmp_path / "last.pdf"
    if kind != "missing":
        last.touch()
    if kind == "too large":
        with last.open("wb") as file:
            file.truncate(100 * 1024 * 1024 + 1)
    error = upload(files=[*invoices(tmp_path, 20), str(last)]).raised()
    assert isinstance(error, TextInRequestError)
    assert "last.pdf" in str(error)
    assert textin.count("*") == 0


def test_no_workspace_anywhere_is_an_error_before_anything_is_sent(
    textin: TextInServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = textin.connection() | {"extra": {"docflow_host": textin.url}}
    monkeypatch.setenv("AIRFLOW_CONN_TEXTIN_DEFAULT", json.dumps(connection))
    error = upload(files=invoices(tmp_path, 1)).raised()
    assert isinstance(error, TextInConfigurationError)
    assert "workspace_id" in str(error)
    assert textin.count("*") == 0


def test_an_unknown_workspace_fails_and_bills_nothing(textin: TextInServer, tmp_path: Path) -> None:
    error = upload(files=invoices(tmp_path, 11), workspace_id="nobodys").raised()
    assert isinstance(error, TextInRequestError)
    assert "workspace" in str(error)
    assert (textin.count("*"), textin.uploads_accepted) == (1, 0)


def test_wrong_credentials_fail_at_once(
    textin: TextInServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TEXTIN_DEFAULT", json.dumps(textin.connection() | {"password": "wrong"}))
    error = upload(files=invoices(tmp_path, 11)).raised()
    assert isinstance(error, TextInAuthenticationError)
    assert textin.count("*") == 1
