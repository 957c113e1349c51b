"""Responses of gateways, proxies and login pages, which stand between Airflow and TextIn."""

from __future__ import annotations

import json
from typing import Any

from textin_provider.testing import ScriptedFault


def _page(status: int, body: bytes = b"<html><h1>nginx</h1></html>", **headers: str) -> ScriptedFault:
    return ScriptedFault(http_status=status, body=body, content_type="text/html", headers=headers)


def _json(http_status: int, /, **members: Any) -> ScriptedFault:
    return ScriptedFault(http_status=http_status, body=json.dumps(members).encode())


FOREIGN = {
    "default backend": _page(404, b"default backend - 404"),
    "portal in HTTP 200": _page(200),
    "redirect to a login": _page(302, b"", Location="http://127.0.0.1:9/login"),
    "page 401": _page(401),
    "page 403": _page(403),
    "page 404": _page(404),
    "page 407": _page(407),
    "page 410": _page(410),
    "page 413": _page(413),
    "nothing 400": _page(400, b""),
    "JSON of Kubernetes": _json(404, kind="Status", status="Failure", code=404, message="not found"),
    "JSON of Kubernetes 403": _json(403, kind="Status", code=403, message="forbidden", reason="Forbidden"),
    "JSON of gRPC": _json(503, code=14, message="upstream"),
    "JSON of Spring": _json(404, timestamp="2026-01-01", status=404, error="Not Found", path="/api"),
    "JSON of Kong": _json(404, message="no Route matched with those values"),
    "JSON that repeats its status": _json(404, code=404, message="page not found"),
    "JSON of a framework": _json(400, code=400, success=False, message="bad request"),
    "JSON in HTTP 200": _json(200, status="UP"),
}
#: Some of each sort, for tests beside the fault matrix, which has them all.
SOME_FOREIGN = dict(list(FOREIGN.items())[::3])
