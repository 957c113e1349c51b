"""The mixins of tasks: hook, templates, XComs, logs, assets and selectors."""

from __future__ import annotations

import logging
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import Asset

from textin_provider.api.docflow import Selector
from textin_provider.api.errors import ApiError
from textin_provider.hooks import xparse
from textin_provider.polling.decision import Decision
from textin_provider.tasks.mixins import DocFlowTaskMixin, TextInTaskMixin, XParseSubmitMixin


class Task(TextInTaskMixin):
    def __init__(self, *, pushes: bool = True) -> None:
        self.textin_conn_id = "textin_other"
        self.do_xcom_push = pushes
        self.outlets = []
        self.logged: list[tuple[Any, ...]] = []
        self.log = SimpleNamespace(log=lambda *arguments: self.logged.append(arguments))


class Ti:
    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


@pytest.mark.parametrize("pushes", [True, False])
def test_the_value_of_a_failing_task_is_pushed_if_it_pushes_at_all(pushes: bool) -> None:
    ti = Ti()
    context: Any = {"ti": ti}
    Task(pushes=pushes).push_value(context, [1])
    assert ti.pushed == ({"return_value": [1]} if pushes else {})


def test_the_hook_is_that_of_the_connection_and_made_once() -> None:
    task = Task()
    assert task.hook.textin_conn_id == "textin_other"
    assert task.hook is task.hook


@pytest.mark.parametrize(("is_warning", "level"), [(False, 20), (True, 30)])
def test_a_decision_is_logged_at_its_level(is_warning: bool, level: int) -> None:
    task = Task()
    task.log_decision(Decision(message="100 % done", is_warning=is_warning))
    assert task.logged == [(level, "%s", "100 % done")]


def test_the_manifest_is_added_to_the_event_of_each_asset() -> None:
    task = Task()
    assets = [Asset("s3://parsed/a"), Asset("s3://parsed/b")]
    task.outlets = [assets[0], "not an asset", assets[1]]
    events = {asset.uri: SimpleNamespace(extra={"own": asset.uri}) for asset in assets}
    context: Any = {"outlet_events": EventsByUri(events)}
    task.describe_outlets(context, {"size_bytes": 3})
    assert [event.extra for event in events.values()] == [
        {"own": "s3://parsed/a", "size_bytes": 3},
        {"own": "s3://parsed/b", "size_bytes": 3},
    ]


class EventsByUri(dict[str, Any]):
    """The events of assets, as Airflow's accessors return them for an asset."""

    def __getitem__(self, asset: Any) -> Any:
        return super().__getitem__(asset.uri)


class DocFlowTask(DocFlowTaskMixin):
    def __init__(self, batch_number: Any = None, file_id: Any = None, docflow_task_id: Any = None) -> None:
        self.batch_number, self.file_id, self.docflow_task_id = batch_number, file_id, docflow_task_id


def test_the_selector_is_the_only_one_given() -> None:
    assert DocFlowTask("1").selector == Selector("batch_number", "1")
    assert DocFlowTask(file_id="2").selector == Selector("file_id", "2")
    assert DocFlowTask(docflow_task_id="3").selector == Selector("task_id", "3")
    with pytest.raises(ApiError, match="several are given"):
        _ = DocFlowTask("1", "2").selector


class Templated:
    """Stands for Airflow's operator, which renders text and the members of lists, and nothing else."""

    def __init__(self) -> None:
        self.rendered: list[tuple[Any, ...]] = []

    def render_template(self, content: Any, context: Any, env: Any = None) -> Any:
        self.rendered.append((content, context, env))
        if isinstance(content, list):
            return [self.render_template(item, context, env) for item in content]
        return content.replace("{{ ds }}", context["ds"]) if isinstance(content, str) else content

    def _do_render_template_fields(self, parent: Any, fields: Any, context: Any, env: Any = None) -> None:
        self.rendered.append((parent, fields, context, env))


class TemplatedTask(TextInTaskMixin, Templated):
    pass


CONTEXT = {"ds": "2026-01-02"}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("in/{{ ds }}.pdf", "in/2026-01-02.pdf"),
        (Path("in/{{ ds }}.pdf"), Path("in/2026-01-02.pdf")),
        (PurePosixPath("in/{{ ds }}.pdf"), PurePosixPath("in/2026-01-02.pdf")),
        ([Path("in/{{ ds }}.pdf"), "{{ ds }}"], [Path("in/2026-01-02.pdf"), "2026-01-02"]),
        (7, 7),
        (None, None),
    ],
    ids=repr,
)
def test_a_template_is_rendered_and_a_path_stays_a_path(content: Any, expected: Any) -> None:
    task = TemplatedTask()
    found = task.render_template(content, CONTEXT, env="jinja")
    assert (found, type(found)) == (expected, type(expected))
    assert {(context["ds"], env) for _, context, env in task.rendered} == {("2026-01-02", "jinja")}


def test_a_path_with_a_jinja_block_is_rendered() -> None:
    task = TemplatedTask()
    path = Path("{% if ds %}a{% endif %}.pdf")
    assert task.render_template(path, CONTEXT) == path
    assert task.rendered == [(str(path), CONTEXT, None)]


def test_a_path_without_a_template_is_returned_as_it_is() -> None:
    task = TemplatedTask()
    path = Path("in/a.pdf")
    assert task.render_template(path, CONTEXT) is path
    assert task.rendered == []


def test_paths_of_bytes_and_of_object_storage_are_left_to_airflow() -> None:
    class BytesPath:
        def __fspath__(self) -> bytes:
            return b"{{ ds }}.pdf"

    class ObjectPath:
        protocol = path = fs = None

        def __fspath__(self) -> str:
            raise AssertionError("the connection was read")

    task = TemplatedTask()
    for content in (BytesPath(), ObjectPath()):
        assert task.render_template(content, CONTEXT, "jinja") is content
        assert task.rendered.pop() == (content, CONTEXT, "jinja")


class SubmitTask(XParseSubmitMixin, Templated):
    config: Any = None


def test_the_passwords_of_a_configuration_are_masked_once_it_is_rendered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = SubmitTask()
    masked: list[Any] = []

    def mask(config: Any) -> None:
        assert len(task.rendered) == 1, "the fields were not rendered before"
        masked.append(config)

    monkeypatch.setattr(xparse, "mask_passwords", mask)
    task.config = {"password": "sesame"}
    task._do_render_template_fields(task, ["config"], CONTEXT, env="jinja")
    assert masked == [{"password": "sesame"}]
    assert task.rendered == [(task, ["config"], CONTEXT, "jinja")]


def test_fields_of_a_part_of_the_task_mask_no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xparse, "mask_passwords", None)
    task = SubmitTask()
    part = object()
    task._do_render_template_fields(part, ["name"], CONTEXT)
    assert task.rendered == [(part, ["name"], CONTEXT, None)]


def test_an_asset_event_that_takes_no_manifest_is_logged_and_loses_no_result(
    caplog: pytest.LogCaptureFixture,
) -> None:
    task = Task()
    task.log = logging.getLogger("task")
    assets = [Asset("s3://parsed/a"), Asset("s3://parsed/b")]
    task.outlets = assets
    event = SimpleNamespace(extra={})
    context: Any = {"outlet_events": EventsByUri({"s3://parsed/b": event})}
    with caplog.at_level(logging.WARNING, logger="task"):
        task.describe_outlets(context, {"size_bytes": 3})
    assert event.extra == {"size_bytes": 3}
    assert caplog.messages == [f"The event of {assets[0]!r} has no manifest: 's3://parsed/a'"]
