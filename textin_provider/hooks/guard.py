"""
The guard of a POST: no exception after its first byte may lead to a second one.

TextIn bills what it accepts, and a POST cannot be repeated safely. So from its first byte until its value is
handed over, an exception of any class, signals and timeouts included, becomes an uncertain submit, which no
retry repeats, unless an error proves that nothing was accepted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.text import one_line

if TYPE_CHECKING:
    from textin_provider.api.protocol import Request, Response

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class PostRecord(Protocol[T_contra]):
    """Where a POST is written down, so that a later try knows of it."""

    def sending(self) -> None:
        """Write down that a POST is about to go out; nothing is sent if this raises."""

    def refused(self) -> None:
        """Withdraw that: nothing was accepted."""

    def accepted(self, value: T_contra) -> None:
        """Write down what was accepted."""


class NoRecord:
    """A record that keeps nothing."""

    def sending(self) -> None:
        """Do nothing."""

    def refused(self) -> None:
        """Do nothing."""

    def accepted(self, value: object) -> None:
        """Do nothing."""


class GuardedPost(Generic[T]):
    """
    What is known of one POST, over all attempts to send it.

    :ivar request: the request to send; reading its response keeps the value here.
    """

    def __init__(self, request: Request[T], record: PostRecord[T]) -> None:
        self.request = replace(request, read=self._read)
        self._read_value = request.read
        self._record = record
        self._is_recorded = False
        self._may_be_accepted = False
        self._values: list[T] = []

    def sending(self) -> None:
        """Write down the intent, right before the transport is called."""
        self._record.sending()
        self._is_recorded = True
        # Only a form tells when its first bytes are taken; any other body is sent with the headers.
        self._may_be_accepted = not self.request.parts

    def on_first_bytes(self) -> None:
        """Note that the body of the request begins to be sent."""
        self._may_be_accepted = True

    def _read(self, response: Response) -> T:
        value = self._read_value(response)
        self._values.append(value)
        return value

    def hand_over(self) -> T:
        """Write down the value and return it."""
        [value] = self._values
        self._record.accepted(value)
        return value

    def attempt_failed(self, error: ApiError) -> None:
        """Withdraw the intent unless the error is uncertain: then nothing was accepted."""
        if not self._values and error.kind is not ErrorKind.UNCERTAIN:
            self._may_be_accepted = False
            self._withdraw()

    def _withdraw(self) -> None:
        if self._is_recorded:
            self._record.refused()
            self._is_recorded = False

    def final_error(self, error: BaseException) -> BaseException:
        """Return what the POST fails with: the same error, or an uncertain one."""
        if is_uncertain(error):
            return error
        if self._values:
            return accepted_but_failed(self.request.about, self._values[0], error)
        if not self._may_be_accepted:
            self._withdraw()
            return error
        return interrupted(self.request.about, error)


def is_uncertain(error: BaseException) -> bool:
    """Whether an error says that documents may have been accepted."""
    return isinstance(error, ApiError) and error.kind is ErrorKind.UNCERTAIN


def interrupted(about: str, error: BaseException) -> ApiError:
    """Return the error of a POST that broke off after its first byte, for a reason of any class."""
    return ApiError(ErrorKind.UNCERTAIN, about=about, message=_reason(error)).as_uncertain()


def accepted_but_failed(about: str, value: object, error: BaseException) -> ApiError:
    """Return the error of a POST whose value is known, but could not be handed over."""
    return ApiError(
        ErrorKind.UNCERTAIN,
        about=about,
        message=f"TextIn accepted it as {one_line(value)}, then {_reason(error)}",
        fix="Continue with that id; sending the documents again would be billed again",
    )


def _reason(error: BaseException) -> str:
    """Return class and text of an error, on one line; some classes cannot even say their text."""
    text: Any = ""
    try:
        text = str(error)
    except Exception:  # of any class: the error must be told all the same
        text = "no text"
    return one_line(f"it was interrupted by {type(error).__name__}" + (f": {text}" if text else ""))
