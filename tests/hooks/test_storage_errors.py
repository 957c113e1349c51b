"""What errors of storages mean: by errno, by codes and statuses of libraries, along their causes."""

from __future__ import annotations

import errno
import http
import socket
from types import SimpleNamespace
from typing import Any

import botocore.exceptions as boto
import pytest
from s3fs.utils import FileExpired

from textin_provider.api.errors import ApiError
from textin_provider.exceptions import TextInRequestError, TextInStorageError
from textin_provider.hooks.storage_errors import Place, StorageProblem, problem_of

GONE, DENIED, UNSUITABLE = StorageProblem.GONE, StorageProblem.DENIED, StorageProblem.UNSUITABLE
FULL, CHANGED, BUSY = StorageProblem.FULL, StorageProblem.CHANGED, StorageProblem.BUSY
UNKNOWN = StorageProblem.UNKNOWN


class HttpError(Exception):
    """As gcsfs raises it."""

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message)
        self.code = code


class HttpResponseError(Exception):
    """As adlfs lets through from azure.core."""

    def __init__(self, status_code: int | None, error_code: str | None = None) -> None:
        super().__init__("The request failed")
        self.status_code, self.error_code = status_code, error_code


class DefaultCredentialsError(Exception):
    """As google.auth raises it."""


class ServiceRequestError(Exception):
    """As azure.core raises it."""


class ClientPayloadError(Exception):
    """As aiohttp raises it."""


def of_s3(code: str, status: int = 400) -> boto.ClientError:
    response: Any = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return boto.ClientError(response, "PutObject")


def by(cause: BaseException, error: BaseException) -> BaseException:
    """Return an error as ``raise error from cause`` leaves it."""
    error.__cause__ = cause
    return error


def after(handled: BaseException, error: BaseException) -> BaseException:
    """Return an error that was raised while another one was handled."""
    error.__context__ = handled
    return error


