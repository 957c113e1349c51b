"""What Airflow reads about the provider, against Airflow's own schemas and its own reader."""

from __future__ import annotations

import importlib
import json
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest
from airflow.providers_manager import ProvidersManager

from textin_provider.get_provider_info import CONN_FIELDS, UI_FIELD_BEHAVIOUR, get_provider_info
from textin_provider.hooks.textin import TextInHook

INFO = get_provider_info()
[CONNECTION_TYPE] = INFO["connection-types"]
#: Airflow reads `conn-fields` since 3.2.
READS_CONN_FIELDS = '"conn-fields"' in (Path(airflow.__path__[0]) / "provider.yaml.schema.json").read_text()


def _schema(name: str) -> Any:
    return json.loads((Path(airflow.__path__[0]) / name).read_text())


def test_it_is_valid_provider_info() -> None:
    jsonschema.validate(INFO, _schema("provider_info.schema.json"))


def test_it_is_plain_data() -> None:
    assert json.loads(json.dumps(INFO)) == INFO


def test_airflow_finds_it_by_its_entry_point() -> None:
    found = {point.value for point in entry_points(group="apache_airflow_provider")}
    assert "textin_provider.get_provider_info:get_provider_info" in found


@pytest.mark.parametrize(
    "module",
    [
        module
        for kind in ("hooks", "triggers", "sensors", "operators")
        for entry in INFO[kind]
        for module in entry["python-modules"]
    ],
)
def test_every_module_that_it_names_can_be_imported(module: str) -> None:
    importlib.import_module(module)


def test_every_module_with_something_for_a_dag_is_named() -> None:
    package = Path(importlib.import_module("textin_provider").__file__ or "").parent
    for kind in ("sensors", "operators"):
        there = {f"textin_provider.{kind}.{path.stem}" for path in (package / kind).glob("*.py")}
        named = {module for entry in INFO[kind] for module in entry["python-modules"]}
        # What these define is imported from `xparse` and `docflow`.
        elsewhere = ("__init__", "base", "document", "folder", "docflow_upload")
        others = {f"textin_provider.{kind}.{name}" for name in elsewhere}
        assert there - named <= others


def test_every_integration_is_described() -> None:
    described = {entry["integration-name"] for entry in INFO["integrations"]}
    kinds = ("hooks", "triggers", "sensors", "operators")
    assert {entry["integration-name"] for kind in kinds for entry in INFO[kind]} <= described


def test_the_hook_class_is_the_one_that_is_named() -> None:
    module, _, name = CONNECTION_TYPE["hook-class-name"].rpartition(".")
    assert getattr(importlib.import_module(module), name) is TextInHook
    assert (CONNECTION_TYPE["connection-type"], CONNECTION_TYPE["hook-name"]) == (
        TextInHook.conn_type,
        TextInHook.hook_name,
    )


def test_the_hook_says_of_the_standard_fields_what_the_provider_info_says() -> None:
    behaviour = TextInHook.get_ui_field_behaviour()
    assert {name.replace("_", "-"): value for name, value in behaviour.items()} == UI_FIELD_BEHAVIOUR
    assert CONNECTION_TYPE["ui-field-behaviour"] == UI_FIELD_BEHAVIOUR


def test_what_the_hook_says_is_valid() -> None:
    jsonschema.validate(
        TextInHook.get_ui_field_behaviour(), _schema("customized_form_field_behaviours.schema.json")
    )


@pytest.mark.parametrize("name", CONN_FIELDS)
def test_the_default_of_a_field_is_valid_in_it(name: str) -> None:
    schema = CONN_FIELDS[name]["schema"]
    jsonschema.validate(schema.get("default"), schema)


def test_the_defaults_of_the_form_are_those_of_the_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = {
        name: spec["schema"]["default"] for name, spec in CONN_FIELDS.items() if "default" in spec["schema"]
    }
    read = []
    for extra in ({}, defaults):
        connection = {"conn_type": "textin", "login": "a", "password": "b", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_TEXTIN_DEFAULT", json.dumps(connection))
        read.append(TextInHook().connection)
    assert read[0] == read[1]


@pytest.mark.skipif(
    find_spec("flask_appbuilder") is None, reason="the form of Airflow 2 needs Flask-AppBuilder"
)
def test_the_form_of_airflow_2_has_the_same_fields() -> None:
    from flask import Flask
    from flask_babel import Babel
    from wtforms import Form

    app = Flask("form")
    app.secret_key = "a"
    Babel(app)
    with app.test_request_context():
        form = type("ConnectionForm", (Form,), TextInHook.get_connection_form_widgets())()
        shown = {field.name: (str(field.label.text), field.description, field.default) for field in form}
        html = {name: str(field()) for name, field in form._fields.items()}
    assert shown == {
        name: (spec["label"], spec["description"], spec["schema"].get("default"))
        for name, spec in CONN_FIELDS.items()
    }
    assert "https://docflow.textin.com" in html["docflow_host"]


@pytest.mark.skipif(
    find_spec("flask_appbuilder") is None, reason="the form of Airflow 2 needs Flask-AppBuilder"
)
def test_the_fields_are_of_the_kinds_that_airflow_2_takes() -> None:
    widgets = TextInHook.get_connection_form_widgets()
    kinds = {field.field_class.__name__ for field in widgets.values()}
    assert kinds <= {"BooleanField", "IntegerField", "PasswordField", "StringField"}


def test_the_hook_class_itself_has_what_describes_the_form() -> None:
    # Before 3.2, Airflow reads them from the class that the provider info names, and not from its bases.
    assert {"get_connection_form_widgets", "get_ui_field_behaviour"} <= set(vars(TextInHook))


@pytest.mark.filterwarnings("ignore:ProvidersManager.hooks is deprecated")
def test_airflow_lists_the_connection_type() -> None:
    manager = ProvidersManager()
    assert "airflow-provider-textin" in manager.providers
    hook = manager.hooks["textin"]
    assert hook is not None
    assert (hook.hook_class_name, hook.hook_name) == (CONNECTION_TYPE["hook-class-name"], "TextIn")
    assert hook.connection_id_attribute_name == "textin_conn_id"
    assert hook.connection_testable


#: Between the two, the form needs what Airflow 3 no longer brings.
needs_form = pytest.mark.skipif(
    not READS_CONN_FIELDS and find_spec("flask_appbuilder") is None,
    reason="this Airflow reads the form from the hook's widgets, which need Flask-AppBuilder",
)


@needs_form
def test_airflow_shows_the_standard_fields_as_declared() -> None:
    manager = ProvidersManager()
    manager.initialize_providers_hooks()
    shown = dict(manager.field_behaviours)["textin"]
    assert shown["relabeling"] == UI_FIELD_BEHAVIOUR["relabeling"]
    assert sorted(shown["hidden_fields"]) == sorted(UI_FIELD_BEHAVIOUR["hidden-fields"])


@needs_form
def test_airflow_shows_every_further_field() -> None:
    manager = ProvidersManager()
    shown = {name for name in manager.connection_form_widgets if name.startswith("extra__textin__")}
    assert shown == {f"extra__textin__{name}" for name in CONN_FIELDS}
