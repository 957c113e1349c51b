"""Which sources of an upload are accepted, by the names of responses and lists."""

from __future__ import annotations

from typing import Any

import pytest

from textin_provider.api.docflow.models import files_of
from textin_provider.api.docflow.roster import Receipt, Roster, name_in_url, name_key
from textin_provider.api.docflow.upload import listed_receipts

E_ACUTE, E_AND_ACUTE = "é.pdf", "e\u0301.pdf"


def receipt(file_id: str | None, name: str | None) -> Receipt:
    return {"file_id": file_id, "task_id": None, "name": name, "format": None}


def receipts(*names: str | None) -> list[Receipt]:
    return [receipt(str(number), name) for number, name in enumerate(names)]


def roster(*names: str) -> Roster:
    return Roster(names, [f"{number:03}/{name}" for number, name in enumerate(names)])


def accepted(of: Roster) -> list[str | None]:
    return [receipt["file_id"] for receipt in of.accepted]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://h/a/b.pdf", "b.pdf"),
        ("https://h/a/b.pdf?sign=x#p", "b.pdf"),
        ("https://h/%E5%8F%91%E7%A5%A8%201.pdf", "发票 1.pdf"),
        ("https://h/a/", "a"),
        ("https://h/a/MAX", "MAX"),
        ("https://h/a%2Fb.pdf", "b.pdf"),
        ("https://h", ""),
        ("https://h/", ""),
    ],
)
def test_the_name_of_a_url_is_its_last_segment(url: str, name: str) -> None:
    assert name_in_url(url) == name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (E_ACUTE, E_AND_ACUTE),
        ('a"b.pdf', "a%22b.pdf"),
        (" a.pdf ", "a.pdf"),
        ("a\udc80", "a?"),
        ("a\nb", "a%0Ab"),
    ],
)
def test_names_that_travel_in_another_form_are_the_same(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(("one", "other"), [("a.pdf", "A.pdf"), ("a.pdf", "a.pdf.pdf"), ("1.pdf", "11.pdf")])
def test_other_names_are_not_the_same(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


def test_chunks_keep_the_order_and_take_each_name_once() -> None:
    sources = roster("a", "b", "a", "c", "a")
    assert sources.next_chunk(10, distinct_names=True) == [0, 1, 3]
    assert sources.next_chunk(2, distinct_names=True) == [0, 1]
    assert sources.next_chunk(4, distinct_names=False) == [0, 1, 2, 3]
    sources.take([0, 1, 3], receipts("a", "b", "c"))
    assert sources.next_chunk(10, distinct_names=True) == [2]


def test_names_that_differ_in_unicode_form_are_not_sent_together() -> None:
    assert roster(E_ACUTE, E_AND_ACUTE).next_chunk(10, distinct_names=True) == [0]


def test_sources_of_one_name_are_sent_in_the_order_of_their_addresses() -> None:
    sources = Roster(["a", "b", "a"], ["z/a", "y/b", "x/a"])
    assert sources.missing == [2, 1, 0]


def test_a_response_is_matched_by_name_in_any_order() -> None:
    sources = roster("a", "b", "c")
    assert sources.take([0, 1, 2], receipts("c", "a", "b")) == []
    assert accepted(sources) == ["1", "2", "0"]


def test_the_same_spelling_comes_first() -> None:
    sources = roster(E_AND_ACUTE, E_ACUTE)
    assert sources.adopt(receipts(E_ACUTE, E_AND_ACUTE)) == []
    assert accepted(sources) == ["1", "0"]


def test_fewer_files_of_a_name_are_the_first_ones_whatever_their_spelling() -> None:
    sources = roster(E_AND_ACUTE, E_ACUTE)
    assert sources.adopt(receipts(E_ACUTE)) == []
    assert sources.missing == [1]


def test_a_source_whose_spelling_is_listed_is_matched_before_the_others_of_its_name() -> None:
    sources = roster('é"', "é%22")
    assert sources.adopt(receipts("é%22", "e\u0301%22")) == []
    assert accepted(sources) == ["1", "0"]


def test_receipts_of_later_responses_are_added_to_the_earlier_ones() -> None:
    sources = roster("a", "b")
    sources.take([0], [receipt("1", "a"), receipt("2", "x")])
    sources.take([1], [receipt("3", "b"), receipt("4", "y")])
    assert accepted(sources) == ["1", "3", "2", "4"]


@pytest.mark.parametrize("names", [("x", "y"), (None, None), ("x", None), ("b", "x")])
def test_other_names_are_taken_in_the_order_of_the_sources(names: tuple[str | None, ...]) -> None:
    sources = roster("a", "b")
    assert sources.take([0, 1], receipts(*names)) == []
    assert len(sources.accepted) == 2
    assert sources.missing == []
    assert accepted(sources) == (["1", "0"] if names[0] == "b" else ["0", "1"])


@pytest.mark.parametrize(
    ("names", "left"), [(["b"], [0, 2]), ([], [0, 1, 2]), (["b", "x"], [0, 2]), ([None], [0, 1, 2])]
)
def test_sources_that_a_response_does_not_name_are_left(names: list[str | None], left: list[int]) -> None:
    sources = roster("a", "b", "c")
    assert sources.take([0, 1, 2], receipts(*names)) == left
    assert sources.missing == left
    assert len(sources.accepted) == len(names), "a file under another name is accepted all the same"


def test_more_files_than_sources_are_kept_at_the_end() -> None:
    sources = roster("a")
    assert sources.take([0], receipts("x", "a")) == []
    assert accepted(sources) == ["1", "0"]


def test_listed_files_are_taken_once_however_often_they_are_listed() -> None:
    sources = roster("a", "a")
    for _ in range(2):
        assert sources.adopt([receipt("1", "a")]) == []
        assert sources.missing == [1]
    assert sources.adopt([receipt("1", "a"), receipt("2", "a")]) == []
    assert accepted(sources) == ["1", "2"]


def test_a_file_that_is_known_by_its_id_is_not_unknown_under_another_name() -> None:
    sources = roster("a", "b")
    sources.take([0], [receipt("1", "x")])
    assert sources.adopt([receipt("1", "x"), receipt("2", "y")]) == [receipt("2", "y")]
    assert sources.missing == [1]


def test_a_file_without_a_known_source_finds_it_in_the_list() -> None:
    sources = roster("a", "b", "c")
    sources.take([0, 1, 2], [receipt("1", None)])
    assert sources.adopt([receipt("1", "b")]) == []
    assert sources.accepted == (receipt("1", "b"),)
    assert sources.missing == [0, 2]


def test_a_list_without_names_matches_nothing() -> None:
    sources = Roster(["", "a"], ["https://h", "https://h/a"])
    assert sources.adopt([receipt("1", None), receipt("2", "")]) == [receipt("1", None), receipt("2", "")]
    assert sources.missing == [0, 1]


def test_parts_of_documents_are_not_among_the_uploads_of_a_list() -> None:
    child: dict[str, Any] = {"id": "2", "name": "a_1.pdf", "child_files": [{"id": "3", "name": "a_2.pdf"}]}
    listed = files_of(
        [
            {"id": "1", "task_id": 4, "name": "a.pdf", "format": "pdf", "child_files": [child]},
            child,
            {"id": "3", "name": "a_2.pdf"},
            {"id": "5", "name": "b_1.pdf", "task_type": 0},
            {"id": "6", "name": "c_1.pdf", "task_type": 3},
            {"id": "7"},
        ]
    )
    assert listed_receipts(listed) == [
        {"file_id": "1", "task_id": "4", "name": "a.pdf", "format": "pdf"},
        receipt("7", None),
    ]