def of_requests(status: int) -> Exception:
    error = OSError("HTTP error")
    error.response = SimpleNamespace(status_code=status)  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (FileNotFoundError(errno.ENOENT, "no"), GONE),
        (FileNotFoundError("bucket/key"), GONE),
        (of_s3("NoSuchKey", 404), GONE),
        (of_s3("NoSuchBucket", 404), GONE),
        (of_s3("404", 404), GONE),
        (HttpError(404), GONE),
        (HttpResponseError(404, "BlobNotFound"), GONE),
        (HttpResponseError(None, "ContainerNotFound"), GONE),
        (by(HttpError(404), RuntimeError("not found")), GONE),
        (PermissionError(errno.EACCES, "no"), DENIED),
        (PermissionError("Forbidden"), DENIED),
        (OSError(errno.EROFS, "read-only"), DENIED),
        (of_s3("AccessDenied", 403), DENIED),
        (of_s3("403", 403), DENIED),
        (of_s3("ExpiredToken"), DENIED),
        (by(of_s3("ExpiredToken"), TimeoutError("expired")), DENIED),
        (HttpError(401), DENIED),
        (HttpResponseError(403, "AuthenticationFailed"), DENIED),
        (boto.NoCredentialsError(), DENIED),
        (boto.PartialCredentialsError(provider="p", cred_var="v"), DENIED),
        (boto.ProfileNotFound(profile="p"), DENIED),
        (DefaultCredentialsError("none"), DENIED),
        (OSError(errno.ENOSPC, "full"), FULL),
        (OSError(errno.EDQUOT, "quota"), FULL),
        (OSError(errno.EFBIG, "too big"), FULL),
        (of_s3("QuotaExceeded", 403), FULL),
        (of_s3("XMinioStorageFull", 507), FULL),
        (HttpError(507), FULL),
        (HttpError(403, "quotaExceeded"), FULL),
        (of_s3("PreconditionFailed", 412), CHANGED),
        (FileExpired("a", "tag"), CHANGED),
        (by(of_s3("PreconditionFailed", 412), FileExpired("a", "tag")), CHANGED),
        (of_s3("InvalidRange", 416), CHANGED),
        (HttpError(412), CHANGED),
        (HttpResponseError(412, "ConditionNotMet"), CHANGED),
        (OSError(errno.ESTALE, "stale"), CHANGED),
        (of_s3("SlowDown", 503), BUSY),
        (by(of_s3("SlowDown", 503), OSError(errno.EIO, "slow down")), BUSY),
        (by(of_s3("503", 503), OSError(errno.EIO, "An error occurred (503)")), BUSY),
        (of_s3("RequestTimeout"), BUSY),
        (of_s3("InternalError", 500), BUSY),
        (of_s3("ThrottlingException"), BUSY),
        (HttpError(429), BUSY),
        (HttpError(502), BUSY),
        (HttpError(http.HTTPStatus.SERVICE_UNAVAILABLE), BUSY),
        (HttpError(403, "rateLimitExceeded: slow down"), BUSY),
        (HttpResponseError(503, "ServerBusy"), BUSY),
        (of_requests(503), BUSY),
        (boto.EndpointConnectionError(endpoint_url="http://x"), BUSY),
        (boto.ConnectTimeoutError(endpoint_url="http://x"), BUSY),
        (boto.ReadTimeoutError(endpoint_url="http://x"), BUSY),
        (boto.ConnectionClosedError(endpoint_url="http://x"), BUSY),
        (boto.ResponseStreamingError(error="e"), BUSY),
        (ServiceRequestError("no route"), BUSY),
        (ClientPayloadError("cut"), BUSY),
        (ConnectionResetError(errno.ECONNRESET, "reset"), BUSY),
        (TimeoutError("t"), BUSY),
        (socket.gaierror(socket.EAI_AGAIN, "no name"), BUSY),
        (OSError(errno.EHOSTUNREACH, "unreachable"), BUSY),
        (after(FileNotFoundError("a cache"), boto.EndpointConnectionError(endpoint_url="http://x")), BUSY),
        (after(of_s3("404", 404), TimeoutError("t")), BUSY),
        (after(of_s3("SlowDown", 503), OSError(errno.EIO, "io")), BUSY),
        (IsADirectoryError(errno.EISDIR, "folder"), UNSUITABLE),
        (NotADirectoryError(errno.ENOTDIR, "file"), UNSUITABLE),
        (OSError(errno.ENAMETOOLONG, "long"), UNSUITABLE),
        (OSError(errno.EIO, "io"), UNKNOWN),
        (OSError("no number"), UNKNOWN),
        (ValueError("odd"), UNKNOWN),
        (of_s3("Strange", 418), UNKNOWN),
    ],
    ids=lambda value: getattr(value, "name", None) or f"{type(value).__name__} {value}"[:60],
)
def test_an_error_means_what_it_is(error: Exception, expected: StorageProblem) -> None:
    assert problem_of(error) is expected
    told = Place("file='a'", "the source is not readable").error(error)
    kind = TextInStorageError if expected.is_transient else TextInRequestError
    assert type(told) is kind
    assert str(told).startswith(f"file='a': {expected.meaning}: the source is not readable: ")
    assert told.fix


def test_a_cause_that_leads_back_to_its_error_ends() -> None:
    first, second = OSError("a"), OSError("b")
    by(first, second)
    by(second, first)
    assert problem_of(first) is UNKNOWN


def test_an_error_of_the_provider_and_a_signal_pass_unchanged() -> None:
    class Signal(BaseException):
        pass

    place = Place("file='a'", "the source is not readable")
    own = TextInRequestError.from_dict({"kind": "request", "about": "a", "message": "m"})
    for error in (own, Signal()):
        with pytest.raises(type(error)) as caught, place.errors():
            raise error
        assert caught.value is error


def test_an_error_shows_no_signature() -> None:
    place = Place("file='a'", "the source is not readable")
    with pytest.raises(ApiError) as caught, place.errors():
        raise OSError("https://u:hush@h/a?sig=hush is not there")
    assert "hush" not in str(caught.value)
    assert caught.value.__suppress_context__
