"""What Airflow reads about this provider without importing any of it."""

from __future__ import annotations

from typing import Any

#: The extra fields of the ``textin`` connection: the one list behind the form, in every Airflow version.
CONN_FIELDS: dict[str, dict[str, Any]] = {
    "docflow_host": {
        "label": "DocFlow base URL",
        "description": "Where DocFlow is; https://docflow.textin.ai for international accounts.",
        "schema": {"type": ["string", "null"], "default": "https://docflow.textin.com"},
    },
    "workspace_id": {
        "label": "DocFlow workspace",
        "description": "Used by DocFlow tasks that name no workspace of their own.",
        "schema": {"type": ["string", "null"]},
    },
    "max_requests_per_second": {
        "label": "Max requests per second",
        "description": "What the account allows; a tenth of it is left unused. 0 means no ceiling.",
        "schema": {"type": ["number", "null"], "minimum": 0, "default": 2},
    },
    "max_concurrent_jobs": {
        "label": "Max concurrent jobs",
        "description": "xParse jobs that may be in work: 1 (free), 5 (paid), 10+ (enterprise); 0 if unknown.",
        "schema": {"type": ["integer", "null"], "minimum": 0},
    },
    "pace_conn_id": {
        "label": "Pace connection ID",
        "description": "A Redis or Postgres connection through which all processes share one pace.",
        "schema": {"type": ["string", "null"]},
    },
    "enterprise_id": {
        "label": "Enterprise ID",
        "description": "Only for accounts that belong to several enterprises.",
        "schema": {"type": ["string", "null"]},
    },
    "timeout": {
        "label": "Timeout (seconds)",
        "description": "For connecting, and for each read.",
        "schema": {"type": ["number", "null"], "exclusiveMinimum": 0, "default": 60},
    },
    "result_hosts": {
        "label": "Further result hosts",
        "description": "Hosts other than TextIn's own that results may come from, comma separated.",
        "schema": {"type": ["string", "null"]},
    },
}

#: How the standard fields of the form look. ``hidden-fields`` and so on, in the spelling of provider info.
#: *Test* needs two of them on the form: Airflow 2.11 does nothing on its edit page where ``extra`` is hidden,
#: and Airflow 3.3.1 and 3.3.2 refuse to test a connection that has no port.
UI_FIELD_BEHAVIOUR: dict[str, Any] = {
    "hidden-fields": ["schema"],
    "relabeling": {"login": "App ID", "password": "Secret code", "host": "xParse base URL"},
    "placeholders": {
        "login": "x-ti-app-id",
        "password": "x-ti-secret-code",
        "host": "https://api.textin.com",
        "port": "443",
        "docflow_host": "https://docflow.textin.com",
        "result_hosts": "results.example.com, files.example.com",
    },
}

_XPARSE = "TextIn xParse"
_DOCFLOW = "TextIn DocFlow"
_HOOKS = "textin_provider.hooks.textin"


def _modules(kind: str) -> list[dict[str, Any]]:
    return [
        {"integration-name": name, "python-modules": [f"textin_provider.{kind}.{module}"]}
        for name, module in ((_XPARSE, "xparse"), (_DOCFLOW, "docflow"))
    ]


def get_provider_info() -> dict[str, Any]:
    """Return the provider's entry for Airflow's provider registry (``provider_info.schema.json``)."""
    return {
        "package-name": "airflow-provider-textin",
        "name": "TextIn",
        "description": "Parse documents with `TextIn <https://www.textin.com/>`__ xParse and DocFlow.",
        "integrations": [
            {"integration-name": name, "external-doc-url": url, "tags": ["service"]}
            for name, url in (
                (_XPARSE, "https://docs.textin.com/xparse/v1/quickstart"),
                (_DOCFLOW, "https://docs-docflow.textin.ai"),
            )
        ],
        "hooks": [{"integration-name": name, "python-modules": [_HOOKS]} for name in (_XPARSE, _DOCFLOW)],
        "triggers": _modules("triggers"),
        "sensors": _modules("sensors"),
        "operators": _modules("operators"),
        "connection-types": [
            {
                "connection-type": "textin",
                "hook-class-name": f"{_HOOKS}.TextInHook",
                "hook-name": "TextIn",
                "conn-fields": CONN_FIELDS,
                "ui-field-behaviour": UI_FIELD_BEHAVIOUR,
            }
        ],
    }
