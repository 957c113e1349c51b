"""The connection form of Airflow before 3.2, built from the same fields as in later versions."""

from __future__ import annotations

from typing import Any

from textin_provider.get_provider_info import CONN_FIELDS


def form_widgets() -> dict[str, Any]:
    """Return the extra fields of the form as WTForms fields, by name."""
    return {name: _widget(spec) for name, spec in CONN_FIELDS.items()}


def _widget(spec: dict[str, Any]) -> Any:
    from flask_appbuilder.fieldwidgets import BS3TextFieldWidget
    from flask_babel import lazy_gettext
    from wtforms import StringField
    from wtforms.validators import Optional

    return StringField(
        lazy_gettext(spec["label"]),
        widget=BS3TextFieldWidget(),
        validators=[Optional()],
        description=spec["description"],
        default=spec["schema"].get("default"),
    )
