"""Scripts of xParse jobs and DocFlow files: states, times and results; and the base of their registries."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from textin_provider.testing.docflow.status import FAILED, UNFINISHED
from textin_provider.testing.documents.export_files import FORMATS
from textin_provider.testing.documents.page_ranges import intervals
from textin_provider.testing.responses import SUCCESS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from textin_provider.testing.documents.page_ranges import Pages

Item = TypeVar("Item")
Script = TypeVar("Script")

OWN_URL = "own"
MIN_RESULT_BYTES = 1024


@dataclass(frozen=True)
class JobScript:
    """
    The script of one job; the defaults make an ordinary successful job.

    :param status: the final state: ``completed``, ``partial_completed``, which has a result too, ``failed``,
        ``never`` (the job stays in progress), or any other word, such as ``stopped``, ``deleted`` or
        ``cancelled``, to test a client with a state that is not documented.
    :param message: why the job has no result, sent with the final state. None sends a usual message with
        ``failed`` and none with other states.
    :param pending_seconds: seconds in the state ``pending``; None takes the server's default.
    :param processing_seconds: seconds in the state ``in_progress`` after that; None takes the server's
        default.
    :param states: states to show one per poll, independent of time; the last one stays.
    :param result: the content of the result URL instead of the parsed document: bytes as they are, text as
        UTF-8, anything else as JSON. Pages, exports and images of the script then have no effect.
    :param result_bytes: serve a synthetic, valid result of exactly this many bytes (1,024 at least),
        generated while it is sent.
    :param wrapped: serve the result inside ``{code, message, data}``.
    :param result_url: ``"own"`` for the server's own URL, another URL to return that one, None to complete
        without a URL.
    :param result_token_lifetime: seconds after which a result URL returns HTTP 404 and the status endpoint
        returns a new one.
    :param result_token_downloads: the same after this many downloads.
    :param vanish: the job is not found any more after this many polls.
    :param page_count: number of pages of the document, instead of its own. The text of a document of one
        page is spread over them, and a page without text gets a paragraph.
    :param failed_pages: pages that fail, 1-based: text such as ``"2,5-6"``, or page numbers. They have no
        elements and do not count in ``success_count``. Pages that are not parsed are ignored.
    :param list_pages: put ``pages`` into the result even if the config does not ask for them.
    :param failed_exports: formats of ``config.exports`` whose export fails: ``docx``, ``xlsx``, ``pdf``.
    :param export_lifetime: seconds after which the export files of the result are not found any more; None
        for 30 days.
    :param image_lifetime: seconds after which the image links of the result are not found any more; None for
        no limit.
    :param code: business code of the envelope around the result, e.g. 50207 for failed pages. Another code
        than 200 wraps the result.
    """

    status: str = "completed"
    message: str | None = None
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
    page_count: int | None = None
    failed_pages: Pages = ()
    list_pages: bool = False
    failed_exports: Collection[str] = ()
    export_lifetime: float | None = None
    image_lifetime: float | None = None
    code: int = SUCCESS

    def __post_init__(self) -> None:
        if self.result_bytes is not None and self.result_bytes < MIN_RESULT_BYTES:
            raise ValueError(f"result_bytes: {self.result_bytes} is less than {MIN_RESULT_BYTES}")
        if self.page_count is not None and self.page_count < 1:
            raise ValueError(f"page_count: {self.page_count} is less than 1")
        for name in self.failed_exports:
            if name not in FORMATS:
                raise ValueError(f"failed_exports: {name!r} is not one of {', '.join(FORMATS)}")
        self._check_failed_pages()

    def _check_failed_pages(self) -> None:
        try:
            ranges = intervals(self.failed_pages)
        except ValueError as exc:
            raise ValueError(f"failed_pages: {exc}") from None
        last = max((last for _, last in ranges), default=0)
        if self.page_count is not None and last > self.page_count:
            raise ValueError(f"failed_pages: page {last} is beyond page_count {self.page_count}")

    @property
    def final_state(self) -> str:
        """The state in which the job ends."""
        return self.states[-1] if self.states else self.status

    @property
    def is_wrapped(self) -> bool:
        """Whether the result is served inside an envelope."""
        return self.wrapped or self.code != SUCCESS

    @property
    def ends(self) -> bool:
        """Whether the job ever ends."""
        return self.final_state not in ("never", "pending", "in_progress")


@dataclass(frozen=True)
class FileScript:
    """
    The script of one file; the defaults make an ordinary file.

    Only fetches that match the file count: ``statuses`` and ``vanish_after_fetches`` count the fetches whose
    conditions the file meets, ``recognition_status`` included, whatever page the file is on. A child counts
    the fetches of its parent, and is listed and deleted with its parent.

    :param status: the final recognition status: 1, 2, 10, any other number to test a client with a code that
        is not documented, or ``"never"``, which stays in extraction. None derives it from the document: 1, or
        10 if the file is only classified, or 2 if it cannot be read or ``failure_causes`` is given.
    :param failure_causes: why the file failed; sent with the status 2 only.
    :param statuses: statuses to show independent of time, one after each fetch that counts; the last one
        stays. Such a file is read before the upload's response is sent.
    :param pending_seconds: seconds in the queue; None takes the server's default for an upload, the parent's
        time for a child, and 0 for :meth:`TextInServer.add_batch`.
    :param processing_seconds: seconds in processing after that; None likewise.
    :param name: its name instead of the uploaded one.
    :param format: its format instead of the extension of its name.
    :param category: its category instead of the one that the upload names or that is guessed from the text.
    :param duration_ms: its duration instead of ``processing_seconds``.
    :param verification_status: its status in human verification.
    :param data: its extracted data instead of what its text contains.
    :param children: the documents into which it was split or cropped.
    :param list_children_at_top_level: list the children beside it as well as inside it.
    :param task_type: its own task type; that of a child is 0 (split off) by default, 3 means cropped out.
    :param visible_after_seconds: seconds after its creation before it is listed.
    :param visible_after_fetches: number of matching fetches before it is listed.
    :param accepted: whether an upload takes the file. One that it does not take is not billed, not listed and
        not named in the response, which reports success all the same.
    :param named: whether the response to its upload names the file.
    :param vanish_after_fetches: delete it after this many fetches that count.
    :param null_fields: names of fields that are null in its JSON; ``"*"`` stands for all optional ones.
    :param omit_fields: names of fields that are absent from its JSON, likewise, and from the response to its
        upload.
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
    accepted: bool = True
    named: bool = True
    vanish_after_fetches: int | None = None
    null_fields: Collection[str] = ()
    omit_fields: Collection[str] = ()
    file_id: str | None = None
    task_id: str | None = None

    def __post_init__(self) -> None:
        if self.statuses is not None and not self.statuses:
            raise ValueError("statuses: at least one is required")

    @property
    def chosen_status(self) -> int | None:
        """The final status, None to derive it from the document."""
        if self.statuses:
            return self.statuses[-1]
        if self.status == "never" or self.status in UNFINISHED:
            return None
        if self.status is None and self.failure_causes is not None:
            return FAILED
        return self.status

    @property
    def ends(self) -> bool:
        """Whether the file ever ends by time."""
        return self.status != "never" and self.status not in UNFINISHED

    @property
    def depends_on_fetches(self) -> bool:
        """Whether the number of fetches changes the file."""
        return bool(self.statuses or self.visible_after_fetches or self.vanish_after_fetches is not None)


