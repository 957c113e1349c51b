"""
Errors of files and object storage, judged by what they are: gone, denied, full, changed, busy, or unknown.

Storage libraries have no common class of errors: botocore carries a response with a code, gcsfs and adlfs a
status, s3fs translates to OSError and keeps the cause, and the operating system has errno.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class StorageProblem(Enum):
    """What an error of a storage means: its words, whether a retry may succeed, and what the user can do."""

    GONE = ("it does not exist", False, "Check the path")
    DENIED = ("access is denied", False, "Check the credentials of the storage, and their permissions")
    UNSUITABLE = ("the path is not usable", False, "Correct the path")
    FULL = ("no space is left", True, "Free space there, or raise its quota")
    CHANGED = ("it was changed meanwhile", True, "Let the process that writes it finish first, then retry")
    BUSY = ("the storage is overloaded or unreachable", True, "Temporary; retry later")
    UNKNOWN = ("unknown error of the storage", True, "Retry later; check the storage and its connection")

    def __init__(self, meaning: str, is_transient: bool, fix: str) -> None:
        self.meaning = meaning
        self.is_transient = is_transient
        self.fix = fix


def _patterns(table: dict[str, StorageProblem]) -> dict[re.Pattern[str], StorageProblem]:
    return {re.compile(pattern, re.IGNORECASE): problem for pattern, problem in table.items()}


#: Codes of object storages. They decide before the status: an expired token of S3 comes with HTTP 400, a full
#: Ceph with 403, an aborted upload with 404.
_CODES = _patterns(
    {
        r"Quota|StorageFull|InsufficientStorage|NoSpace": StorageProblem.FULL,
        r"SlowDown|Throttl|TooManyRequests|RateLimit|LimitExceeded|Busy|TimedOut|RequestTimeout|InternalError|"
        r"ServiceUnavailable|OperationAborted|PriorRequest|ThroughputExceeded": StorageProblem.BUSY,
        r"PreconditionFailed|ConditionNotMet|ConditionalRequestConflict|InvalidRange|NoSuchUpload": (
            StorageProblem.CHANGED
        ),
        r"AccessDenied|Expired.*Token|InvalidToken|InvalidAccessKey|SignatureDoesNotMatch|Unauthorized|"
        r"Forbidden|AuthenticationFailed|AuthorizationFailure": StorageProblem.DENIED,
        r"NoSuch(Key|Bucket|Object)|(Blob|Container|Resource|Path|Filesystem)NotFound": StorageProblem.GONE,
    }
)
_STATUSES = {
    **dict.fromkeys((401, 403), StorageProblem.DENIED),
    **dict.fromkeys((404, 410), StorageProblem.GONE),
    **dict.fromkeys((409, 412, 416), StorageProblem.CHANGED),
    **dict.fromkeys((408, 423, 425, 429, *range(500, 600)), StorageProblem.BUSY),
    507: StorageProblem.FULL,
}
#: Classes whose errors may carry neither code nor status; by name, so that no library is imported for them.
_CLASSES = _patterns(
    {
        r"FileExpired|ResourceModified": StorageProblem.CHANGED,
        r"Credential|Unauthorized|Authentication|RefreshError|ProfileNotFound|SSOToken|TokenRetrieval": (
            StorageProblem.DENIED
        ),
        r"ResourceNotFound": StorageProblem.GONE,
        r"Timeout|Connect|Transport|Protocol|Payload|Streaming|IncompleteRead|MaxRetry|HTTPClient|"
        r"ServiceRe(quest|sponse)|gaierror|SSL|SSH": StorageProblem.BUSY,
    }
)
_ERRNOS = {
    getattr(errno, name): problem
    for names, problem in {
        "ENOENT": StorageProblem.GONE,
        "EACCES EPERM EROFS": StorageProblem.DENIED,
        "ENOTDIR EISDIR EEXIST ENAMETOOLONG ELOOP": StorageProblem.UNSUITABLE,
        "ENOSPC EDQUOT EFBIG": StorageProblem.FULL,
        "ESTALE": StorageProblem.CHANGED,
        "EBUSY EAGAIN ETIMEDOUT ECONNRESET ECONNREFUSED ECONNABORTED EPIPE ENOTCONN EHOSTDOWN EHOSTUNREACH "
        "ENETDOWN ENETUNREACH ENETRESET": StorageProblem.BUSY,
    }.items()
    for name in names.split()
}
#: For errors of these classes that have no errno.
_BUILTINS = {
    FileNotFoundError: StorageProblem.GONE,
    PermissionError: StorageProblem.DENIED,
    NotADirectoryError: StorageProblem.UNSUITABLE,
    IsADirectoryError: StorageProblem.UNSUITABLE,
    FileExistsError: StorageProblem.UNSUITABLE,
    ConnectionError: StorageProblem.BUSY,
    TimeoutError: StorageProblem.BUSY,
}


def problem_of(error: BaseException) -> StorageProblem:
    """
    Return what an error of a storage library or of the operating system means.

    What a library says decides before the class that it was translated to, an error before its causes, and
    causes before an error that was handled when it was raised.
    """
    for chain in (_chain(error, _cause), _chain(error, _cause_or_context)):
        for judge in (_by_library, _by_system):
            problem = next(filter(None, map(judge, chain)), None)
            if problem is not None:
                return problem
    return StorageProblem.UNKNOWN


def _cause(error: BaseException) -> BaseException | None:
    return error.__cause__


def _cause_or_context(error: BaseException) -> BaseException | None:
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _chain(
    error: BaseException, following: Callable[[BaseException], BaseException | None]
) -> list[BaseException]:
    chain = [error]
    while (following_error := following(chain[-1])) is not None and following_error not in chain:
        chain.append(following_error)
    return chain


def _by_library(error: BaseException) -> StorageProblem | None:
    """Judge by the code, the HTTP status or the class of a library."""
    codes, statuses = _codes_of(error)
    by_status = next((_STATUSES[status] for status in statuses if status in _STATUSES), None)
    return _by_name(_CODES, codes) or by_status or _by_name(_CLASSES, _class_names(error))


def _by_name(table: dict[re.Pattern[str], StorageProblem], names: Iterable[str]) -> StorageProblem | None:
    return next((table[pattern] for pattern in table if any(map(pattern.search, names))), None)


def _codes_of(error: BaseException) -> tuple[list[str], list[int]]:
    """Return the codes and HTTP statuses that an error carries."""
    found: list[Any] = [
        getattr(error, name, None) for name in ("error_code", "code", "status", "status_code")
    ]
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):  # of botocore
        for part, name in (("Error", "Code"), ("ResponseMetadata", "HTTPStatusCode")):
            values = response.get(part)
            found.append(values.get(name) if isinstance(values, Mapping) else None)
    else:
        found += [getattr(response, name, None) for name in ("status_code", "status")]
    plain = [getattr(value, "value", value) for value in found]
    codes = [value for value in plain if isinstance(value, str)]
    statuses = [int(value) for value in plain if isinstance(value, int) or str(value).isdecimal()]
    # Google Cloud Storage says only in the text that a 403 is a limit.
    return codes + re.findall(r"\b\w*(?:rateLimit|quota)Exceeded\b", str(error), re.IGNORECASE), statuses


def _class_names(error: BaseException) -> list[str]:
    return [one.__name__ for one in type(error).__mro__ if one.__module__ != "builtins"]


def _by_system(error: BaseException) -> StorageProblem | None:
    """Judge by errno or a class of Python."""
    if isinstance(error, OSError) and error.errno in _ERRNOS:
        return _ERRNOS[error.errno]
    return next((_BUILTINS[one] for one in _BUILTINS if isinstance(error, one)), None)


@dataclass(frozen=True)
class Place:
    """
    A place that is read or written, as errors name it.

    :param about: parameter and path, or the temporary folder: ``"file='s3://bucket/a.pdf'"``.
    :param action: what cannot be done there: ``"the source is not readable"``.
    :param fixes: what the user can do about a problem, where the place knows better.
    """

    about: str
    action: str
    fixes: Mapping[StorageProblem, str] = field(default_factory=dict)

    def error(self, error: Exception) -> ApiError:
        """Return the provider's error for an error of the storage."""
        problem = problem_of(error)
        kind = ErrorKind.STORAGE if problem.is_transient else ErrorKind.REQUEST
        message = f"{problem.meaning}: {self.action}: {_describe(error)}"
        fix = self.fixes.get(problem, problem.fix)
        return ApiError(kind, about=self.about, message=message, fix=fix)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Raise the provider's error for an error of a call into the storage; nothing else belongs inside."""
        try:
            yield
        except ApiError:
            raise
        except Exception as error:  # of any class: storage libraries have no common one
            # Without its cause: the texts of libraries contain whole URLs with their signatures.
            raise self.error(error) from None


def _describe(error: Exception) -> str:
    """Return the text of an error as one line, with its class if the text may not say enough."""
    text = one_line(error)
    if text and isinstance(error, OSError):
        return text
    return f"{type(error).__name__}: {text}".removesuffix(": ")
