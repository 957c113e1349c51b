"""What is typed into the form on the Connections page is what the hooks read, on each Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scripts.local_airflow import HOST, IS_AIRFLOW_2
from tests.ui.form import Field

if TYPE_CHECKING:
    from tests.ui.form import Form
    from tests.ui.website import Website

#: Airflow 3 shows no placeholders in extra fields.
EXTRA_PLACEHOLDERS = (
    ("https://docflow.textin.com", "results.example.com, files.example.com") if IS_AIRFLOW_2 else ("", "")
)
FIELDS = [
    Field("Description"),
    Field("xParse base URL", placeholder="https://api.textin.com"),
    Field("App ID", placeholder="x-ti-app-id"),
    Field("Secret code", placeholder="x-ti-secret-code", type="password"),
    Field("Port", placeholder="443", type="text" if IS_AIRFLOW_2 else "number"),
    *([Field("Extra")] if IS_AIRFLOW_2 else []),
    Field("DocFlow base URL", "https://docflow.textin.com", EXTRA_PLACEHOLDERS[0]),
    Field("DocFlow workspace"),
    Field("Max requests per second", "2"),
    Field("Max concurrent jobs"),
    Field("Pace connection ID"),
    Field("Enterprise ID"),
    Field("Timeout (seconds)", "60"),
    Field("Further result hosts", placeholder=EXTRA_PLACEHOLDERS[1]),
]


def typed(website: Website) -> dict[str, str]:
    """Return what a person types to reach the local TextIn, by label."""
    textin = website.textin
    return {
        "Description": "The archive",
        # Airflow 3.3.1 and 3.3.2 refuse to test a connection without a port of its own.
        "xParse base URL": f"http://{HOST}",
        "Port": textin.url.rpartition(":")[2],
        "App ID": textin.app_id,
        "Secret code": textin.secret_code,
        "DocFlow base URL": textin.url,
        "DocFlow workspace": textin.workspace_id,
        "Max requests per second": "2.5",
        "Max concurrent jobs": "5",
        "Pace connection ID": "",
        "Enterprise ID": "0042",
        "Timeout (seconds)": "1200",
        "Further result hosts": "results.example.com, files.example.com",
    }


def create(form: Form, conn_id: str, values: dict[str, str]) -> None:
    form.new(conn_id)
    for label, value in values.items():
        form.fill(label, value)
    form.save()


def number(value: float) -> Any:
    """Return a number as the form stores it: Airflow 2 knows text alone."""
    return str(value) if IS_AIRFLOW_2 else value


def filled(extra: dict[str, Any]) -> dict[str, Any]:
    """Return the extras that the form has a value for."""
    return {name: value for name, value in extra.items() if value not in (None, "")}


def test_the_form_asks_for_what_textin_needs(form: Form) -> None:
    form.new("textin_never_saved")

    assert form.fields() == FIELDS


def test_what_is_typed_is_stored(form: Form, website: Website) -> None:
    create(form, "textin_typed", typed(website))

    textin = website.textin
    stored = website.stored("textin_typed")
    assert (stored.conn_type, stored.description, stored.schema or None) == ("textin", "The archive", None)
    assert (f"{stored.host}:{stored.port}", stored.login, stored.password) == (
        textin.url,
        textin.app_id,
        textin.secret_code,
    )
    assert filled(stored.extra) == {
        "docflow_host": textin.url,
        "workspace_id": textin.workspace_id,
        "max_requests_per_second": number(2.5),
        "max_concurrent_jobs": number(5),
        "enterprise_id": "0042",
        "timeout": number(1200),
        "result_hosts": "results.example.com, files.example.com",
    }


def test_what_is_left_alone_is_stored_as_the_form_shows_it(form: Form, website: Website) -> None:
    create(form, "textin_short", {"App ID": "an-app", "Secret code": "a-secret"})

    stored = website.stored("textin_short")
    assert (stored.host or None, stored.port) == (None, None)
    assert filled(stored.extra) == {
        "docflow_host": "https://docflow.textin.com",
        "max_requests_per_second": number(2),
        "timeout": number(60),
    }


def test_an_edit_changes_what_was_edited_and_keeps_the_secret(form: Form, website: Website) -> None:
    create(form, "textin_edited", typed(website))
    before = website.stored("textin_edited")

    form.edit("textin_edited")
    form.fill("DocFlow workspace", "another")
    form.fill("Enterprise ID", "")
    form.save()

    after = website.stored("textin_edited")
    changed = filled(before.extra) | {"workspace_id": "another"}
    del changed["enterprise_id"]
    assert after._replace(extra=filled(after.extra)) == before._replace(extra=changed)


def test_the_test_button_says_what_textin_says(form: Form, website: Website) -> None:
    textin = website.textin
    create(form, "textin_tested", typed(website))

    assert form.test("textin_tested", textin.secret_code) == (
        f"TextIn at {textin.url} takes these credentials, and DocFlow at {textin.url} knows the workspace. "
        "Left: balance 1000."
    )
    form.edit("textin_tested")
    form.fill("Secret code", "mistyped")
    form.save()
    said = form.test("textin_tested", "mistyped")
    assert "Check App ID and Secret code of the connection" in said
    assert "mistyped" not in said
    assert textin.submissions == 0
