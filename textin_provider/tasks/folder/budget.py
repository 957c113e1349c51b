"""What a run may still send: documents, and pages as far as they are known."""

from __future__ import annotations


class Budget:
    """
    Bounds the documents and pages that a run sends.

    A document whose pages are not known counts as one page until its result tells them.

    :param sent: documents that earlier tries of the run have sent.
    :param pages: pages of their results, one for each document without a result yet.
    """

    def __init__(
        self, max_documents: int | None = None, max_pages: int | None = None, *, sent: int = 0, pages: int = 0
    ) -> None:
        self._max_documents = max_documents
        self._max_pages = max_pages
        self._sent = sent
        self._pages = pages

    def allows(self, pages: int | None = None) -> bool:
        """Return whether one more document may be sent."""
        if self._max_documents is not None and self._sent >= self._max_documents:
            return False
        return self._max_pages is None or self._pages + (pages or 1) <= self._max_pages

    def spend(self, pages: int | None = None) -> None:
        """Count a document that is about to be sent."""
        self._sent += 1
        self._pages += pages or 1

    def take_back(self, pages: int | None = None) -> None:
        """Count a document no more: nothing of it was accepted."""
        self._sent -= 1
        self._pages -= pages or 1

    def correct(self, pages: int | None, counted: int | None = None) -> None:
        """Replace the pages that were counted for a document by those of its result."""
        if pages is not None:
            self._pages += pages - (counted or 1)

    @property
    def limit(self) -> str:
        """The limit that is reached, as messages name it."""
        if self._max_documents is not None and self._sent >= self._max_documents:
            return f"max_documents={self._max_documents} is reached"
        return f"max_pages={self._max_pages} is reached"
