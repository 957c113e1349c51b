"""A client of DocFlow that validates every response against the contract."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textin_provider.testing.contract import response_pointer, validator

if TYPE_CHECKING:
    import requests

    from tests.testing.client import Client

V2 = "/api/app-api/sip/platform/v2"
UPLOAD, FETCH, DELETE, RETRY = (f"{V2}/file/{name}" for name in ("upload", "fetch", "delete", "retry"))
UNFINISHED = {0, 3, 4, 5, 6, 7, 20}


def conforms(method: str, path: str, envelope: dict[str, Any]) -> dict[str, Any]:
    validator("docflow-v2", response_pointer(method, path)).validate(envelope)
    return envelope


@dataclass
class DocFlowClient:
    base: Client

    def send(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        return self.base.session.request(method, self.base.server.url + path, timeout=30, **kwargs)

    def post(
        self,
        *documents: tuple[str, bytes],
        json: Any = None,
        params: dict[str, Any] | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Upload documents, (name, content) each, or ``json``, and return the envelope."""
        query = {"workspace_id": self.base.server.workspace_id, **options} if params is None else params
        files = [("file", document) for document in documents] or None
        envelope = self.send("POST", UPLOAD, params=query, files=files, json=json).json()
        return conforms("POST", UPLOAD, envelope)

    def upload(self, *documents: tuple[str, bytes], **options: Any) -> str:
        """Upload documents and return their batch number."""
        envelope = self.post(*documents, **options)
        assert envelope["code"] == 200, envelope
        return str(envelope["result"]["batch_number"])

    def get(self, conform: bool = True, **query: Any) -> dict[str, Any]:
        """Fetch and return the envelope."""
        query = {"workspace_id": self.base.server.workspace_id} | query
        envelope: dict[str, Any] = self.send("GET", FETCH, params=query).json()
        return conforms("GET", FETCH, envelope) if conform else envelope

    def files(self, conform: bool = True, **query: Any) -> list[dict[str, Any]]:
        envelope = self.get(conform, **query)
        assert envelope["code"] == 200, envelope
        files: list[dict[str, Any]] = envelope["result"]["files"]
        return files

    def names(self, **query: Any) -> list[str]:
        return [file["name"] for file in self.files(**query)]

    def statuses(self, batch_number: str, **query: Any) -> list[int]:
        found = self.files(conform=False, batch_number=batch_number, **query)
        return [file["recognition_status"] for file in found]

    def wait(self, batch_number: str, **query: Any) -> list[dict[str, Any]]:
        """Fetch until all files of a batch are finished, and return them."""
        while UNFINISHED & set(self.statuses(batch_number)):
            time.sleep(0.005)
        return self.files(batch_number=batch_number, **query)

    def read(self, name: str, content: bytes, **options: Any) -> dict[str, Any]:
        """Upload one document, wait for its end and return its JSON."""
        (file,) = self.wait(self.upload((name, content), **options))
        return file

    def post_json(self, path: str, **body: Any) -> dict[str, Any]:
        body = {"workspace_id": self.base.server.workspace_id} | body
        return conforms("POST", path, self.send("POST", path, json=body).json())


def fields(file: dict[str, Any]) -> dict[str, str]:
    return {field["key"]: field["value"] for field in file["data"]["fields"]}
