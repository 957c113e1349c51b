"""How one file shall go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from textin_provider.testing.docflow.status import FAILED, MOVING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


@dataclass(frozen=True)
class FileScript:
    """
    How one file goes; every field has a default, which is an ordinary file.

    A fetch counts if it reaches the file: ``statuses`` and ``vanish_after_fetches`` count the fetches whose
    conditions it meets, ``recognition_status`` included, on whatever page it stands. A child follows the
    fetches of its parent; when it is listed and whether it vanishes is its parent's matter.

    :param status: the final recognition status: 1, 2, 10, any other number to see how a client takes a code
        that is not documented, or ``"never"``, which stays in extraction. None takes what comes of the
        document: 1, or 10 if it is only classified, or 2 if it cannot be read or ``failure_causes`` is given.
    :param failure_causes: why it failed; sent with the status 2 only.
    :param statuses: statuses to show instead of going by the clock, one after each fetch that counts; the
        last one stays. Such a file is read before its upload is answered.
    :param pending_seconds: how long it is queued; None takes the server's default for an upload, the parent's
        time for a child, and 0 for :meth:`TextInServer.add_batch`.
    :param processing_seconds: how long it is worked on after that; None likewise.
    :param name: its name instead of the one it was uploaded with.
    :param format: its format instead of the ending of its name.
    :param category: its category instead of the one guessed from its text or named in the upload.
    :param duration_ms: what it is said to have taken, instead of ``processing_seconds``.
    :param verification_status: its state in human review.
    :param data: what was extracted, instead of what its text holds.
    :param children: the documents it was split or cropped into.
    :param list_children_at_top_level: list the children beside it as well as in it.
    :param task_type: its own task type; a child's is 0 (split off) and can be set to 3 (cropped out) here.
    :param visible_after_seconds: how long it is not listed after it was made.
    :param visible_after_fetches: how many fetches that ask for it do not list it.
    :param vanish_after_fetches: it is deleted after this many fetches that count.
    :param null_fields: names of fields that are null in its record; ``"*"`` stands for all that are optional.
    :param omit_fields: names of fields that are left out of it, likewise, and of the answer to its upload.
    :param file_id: its id instead of a new one.
    :param task_id: the id of its task instead of a new one.
    """

    status: int | Literal["never"] | None = None
    failure_causes: str | None = None
    statuses: Sequence[int] | None = None
    pending_seconds: float | None = None
    processing_seconds: float | None = None
    name: str | None = None
    format: str | None = None
    category: str | None = None
    duration_ms: int | None = None
    verification_status: int = 0
    data: Any = None
    children: tuple[FileScript, ...] = ()
    list_children_at_top_level: bool = False
    task_type: int | None = None
    visible_after_seconds: float = 0.0
    visible_after_fetches: int = 0
    vanish_after_fetches: int | None = None
    null_fields: Collection[str] = ()
    omit_fields: Collection[str] = ()
    file_id: str | None = None
    task_id: str | None = None

    def __post_init__(self) -> None:
        if self.statuses is not None and not self.statuses:
            raise ValueError("statuses: there must be one at least")

    @property
    def chosen_status(self) -> int | None:
        """The status it ends in, None to leave that to the document."""
        if self.statuses:
            return self.statuses[-1]
        if self.status == "never" or self.status in MOVING:
            return None
        if self.status is None and self.failure_causes is not None:
            return FAILED
        return self.status

    @property
    def ends(self) -> bool:
        """Whether it ever ends by the clock."""
        return self.status != "never" and self.status not in MOVING

    @property
    def goes_by_fetches(self) -> bool:
        """Whether what is shown depends on how often it was asked for."""
        return bool(self.statuses or self.visible_after_fetches or self.vanish_after_fetches is not None)
