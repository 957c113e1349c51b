"""The intent of a submit, written down before it is sent; the job that TextIn accepts replaces it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.text import one_line

#: The state of a stored intent; a stored job has none.
SUBMITTING = "submitting"


@dataclass(frozen=True)
class SubmitIntent:
    """
    A submit that was about to be sent.

    :param document: name or redacted address of the document, for messages.
    :param reported_max_tries: ``max_tries`` of the task instance when the task failed and said so; None
        before. Airflow raises ``max_tries`` when a person clears the task, and not for a retry.
    """

    fingerprint: str
    document: str
    started_at: datetime
    reported_max_tries: int | None = None

    @property
    def about(self) -> str:
        """The operation, as errors name it."""
        return f"xParse submit of {self.document}"

    def to_dict(self) -> dict[str, Any]:
        """Return the intent as the store keeps it."""
        started = self.started_at.isoformat(timespec="seconds")
        value: dict[str, Any] = {
            "state": SUBMITTING,
            "fingerprint": self.fingerprint,
            "document": self.document,
        }
        if self.reported_max_tries is not None:
            value["reported_max_tries"] = self.reported_max_tries
        return value | {"started_at": started}

    @classmethod
    def from_dict(cls, value: Any) -> SubmitIntent:
        """
        Build the intent that :meth:`to_dict` described.

        :raises TypeError, KeyError, ValueError: if the value is another one.
        """
        reported = value.get("reported_max_tries")
        started_at = datetime.fromisoformat(value["started_at"])
        return cls(str(value["fingerprint"]), one_line(value["document"]), started_at, reported)

    def was_cleared(self, max_tries: int) -> bool:
        """Whether a person cleared the task after it had failed for this intent."""
        return self.reported_max_tries is not None and max_tries > self.reported_max_tries

    def error(self) -> ApiError:
        """Return the error of a try that finds this intent."""
        started = self.started_at.isoformat(timespec="seconds")
        message = f"a submit that began at {started} did not end, perhaps because its worker died"
        fix = "Look in the TextIn console; clear the task to send it again, or set resubmit_uncertain=True"
        error = ApiError(ErrorKind.UNCERTAIN, about=self.about, message=message).as_uncertain()
        return error.replace(fix=fix)
