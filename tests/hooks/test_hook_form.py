"""What Airflow reads about the provider and its connection form, in the old way and in the new."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import airflow
import pytest

from textin_provider.get_provider_info import CONN_FIELDS, UI_FIELD_BEHAVIOUR, get_provider_info
from textin_provider.hooks import connection
from textin_provider.hooks.textin import TextInHook

INFO = get_provider_info()
[TYPE] = INFO["connection-types"]


def test_the_info_fits_airflows_own_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())

    jsonschema.validate(INFO, schema)


def test_each_module_that_the_info_names_can_be_imported() -> None:
    for kind in ("hooks", "triggers", "sensors", "operators"):
        for entry in INFO[kind]:
            for name in entry["python-modules"]:
                assert import_module(name)


def test_the_info_and_the_hook_agree_on_the_connection_type() -> None:
    module, _, name = TYPE["hook-class-name"].rpartition(".")

    assert getattr(import_module(module), name) is TextInHook
    assert TYPE["connection-type"] == TextInHook.conn_type == "textin"
    assert TYPE["hook-name"] == TextInHook.hook_name
    assert TextInHook.default_conn_name == "textin_default"
    assert TextInHook.conn_name_attr == "textin_conn_id"


def test_old_and_new_airflow_show_the_same_standard_fields() -> None:
    old = TextInHook.get_ui_field_behaviour()

    assert {name.replace("_", "-"): value for name, value in old.items()} == UI_FIELD_BEHAVIOUR
    assert set(old) == {"hidden_fields", "relabeling", "placeholders"}


def test_old_airflow_shows_the_same_extra_fields() -> None:
    pytest.importorskip("flask_appbuilder")
    pytest.importorskip("wtforms")
    from wtforms import Form

    widgets = TextInHook.get_connection_form_widgets()

    assert list(widgets) == list(CONN_FIELDS)
    for name, field in type("ConnectionForm", (Form,), widgets)()._fields.items():
        spec = CONN_FIELDS[name]
        assert field.default == spec["schema"].get("default")
        # Airflow 2.11 takes text, whole numbers, booleans and passwords; of a field of another type it drops
        # the whole form. Numbers are read from text.
        assert field.type == "StringField"
        assert str(field.description) == spec["description"]


def test_the_defaults_that_the_form_shows_are_those_that_apply() -> None:
    shown = {name: spec["schema"].get("default") for name, spec in CONN_FIELDS.items()}

    assert shown["docflow_host"] == connection.DEFAULT_DOCFLOW_HOST
    assert shown["max_requests_per_second"] == connection.DEFAULT_REQUESTS_PER_SECOND
    assert shown["timeout"] == connection.DEFAULT_TIMEOUT
    assert UI_FIELD_BEHAVIOUR["placeholders"]["host"] == connection.DEFAULT_XPARSE_HOST


def test_no_secret_hides_among_the_extra_fields() -> None:
    assert set(CONN_FIELDS) == {
        "docflow_host",
        "workspace_id",
        "max_requests_per_second",
        "max_concurrent_jobs",
        "pace_conn_id",
        "enterprise_id",
        "timeout",
        "result_hosts",
    }