class ScriptedRegistry(Mapping[str, Item], Generic[Item, Script]):
    """
    A mapping of the jobs or files of one server by id, oldest first, with the scripts for the next ones.

    ``pending_seconds`` and ``processing_seconds`` are the defaults of the server.
    """

    def __init__(
        self, pending_seconds: float, processing_seconds: float, default_script: Callable[[], Script]
    ) -> None:
        self.default_seconds = pending_seconds, processing_seconds
        self._items: dict[str, Item] = {}
        self._scripts: deque[Script] = deque()
        self._default_script = default_script

    def __getitem__(self, item_id: str) -> Item:
        return self._items[item_id]

    def __iter__(self) -> Iterator[str]:
        # A copy, since a test may iterate while the server adds items.
        return iter(list(self._items))

    def __len__(self) -> int:
        return len(self._items)

    def queue_script(self, script: Script) -> None:
        """Use ``script`` for the next submitted job or uploaded file."""
        self._scripts.append(script)

    def next_script(self) -> Script:
        """Return the script of the job or file that is being created."""
        return self._scripts.popleft() if self._scripts else self._default_script()

    def peek_script(self) -> Script:
        """Return the script that the next job or file will have, unless another one is created before it."""
        return self._scripts[0] if self._scripts else self._default_script()
