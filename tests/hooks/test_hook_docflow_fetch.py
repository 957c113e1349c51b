"""Files of DocFlow are fetched: every filter, every page, each file once, blips waited out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from textin_provider.api.docflow.models import RecognitionStatus, Selector
from textin_provider.exceptions import TextInRequestError, TextInServerError
from textin_provider.testing import FileScript, TextInServer

if TYPE_CHECKING:
    from tests.hooks.support import Connect
    from textin_provider.hooks.textin import TextInHook

CAUSE = "文件格式不支持"


def queries(textin: TextInServer) -> list[dict[str, str]]:
    """Return what each fetch asked for."""
    found = (request.query for request in textin.requests if request.endpoint == "fetch")
    return [{name: value for name, (value,) in parse_qs(query).items()} for query in found]


def test_the_files_of_a_batch_are_found_with_all_that_is_known_of_them(
    hook: TextInHook, textin: TextInServer
) -> None:
    scripts = [FileScript(status=1, duration_ms=15000), FileScript(failure_causes=CAUSE, name="notes.xyz")]
    batch_number = textin.add_batch(files=scripts)
    textin.add_batch(count=3)

    good, bad = hook.fetch_docflow_files(batch_number)

    assert {good.batch_number, bad.batch_number} == {batch_number}
    assert (good.status, good.duration_ms) == (RecognitionStatus.SUCCESS, 15000)
    assert good.record["data"] is not None
    assert (bad.status, bad.failure_causes, bad.name) == (RecognitionStatus.FAILED, CAUSE, "notes.xyz")


def test_a_file_is_found_by_its_id_and_by_its_task(hook: TextInHook, textin: TextInServer) -> None:
    textin.add_batch(count=3)
    file = list(textin.files.values())[1]

    by_id = hook.fetch_docflow_files(file_id=file.file_id)
    by_task = hook.fetch_docflow_files(task_id=file.task_id)

    assert [found.file_id for found in by_id] == [found.file_id for found in by_task] == [file.file_id]


def test_without_a_selector_the_whole_workspace_is_fetched(hook: TextInHook, textin: TextInServer) -> None:
    textin.add_batch(count=2)
    textin.add_batch(count=3)

    assert len(hook.fetch_docflow_files()) == 5


@pytest.mark.parametrize(
    "given",
    [
        {"batch_number": "b", "file_id": "f"},
        {"batch_number": ""},
        {"file_id": "None"},
        {"task_id": ["t"]},
        {"batch_number": ["b"]},
    ],
    ids=repr,
)
def test_a_bad_selector_is_refused_before_anything_is_sent(
    hook: TextInHook, textin: TextInServer, given: dict[str, Any]
) -> None:
    with pytest.raises(TextInRequestError):
        hook.fetch_docflow_files(**given)

    assert textin.count("*") == 0


def test_a_batch_that_nobody_has_is_an_empty_list(hook: TextInHook) -> None:
    assert hook.fetch_docflow_files("nobody-has-it") == []


def test_all_filters_reach_the_server(hook: TextInHook, textin: TextInServer) -> None:
    moment = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)

    hook.fetch_docflow_files(
        "b7",
        category="增值税发票 & 其他",
        recognition_status=RecognitionStatus.SUCCESS,
        verification_status=0,
        start_time=moment,
        end_time=moment + timedelta(days=1),
        with_document=True,
        with_task_detail_url=False,
        with_image_url=True,
    )

    assert queries(textin) == [
        {
            "workspace_id": textin.workspace_id,
            "page": "1",
            "page_size": "1000",
            "batch_number": "b7",
            "category": "增值税发票 & 其他",
            "recognition_status": "1",
            "verification_status": "0",
            "start_time": "2026-11-21T08:30:00+00:00",
            "end_time": "2026-11-22T08:30:00+00:00",
            "with_document": "true",
            "with_task_detail_url": "false",
            "with_image_url": "true",
        }
    ]


def test_filters_choose_the_files(hook: TextInHook, textin: TextInServer) -> None:
    scripts = [FileScript(status=1), FileScript(status=2), FileScript(status=10, category="发票")]
    batch_number = textin.add_batch(files=scripts)
    tomorrow = datetime.now(UTC) + timedelta(days=1)

    def found(**filters: Any) -> list[int]:
        return [file.reported for file in hook.fetch_docflow_files(batch_number, **filters)]

    assert found(recognition_status=2) == [2]
    assert found(category="发票") == [10]
    assert found(start_time=tomorrow) == []
    assert found(end_time=tomorrow) == [1, 2, 10]


@pytest.mark.parametrize("name", ["page", "page_size", "recognition_statuses", "workspace"])
def test_a_filter_that_does_not_exist_is_refused_before_anything_is_sent(
    hook: TextInHook, textin: TextInServer, name: str
) -> None:
    fetch: Any = hook.fetch_docflow_files
    with pytest.raises((TextInRequestError, TypeError), match=name):
        fetch("b7", **{name: 2})

    assert textin.count("*") == 0


@pytest.mark.parametrize("filters", [{"recognition_status": [1, 2]}, {"start_time": "yesterday"}], ids=repr)
def test_a_filter_that_textin_refuses_is_a_request_error(hook: TextInHook, filters: dict[str, Any]) -> None:
    with pytest.raises(TextInRequestError, match="batch_number='b7'"):
        hook.fetch_docflow_files("b7", **filters)


@pytest.mark.parametrize(
    "quirks",
    [
        {},
        {"omit_total": True},
        {"duplicate_over_pages": True},
        {"max_page_size": 100},
        {"max_page_size": 100, "omit_total": True},
        {"max_page_size": 7, "duplicate_over_pages": True, "omit_total": True},
    ],
    ids=repr,
)
def test_all_pages_come_and_each_file_once(
    connect: Connect, textin: TextInServer, quirks: dict[str, Any]
) -> None:
    batch_number = textin.add_batch(count=250)
    for name, value in quirks.items():
        setattr(textin.quirks, name, value)
    hook = connect({"max_requests_per_second": 0})

    walked = list(hook.iter_docflow_files(Selector("batch_number", batch_number), page_size=100))
    fetched = hook.fetch_docflow_files(batch_number)

    expected = list(textin.files)
    assert [file.file_id for files in walked for file in files] == expected
    assert [file.file_id for file in fetched] == expected
    assert max(len(files) for files in walked) <= 100


@pytest.mark.parametrize("quirks", [{"shuffle": True}, {"ignore_page": True}], ids=repr)
def test_pages_that_cannot_be_relied_on_lose_nothing_silently(
    connect: Connect, textin: TextInServer, quirks: dict[str, Any]
) -> None:
    batch_number = textin.add_batch(count=25)
    for name, value in quirks.items():
        setattr(textin.quirks, name, value)
    hook = connect({"max_requests_per_second": 0})

    told: str | None = None
    try:
        walked = list(hook.iter_docflow_files(Selector("batch_number", batch_number), page_size=10))
    except TextInServerError as error:
        told = str(error)
    else:
        assert sorted(file.file_id for files in walked for file in files) == sorted(textin.files)
    assert told is None or "of 25 files appeared" in told
    assert textin.count("fetch") < 50


def test_a_page_is_fetched_when_it_is_asked_for(hook: TextInHook, textin: TextInServer) -> None:
    pages = hook.iter_docflow_files(Selector("batch_number", textin.add_batch(count=5)), page_size=2)

    assert textin.count("fetch") == 0
    assert len(next(pages)) == 2
    assert textin.count("fetch") == 1


def test_children_come_within_their_file(hook: TextInHook, textin: TextInServer) -> None:
    script = FileScript(
        children=(FileScript(), FileScript(failure_causes=CAUSE)), list_children_at_top_level=True
    )
    batch_number = textin.add_batch(files=[script])

    found = hook.fetch_docflow_files(batch_number)

    (parent,) = [file for file in found if not file.is_part]
    assert [child.status for child in parent.children] == [
        RecognitionStatus.SUCCESS,
        RecognitionStatus.FAILED,
    ]
    assert {file.file_id for file in found} == {file.file_id for file in parent.with_parts()}


@pytest.mark.parametrize("fields", ["null_fields", "omit_fields"])
def test_records_with_nothing_but_what_is_required_are_read(
    hook: TextInHook, textin: TextInServer, fields: str
) -> None:
    batch_number = textin.add_batch(files=[FileScript(**{fields: ("*",)})])  # type: ignore[arg-type]

    (file,) = hook.fetch_docflow_files(batch_number)

    assert file.status is RecognitionStatus.SUCCESS
    assert (file.task_id, file.duration_ms, file.children) == (None, None, ())
