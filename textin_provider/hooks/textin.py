"""The hook: an Airflow connection of type ``textin``, and what can be done with it."""

from __future__ import annotations

from typing import Any

from textin_provider.api.errors import ApiError
from textin_provider.api.protocol import Service
from textin_provider.get_provider_info import CONN_FIELDS, UI_FIELD_BEHAVIOUR
from textin_provider.hooks.connection import CONN_TYPE, DEFAULT_CONN_ID
from textin_provider.hooks.docflow import DocFlowMethods
from textin_provider.hooks.finance import FinanceMethods
from textin_provider.hooks.textin_async import TextInAsyncHook
from textin_provider.hooks.xparse import XParseMethods

__all__ = ["TextInAsyncHook", "TextInHook"]


class TextInHook(XParseMethods, DocFlowMethods, FinanceMethods):
    """
    Talk to TextIn with the credentials of an Airflow connection.

    Connection fields:

    - **login**: App ID (``x-ti-app-id``), required.
    - **password**: Secret code (``x-ti-secret-code``), required.
    - **host**: xParse base URL, ``https://api.textin.com`` unless given.
    - **extra**: ``docflow_host``, ``workspace_id``, ``max_requests_per_second``, ``max_concurrent_jobs``,
      ``pace_conn_id``, ``enterprise_id``, ``timeout`` (seconds), ``result_hosts`` (comma separated).

    Reads are repeated a few times after errors of TextIn or the network. A submit is sent again only if
    nothing was accepted, because every accepted document is billed. Requests that TextIn refuses for the
    account's rate wait for their turn.

    All methods raise a :class:`~textin_provider.exceptions.TextInError`.

    :param textin_conn_id: id of the connection.
    """

    conn_name_attr = "textin_conn_id"
    default_conn_name = DEFAULT_CONN_ID
    conn_type = CONN_TYPE
    hook_name = "TextIn"

    def test_connection(self) -> tuple[bool, str]:
        """
        Check the credentials, free of charge.

        xParse is asked for a job that does not exist, and DocFlow, if the connection names a workspace, for
        such a batch. What is left of balance and packages is told where the account may see it.
        """
        try:
            self._test_xparse()
            if workspace_id := self.connection.workspace_id:
                self._test_docflow(workspace_id)
        except ApiError as error:
            return False, str(error)
        hosts = self.connection.base_urls
        accepted = f"TextIn at {hosts[Service.XPARSE]} takes these credentials"
        if workspace_id:
            accepted += f", and DocFlow at {hosts[Service.DOCFLOW]} knows the workspace"
        left = self._what_is_left()
        return True, f"{accepted}. {left}." if left else f"{accepted}."

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form's extra fields for Airflow before 3.2, which does not read the provider info."""
        from flask_appbuilder.fieldwidgets import BS3TextFieldWidget
        from flask_babel import lazy_gettext
        from wtforms import StringField
        from wtforms.validators import Optional

        return {
            name: StringField(
                lazy_gettext(field["label"]),
                widget=BS3TextFieldWidget(),
                validators=[Optional()],
                description=field["description"],
                default=field["schema"].get("default"),
            )
            for name, field in CONN_FIELDS.items()
        }

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the form's standard fields for Airflow before 3.2."""
        return {name.replace("-", "_"): value for name, value in UI_FIELD_BEHAVIOUR.items()}
