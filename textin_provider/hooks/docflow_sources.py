"""The files or URLs of one upload to DocFlow, and how it finds out which of them its batch already has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from textin_provider.api.docflow.roster import name_in_url
from textin_provider.api.docflow.upload import MAX_FILE_BYTES, check_sources
from textin_provider.api.errors import bad_input
from textin_provider.api.text import one_line, redact_url
from textin_provider.hooks.storage import document_identity, open_document

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from textin_provider.api.inputs import Document

    #: Returns batch number and how to resume, for the sources and options of an upload.
    PlanBatch: TypeAlias = Callable[["Sources", Mapping[str, Any]], tuple[str | None, "Resume"]]


@dataclass(frozen=True)
class Resume:
    """
    How an upload finds out what its batch already has.

    :param asks_first: whether the batch is asked before anything is sent.
    :param may_have_sent: whether an earlier try may have sent files, which the batch may list late.
    :param is_exclusive: whether the batch can hold files of this upload alone.
    """

    asks_first: bool
    may_have_sent: bool
    is_exclusive: bool

    @classmethod
    def of_task(cls, batch_number: str | None) -> Resume:
        """Return how an upload resumes in the try of the running task; outside of a task it asks first."""
        if batch_number is None or not str(batch_number).strip():
            fix = "Pass the batch_number that every try uses, e.g. one made of the run id"
            raise bad_input("resume", True, "there is no batch_number", fix)
        from airflow.providers.common.compat.sdk import get_current_context

        try:
            is_first_try = get_current_context()["ti"].try_number <= 1
        except Exception:  # of any class: Airflow has one for each of its versions
            is_first_try = False
        return cls(asks_first=not is_first_try, may_have_sent=True, is_exclusive=False)


@dataclass(frozen=True)
class Sources:
    """
    The checked sources of an upload.

    :param addresses: paths or URLs.
    :param names: as DocFlow is to name the files.
    """

    addresses: Sequence[str]
    names: Sequence[str]
    are_files: bool
    file_conn_id: str | None = None

    @classmethod
    def checked(cls, files: Any, urls: Any, file_conn_id: str | None) -> Sources:
        """Check all files, or all URLs, and find out their names."""
        addresses = check_sources(files, urls)
        if files is None:
            return cls(addresses, [name_in_url(url) for url in addresses], are_files=False)
        names = []
        for file in addresses:
            with open_document("files", file, file_conn_id) as document:
                document.check_size("files", MAX_FILE_BYTES)
                names.append(document.name)
        return cls(addresses, names, are_files=True, file_conn_id=file_conn_id)

    def open(self, source: int) -> AbstractContextManager[Document]:
        """Open the file of a source."""
        return open_document("files", self.addresses[source], self.file_conn_id)

    def identities(self) -> list[Any]:
        """Return plain values that identify each source and its content, of files read for that."""
        if not self.are_files:
            return list(self.addresses)
        return [document_identity("files", file, self.file_conn_id) for file in self.addresses]

    def describe(self, sources: Sequence[int]) -> list[str]:
        """Return the sources as errors and logs name them: names of files, URLs without their queries."""
        texts = self.names if self.are_files else [redact_url(url) for url in self.addresses]
        return [one_line(texts[source]) for source in sources]
