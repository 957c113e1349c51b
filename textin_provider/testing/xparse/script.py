"""How one job shall go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

OWN_URL = "own"
LEAST_RESULT_BYTES = 1024


@dataclass(frozen=True)
class JobScript:
    """
    How one job goes; every field has a default, which is an ordinary successful job.

    :param status: the final state: ``completed``, ``failed``, ``never`` (the job stays in progress), or any
        other word, such as ``stopped``, to see how a client takes a state that is not documented.
    :param message: why the job failed; sent with the state ``failed`` only.
    :param pending_seconds: how long the job is queued; None takes the server's default.
    :param processing_seconds: how long the job is worked on after that; None takes the server's default.
    :param states: states to show one per poll instead of going by the clock; the last one stays.
    :param result: what the result URL serves instead of the document that was parsed: bytes as they are, text
        as UTF-8, anything else as JSON.
    :param result_bytes: serve a synthetic, valid result of exactly this many bytes (1,024 at least), made
        while it is sent.
    :param wrapped: serve the result inside ``{code, message, data}`` rather than bare.
    :param result_url: ``"own"`` for the server's own URL, another URL to hand out that one, None to complete
        without.
    :param result_token_lifetime: seconds after which a result URL answers 404 and the status endpoint hands
        out a new one.
    :param result_token_downloads: the same after this many downloads.
    :param vanish: the job is not found any more after this many polls.
    """

    status: str = "completed"
    message: str = "document could not be parsed"
    pending_seconds: float | None = None
    processing_seconds: float | None = None
    states: Sequence[str] | None = None
    result: Any = None
    result_bytes: int | None = None
    wrapped: bool = False
    result_url: str | None = OWN_URL
    result_token_lifetime: float | None = None
    result_token_downloads: int | None = None
    vanish: int | None = None

    def __post_init__(self) -> None:
        if self.result_bytes is not None and self.result_bytes < LEAST_RESULT_BYTES:
            raise ValueError(
                f"a synthetic result has {LEAST_RESULT_BYTES} bytes at least, not {self.result_bytes}"
            )

    @property
    def final_state(self) -> str:
        """The state the job ends in."""
        return self.states[-1] if self.states else self.status

    @property
    def ends(self) -> bool:
        """Whether the job ever ends."""
        return self.final_state not in ("never", "pending", "in_progress")
