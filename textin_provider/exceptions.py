"""
The errors of this provider: one base, one class for each kind of error, chosen by TextIn's code alone.

::

    TextInError
    ├── transient: the task's ``retries`` and retry policies apply
    │   ├── TextInRateLimitError          too many requests
    │   ├── TextInServerError             TextIn or its gateway failed
    │   ├── TextInTransportError          no response
    │   ├── TextInStorageError            a file or object storage failed
    │   ├── TextInBadResultError          no usable result at ``result_url``
    │   ├── TextInTimeoutError            a job did not end in time
    │   └── TextInDocumentFailedError     a retry submits the document again
    └── permanent: also an AirflowFailException, so the task fails without retry and ``soft_fail`` applies
        ├── TextInAuthenticationError     wrong credentials
        ├── TextInConfigurationError      malformed Airflow connection
        ├── TextInQuotaError              balance too low
        ├── TextInRequestError            invalid request or document
        ├── TextInUncertainSubmitError    a submit may have been accepted
        ├── TextInJobFailedError          xParse could not parse the document
        ├── TextInPartialResultError      xParse parsed some pages only; the result is stored
        └── TextInFilesFailedError        DocFlow could not process some files

The names are public: write retry rules against them (``textin_provider.exceptions.TextInRateLimitError``).
Every error carries ``code``, ``message``, ``detail``, ``request_id`` and ``fix``; its text is one line with
the failed operation, its id, the reason and the fix.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import AirflowFailException

from textin_provider.api.errors import ApiError, ErrorKind


class TextInError(ApiError):
    """Base of all errors of TextIn and of this provider."""


class TextInRateLimitError(TextInError, kind=ErrorKind.RATE_LIMIT):
    """TextIn asked for fewer requests (40306; DocFlow 423, 429, 900). Transient; nothing was accepted."""


class TextInServerError(TextInError, kind=ErrorKind.SERVER):
    """
    TextIn failed (500, 30203, 40428, 50011, 50012), or a gateway responded in its place (no envelope).

    Transient; of a submit, nothing was accepted.
    """


class TextInTransportError(TextInError, kind=ErrorKind.TRANSPORT):
    """
    No response: refused, reset, timed out, no DNS or TLS, or Airflow could not read the connection.

    Transient; nothing can have been accepted.
    """


class TextInStorageError(TextInError, kind=ErrorKind.STORAGE):
    """
    A document could not be read, or a result not written: the storage is overloaded, unreachable or full.

    Also a document that was changed while it was read. Transient; a missing file and denied access are a
    ``TextInRequestError``. A document that could not be read to its end was not accepted.
    """


class TextInBadResultError(TextInError, kind=ErrorKind.RESULT):
    """``result_url`` leads to no valid result, or is missing. Transient: downloads are free of charge."""


class TextInTimeoutError(TextInError, kind=ErrorKind.TIMEOUT):
    """A job did not end within its timeout. Transient: TextIn continues to work on it."""


class TextInDocumentFailedError(TextInError):
    """The job of an operator failed or is lost; a retry submits the document again."""


class TextInAuthenticationError(TextInError, AirflowFailException, kind=ErrorKind.AUTHENTICATION):
    """App ID or Secret code is empty or wrong, or this IP not allowed (401, 403, 40101-40103). Permanent."""


class TextInConfigurationError(TextInError, AirflowFailException, kind=ErrorKind.CONFIGURATION):
    """The Airflow connection is missing, incomplete or malformed. Permanent."""


class TextInQuotaError(TextInError, AirflowFailException, kind=ErrorKind.QUOTA):
    """The balance is too low or the free quota used up (40003, 40307). Permanent."""


class TextInRequestError(TextInError, AirflowFailException, kind=ErrorKind.REQUEST):
    """
    TextIn refused the request or the document (400, 40004, 403xx, 404xx, ten-digit and unlisted codes).

    Also an invalid parameter or path, before anything is sent. Permanent; nothing was accepted.
    """


class TextInUncertainSubmitError(TextInError, AirflowFailException, kind=ErrorKind.UNCERTAIN):
    """
    A submit broke off after it was sent, or its response is a gateway's, or names an id beside an error.

    The document may have been accepted and billed. Not retried.
    """


class TextInJobFailedError(TextInError, AirflowFailException, kind=ErrorKind.JOB_FAILED):
    """TextIn could not parse the document; ``message`` is its reason. Permanent."""


class TextInPartialResultError(TextInError, AirflowFailException, kind=ErrorKind.PARTIAL_RESULT):
    """
    Pages of the document, or exports of its result, are missing, and ``on_partial`` is ``"fail"``.

    What there is is stored. Permanent: a retry would find the same result.
    """


class TextInFilesFailedError(TextInError, AirflowFailException, kind=ErrorKind.FILES_FAILED):
    """DocFlow could not process some files; ``message`` lists their ``failure_causes``. Permanent."""
