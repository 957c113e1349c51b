"""The arguments of a run, and what a deferral keeps of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textin_provider.api.xparse.on_partial import OnPartial
    from textin_provider.hooks.paths import PathValue


@dataclass(frozen=True)
class FolderOptions:
    """The arguments of the operator, rendered and checked; durations in seconds."""

    source: Any
    output_path: PathValue
    config: Mapping[str, Any] | str | None
    on_partial: OnPartial
    source_conn_id: str | None
    output_conn_id: str | None
    max_documents: int | None
    max_pages: int | None
    max_in_flight: int | None
    retry_failed: bool
    resubmit_uncertain: bool
    raise_on_failure: bool
    deferrable: bool
    poll_interval: float
    timeout: float
    rate_limit_timeout: float


@dataclass(frozen=True)
class Leg:
    """
    What a deferral keeps for the next leg of a run.

    :param deadline: epoch seconds until which the run waits.
    :param window: the size of the window.
    :param stopped: the error for which the run sends no more.
    """

    deadline: float
    window: int | None = None
    stopped: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the leg as Airflow stores it."""
        return {"deadline": self.deadline, "window": self.window, "stopped": self.stopped}
