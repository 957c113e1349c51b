"""Parse results of PDFs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pypdf import PdfWriter

from tests.testing.small_pdf import Page, small_pdf, with_image, written

if TYPE_CHECKING:
    from tests.testing.client import Client


def test_text_comes_page_by_page_as_titles_and_paragraphs(client: Client) -> None:
    result = client.parse(small_pdf(), "report.pdf")
    assert [(element["type"], element["text"], element["page_number"]) for element in result["elements"]] == [
        ("Title", "A Heading", 1),
        ("NarrativeText", "First line of a paragraph second line of it.", 1),
        ("NarrativeText", "Another paragraph.", 1),
        ("NarrativeText", "Page two.", 2),
        ("NarrativeText", "Page three.", 3),
    ]
    assert result["success_count"] == result["metadata"]["page_count"] == 3
    assert result["metadata"]["filetype"] == "application/pdf"
    assert result["markdown"].startswith("# A Heading\n\nFirst line")


def test_a_line_with_a_bullet_is_a_list_item(client: Client) -> None:
    # Octal 225 is the bullet in WinAnsiEncoding.
    texts = ["Before", "\\225 first", "goes on", "\\225 second"]
    lines: Page = [(text, 12, 72, 720 - 14 * index) for index, text in enumerate(texts)]
    result = client.parse(small_pdf([lines]), "list.pdf")
    assert [(element["type"], element["text"]) for element in result["elements"]] == [
        ("NarrativeText", "Before"),
        ("ListItem", "first goes on"),
        ("ListItem", "second"),
    ]


def test_coordinates_match_the_position_of_the_text(client: Client) -> None:
    heading, paragraph, *_ = client.parse(small_pdf(), "a.pdf")["elements"]
    left, top, right, *_, bottom = heading["coordinates"]
    assert left == pytest.approx(72 / 595, abs=0.001)
    assert top == pytest.approx(1 - 784 / 842, abs=0.001)
    assert left < right < 0.5
    assert top < bottom < paragraph["coordinates"][1]


def test_pages_have_their_size_in_points(client: Client) -> None:
    pages = client.parse(small_pdf(), "a.pdf", {"capabilities": {"pages": True}})["pages"]
    assert [page["page_number"] for page in pages] == [1, 2, 3]
    assert (pages[0]["page_width"], pages[0]["page_height"], pages[0]["dpi"]) == (595, 842, 72)
    assert [len(page["element_ids"]) for page in pages] == [3, 1, 1]


@pytest.mark.parametrize(
    ("pages", "texts"),
    [("2-3", ["Page two.", "Page three."]), ("3,2", ["Page two.", "Page three."]), ("3", ["Page three."])],
)
def test_a_page_range_reads_and_counts_only_its_pages(client: Client, pages: str, texts: list[str]) -> None:
    result = client.parse(small_pdf(), "a.pdf", {"scope": {"page_range": pages}})
    assert [element["text"] for element in result["elements"]] == texts
    assert result["success_count"] == len(texts)
    assert result["metadata"]["page_count"] == 3


def test_an_empty_page_is_a_page(client: Client) -> None:
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    result = client.parse(written(writer), "blank.pdf")
    assert (result["elements"], result["success_count"]) == ([], 1)


def test_a_pdf_of_images_only_fails_the_job(client: Client) -> None:
    scanned = client.submit(written(with_image(pages=1)), "scan.pdf")["data"]["job_id"]
    job = client.wait(scanned)
    assert job["status"] == "failed"
    assert "no OCR" in job["message"]


def test_a_scanned_page_among_others_is_not_counted(client: Client) -> None:
    result = client.parse(written(with_image(pages=2)), "half.pdf", {"capabilities": {"pages": True}})
    assert result["success_count"] == 1
    assert [page["status"] for page in result["pages"]] == ["Failed", "Success"]
