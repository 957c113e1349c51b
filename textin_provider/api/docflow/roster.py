"""Which files of an upload DocFlow has accepted, matched by name: it knows no other mark of a source."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import unquote, urlsplit

from textin_provider.api.text import storable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: ``{"file_id", "task_id", "name", "format"}`` of an accepted file.
Receipt: TypeAlias = dict[str, str | None]

#: Characters that a multipart header cannot hold are sent as HTML defines it.
_AS_SENT = str.maketrans({"\n": "%0A", "\r": "%0D", '"': "%22"})


def name_in_url(url: str) -> str:
    """Return the name that DocFlow is expected to give to the file at a URL: its last path segment."""
    return unquote(urlsplit(url).path).rstrip("/").rpartition("/")[2]


def name_key(name: str) -> str:
    """Return what names of the same file have in common, whatever Unicode form they were stored in."""
    return unicodedata.normalize("NFC", _exact(name).translate(_AS_SENT))


def _exact(name: str) -> str:
    """Return a name as the values of responses are read."""
    return storable(name).strip()


def _spelling(receipt: Receipt) -> str:
    return _exact(receipt["name"] or "")


class Roster:
    """
    The sources of one upload, and the receipts of those that were accepted.

    Sources of the same name are distinguished by their order, that of their addresses, which must be the same
    in every try. So the first ones of a name are accepted if DocFlow has fewer than there are sources.
    That holds as long as each of them is accepted before the next one is sent.

    :param names: of the sources, as DocFlow is to name them.
    :param addresses: of the sources, paths or URLs.
    """

    def __init__(self, names: Sequence[str], addresses: Sequence[str]) -> None:
        self._names = list(names)
        self._keys = [name_key(name) for name in names]
        self._order = _sending_order(self._keys, addresses)
        self._receipts: dict[int, Receipt] = {}
        self._others: list[Receipt] = []

    def __len__(self) -> int:
        return len(self._names)

    @property
    def missing(self) -> list[int]:
        """The sources that are not known to be accepted, in the order in which they are sent."""
        return [source for source in self._order if source not in self._receipts]

    @property
    def accepted(self) -> tuple[Receipt, ...]:
        """The receipts in the order of the sources, then those that belong to no known source."""
        return (*(self._receipts[source] for source in sorted(self._receipts)), *self._others)

    def next_chunk(self, size: int, *, distinct_names: bool) -> list[int]:
        """Return the missing sources to send next, at most ``size``; each name once if so wanted."""
        chunk: list[int] = []
        names: set[str] = set()
        for source in self.missing:
            if len(chunk) == size:
                break
            if not (distinct_names and self._keys[source] in names):
                chunk.append(source)
                names.add(self._keys[source])
        return chunk

    def take(self, sent: Sequence[int], receipts: Sequence[Receipt]) -> list[int]:
        """
        Note the receipts of a response; return the sources that were sent and that it does not name.

        Files under other names than they were sent with are taken in the order of the sources, unless they
        are fewer than the sources that are left.
        """
        found, others = self._match(sent, receipts)
        left = [source for source in sent if source not in found]
        if len(others) >= len(left):
            found |= {source: others.pop(0) for source in left}
            left = []
        self._receipts |= found
        self._others += others
        return left

    def adopt(self, listed: Iterable[Receipt]) -> list[Receipt]:
        """Note the files that the batch lists; return those that match no missing source."""
        known = {receipt["file_id"] for receipt in self._receipts.values()}
        open_ = [receipt for receipt in listed if receipt["file_id"] not in known]
        found, others = self._match(self.missing, open_)
        self._receipts |= found
        ids = {receipt["file_id"] for receipt in found.values()}
        self._others = [receipt for receipt in self._others if receipt["file_id"] not in ids]
        return others

    def _match(
        self, sources: Sequence[int], receipts: Sequence[Receipt]
    ) -> tuple[dict[int, Receipt], list[Receipt]]:
        """Pair sources and receipts of the same name; return the pairs and the receipts that are left."""
        by_key: dict[str, list[Receipt]] = defaultdict(list)
        for receipt in receipts:
            by_key[name_key(_spelling(receipt))].append(receipt)
        found: dict[int, Receipt] = {}
        for key, same_name in _grouped(sources, self._keys).items():
            queue = by_key[key] if key else []
            for source in _exact_first(same_name[: len(queue)], queue, self._names):
                found[source] = _pop(queue, self._names[source])
        taken = {id(receipt) for receipt in found.values()}
        return found, [receipt for receipt in receipts if id(receipt) not in taken]


def _sending_order(keys: Sequence[str], addresses: Sequence[str]) -> list[int]:
    """Return the sources in their order, but those of the same name among themselves by their address."""
    groups = _grouped(range(len(keys)), keys)
    queues = {key: iter(sorted(sources, key=lambda at: addresses[at])) for key, sources in groups.items()}
    return [next(queues[key]) for key in keys]


def _grouped(sources: Iterable[int], keys: Sequence[str]) -> Mapping[str, list[int]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for source in sources:
        groups[keys[source]].append(source)
    return groups


def _exact_first(sources: Sequence[int], receipts: Sequence[Receipt], names: Sequence[str]) -> list[int]:
    """Return the sources of one name, first those whose very spelling is among the receipts."""
    spellings = {_spelling(receipt) for receipt in receipts}
    return sorted(sources, key=lambda source: _exact(names[source]) not in spellings)


def _pop(receipts: list[Receipt], name: str) -> Receipt:
    """Remove and return a receipt of this spelling, else the first one."""
    spellings = [_spelling(receipt) for receipt in receipts]
    return receipts.pop(spellings.index(_exact(name)) if _exact(name) in spellings else 0)
