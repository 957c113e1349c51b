"""A client of xParse that validates every response against the contract."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from textin_provider.testing.contract import validator

if TYPE_CHECKING:
    from textin_provider.testing import TextInServer

PATH = "/api/v1/xparse/parse/async"
_SCHEMA = "#/paths/~1{}/{}/responses/200/content/application~1json/schema"
SUBMIT_SCHEMA = _SCHEMA.format(PATH[1:].replace("/", "~1"), "post")
STATUS_SCHEMA = _SCHEMA.format(PATH[1:].replace("/", "~1") + "~1%7Bjob_id%7D", "get")
RESULT_SCHEMA = _SCHEMA.format("file~1xparse_result~1%7Btoken%7D", "get")


def conforms(value: dict[str, Any], schema: str) -> dict[str, Any]:
    validator("xparse-v1", schema).validate(value)
    return value


def spool(server: TextInServer) -> Path:
    """Return the folder where a running server keeps its documents."""
    assert server._running is not None
    return Path(server._running._spool.name)


def spooled(server: TextInServer) -> list[Path]:
    """Return the documents that a running server keeps."""
    return list(spool(server).iterdir())


@dataclass
class Client:
    server: TextInServer
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.session.trust_env = False
        self.session.headers["x-ti-app-id"] = self.server.app_id
        self.session.headers["x-ti-secret-code"] = self.server.secret_code

    def post(self, parts: list[tuple[str, Any]], **kwargs: Any) -> requests.Response:
        return self.session.post(self.server.url + PATH, files=parts, timeout=30, **kwargs)

    def get(self, job_id: str, **kwargs: Any) -> requests.Response:
        return self.session.get(f"{self.server.url}{PATH}/{job_id}", timeout=30, **kwargs)

    def submit(
        self,
        document: bytes = b"# Hello",
        filename: str = "hello.md",
        config: Any = None,
        config_type: str | None = "application/json",
        **fields: str,
    ) -> dict[str, Any]:
        """Submit a document and return the envelope."""
        parts: list[tuple[str, Any]] = [(name, (None, value)) for name, value in fields.items()]
        if "file_url" not in fields:
            parts.append(("file", (filename, document)))
        if config is not None:
            raw = config if isinstance(config, str) else json.dumps(config)
            parts.append(("config", (None, raw, config_type) if config_type else (None, raw)))
        return conforms(self.post(parts).json(), SUBMIT_SCHEMA)

    def status(self, job_id: str) -> dict[str, Any]:
        """Return the envelope of one poll."""
        return conforms(self.get(job_id).json(), STATUS_SCHEMA)

    def wait(self, job_id: str) -> dict[str, Any]:
        """Poll until the job ends and return its data."""
        data: dict[str, Any] = self.status(job_id)["data"]
        while data["status"] in ("pending", "in_progress"):
            time.sleep(0.005)
            data = self.status(job_id)["data"]
        return data

    def result(self, url: str) -> dict[str, Any]:
        return conforms(requests.get(url, timeout=30).json(), RESULT_SCHEMA)

    def parse(self, document: bytes, filename: str, config: Any = None) -> dict[str, Any]:
        """Submit a document, wait for its job and return its result."""
        job = self.wait(self.submit(document, filename, config)["data"]["job_id"])
        assert job["status"] == "completed", job
        return self.result(job["result_url"])
