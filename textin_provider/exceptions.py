"""
The errors of this provider: one base, one class for each kind of fault, chosen by code alone.

Permanent ones are also :class:`~airflow.exceptions.AirflowFailException`: the task fails at once, without
retry, and ``soft_fail`` applies. Transient ones are plain, so ``retries`` and retry policies apply. The names
are public: write retry rules against them (``textin_provider.exceptions.TextInRateLimitError``).

Every error carries ``code``, ``message``, ``detail``, ``request_id`` and ``fix``, and says in one line what
failed, for which id, and what to do.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowFailException

from textin_provider.api.errors import ApiError, ErrorKind

if TYPE_CHECKING:
    from collections.abc import Iterator


class TextInError(ApiError):
    """Base of all errors of TextIn and of this provider."""


class TextInRateLimitError(TextInError):
    """TextIn asked for fewer requests (40306; DocFlow 423, 429, 900). Transient; nothing was accepted."""


class TextInServerError(TextInError):
    """TextIn or its gateway failed (500, 30203, 40428, 50011, 50012, HTTP 5xx, no JSON). Transient."""


class TextInTransportError(TextInError):
    """No answer came: refused, reset, timed out, no DNS or TLS. Transient; nothing can have been accepted."""


class TextInBadResultError(TextInError):
    """What ``result_url`` points to is no result, or there is none. Transient: a download costs nothing."""


class TextInTimeoutError(TextInError):
    """A job had not ended when the time to wait for it was over. Transient: TextIn works on."""


class TextInDocumentFailedError(TextInError):
    """The job of an operator that can submit its document anew failed or is lost. Plain: a retry does so."""


class TextInAuthenticationError(TextInError, AirflowFailException):
    """App ID or Secret code is empty or wrong, or this IP is not allowed (40101, 40102, 40103). Permanent."""


class TextInConfigurationError(TextInError, AirflowFailException):
    """The Airflow connection is missing, half filled or malformed. Permanent."""


class TextInQuotaError(TextInError, AirflowFailException):
    """The balance is too low or the free quota used up (40003, 40307). Permanent."""


class TextInRequestError(TextInError, AirflowFailException):
    """The request or the document cannot be right (400, 40004, 403xx, 404xx, ...). Permanent."""


class TextInUncertainSubmitError(TextInError, AirflowFailException):
    """A submit broke off after it was sent: the document may have been accepted and billed. Not retried."""


class TextInJobFailedError(TextInError, AirflowFailException):
    """TextIn could not parse the document; ``message`` is its reason. Permanent."""


class TextInFilesFailedError(TextInError, AirflowFailException):
    """DocFlow could not process some files; ``message`` gives their ``failure_causes``. Permanent."""


_CLASSES: dict[ErrorKind, type[TextInError]] = {
    ErrorKind.AUTHENTICATION: TextInAuthenticationError,
    ErrorKind.CONFIGURATION: TextInConfigurationError,
    ErrorKind.QUOTA: TextInQuotaError,
    ErrorKind.REQUEST: TextInRequestError,
    ErrorKind.RATE_LIMIT: TextInRateLimitError,
    ErrorKind.SERVER: TextInServerError,
    ErrorKind.TRANSPORT: TextInTransportError,
    ErrorKind.RESULT: TextInBadResultError,
    ErrorKind.UNCERTAIN: TextInUncertainSubmitError,
    ErrorKind.JOB_FAILED: TextInJobFailedError,
    ErrorKind.FILES_FAILED: TextInFilesFailedError,
    ErrorKind.TIMEOUT: TextInTimeoutError,
}


@contextmanager
def public_errors() -> Iterator[None]:
    """Turn each fault that leaves the block, or the decorated function, into its public error."""
    try:
        yield
    except TextInError:
        raise
    except ApiError as fault:
        raise error_for(fault) from None


def error_for(fault: ApiError) -> TextInError:
    """Return the public error for a fault."""
    return _CLASSES[fault.kind](**fault.to_dict())
