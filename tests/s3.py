"""An S3 on this machine: moto behind a front that can be told to fail, and an Airflow connection to it."""

from __future__ import annotations

import json
import logging
import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from werkzeug.wrappers import Request, Response

#: The Airflow connection of a test's bucket.
CONN_ID = "s3_of_test"


def failure(code: str, status: int) -> Response:
    """Return an error of S3."""
    from werkzeug.wrappers import Response

    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code} it is</Message></Error>"
    return Response(body, status=status, content_type="application/xml")


@dataclass
class Bucket:
    """
    A bucket, and what becomes of requests to it.

    :ivar fault: returns the response to a request, or None to pass it on to moto.
    :ivar requests: method and path of all requests.
    """

    name: str
    endpoint: str
    fault: Callable[[Request], Response | None] = lambda _: None
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        import boto3
        from botocore.config import Config

        self._s3: Any = boto3.client(
            "s3", endpoint_url=self.endpoint, config=Config(retries={"max_attempts": 1}), **_KEYS
        )

    def url(self, key: str, conn_id: str | None = CONN_ID) -> str:
        """Return the URL of an object, with its connection."""
        return f"s3://{conn_id}@{self.name}/{key}" if conn_id else f"s3://{self.name}/{key}"

    def put(self, key: str, content: bytes) -> str:
        """Store an object, past Airflow and its caches, and return its URL."""
        self._s3.put_object(Bucket=self.name, Key=key, Body=content)
        return self.url(key)

    def get(self, key: str) -> bytes:
        """Return an object."""
        content: bytes = self._s3.get_object(Bucket=self.name, Key=key)["Body"].read()
        return content

    def empty(self) -> Bucket:
        """Delete all objects, and return the bucket."""
        for key in self.keys():
            self._s3.delete_object(Bucket=self.name, Key=key)
        return self

    def keys(self) -> list[str]:
        """Return the keys of all objects."""
        return [found["Key"] for found in self._s3.list_objects_v2(Bucket=self.name).get("Contents", [])]


_KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}


class _Front:
    """Passes requests on to moto, unless the bucket has a fault for them."""

    def __init__(self) -> None:
        self.bucket: Bucket | None = None
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        from werkzeug.wrappers import Request

        request = Request(environ)
        if self.bucket is not None:
            self.bucket.requests.append(f"{request.method} {request.path}")
            if (response := self.bucket.fault(request)) is not None:
                request.get_data()
                return response(environ, start_response)
        return self._moto(environ, start_response)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[tuple[_Front, str]]:
    """Run the server."""
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    front = _Front()
    server = make_server("127.0.0.1", 0, front, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield front, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.fixture
def s3_bucket(s3_server: tuple[_Front, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """Return an empty bucket, which the Airflow connections ``s3_of_test`` and ``aws_default`` lead to."""
    front, endpoint = s3_server
    connection = {
        "conn_type": "aws",
        "login": "test",
        "password": "test",
        "extra": {
            "endpoint_url": endpoint,
            "region_name": "us-east-1",
            "config_kwargs": {"retries": {"max_attempts": 1}},
        },
    }
    for conn_id in (CONN_ID, "aws_default"):
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
    bucket = Bucket(uuid.uuid4().hex, endpoint)
    bucket._s3.create_bucket(Bucket=bucket.name)
    front.bucket = bucket
    yield bucket
    front.bucket = None
