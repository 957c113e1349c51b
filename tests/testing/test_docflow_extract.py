"""Extraction from business documents."""

from __future__ import annotations

import pytest

from tests.testing.docflow_client import DocFlowClient, fields
from tests.testing.small_pdf import Page, small_pdf

INVOICE_MD = """\
# 发票

**发票号码**：12345678
Date: 2026-01-31    Total amount: 1,234.50 EUR
- Seller: Ö GmbH

| Item | Price |
|------|------:|
| Pen: blue | 1.20 |
| Ink | |

Paid at 10:30, see https://example.com/a. 12: no field
""".encode()
INVOICE_HTML = b"""<h1>Invoice</h1><p>No: 7<br>Sum: 8</p>
<table><tr><th>Item</th><th>Price</th></tr><tr><td>Pen</td><td>1</td></tr></table>
<table><tr><td>A</td></tr><tr><td>B</td></tr></table>"""


def test_lines_of_key_and_value_become_fields(docflow: DocFlowClient) -> None:
    file = docflow.read("a.md", INVOICE_MD)
    assert fields(file) == {
        "发票号码": "12345678",
        "Date": "2026-01-31",
        "Total amount": "1,234.50 EUR",
        "Seller": "Ö GmbH",
    }
    assert [field["identifier"] for field in file["data"]["fields"]] == [
        "发票号码",
        "date",
        "total_amount",
        "seller",
    ]
    assert file["category"] == "invoice"


def test_tables_become_rows_of_cells_with_their_column_names(docflow: DocFlowClient) -> None:
    data = docflow.read("a.html", INVOICE_HTML)["data"]
    rows = [
        [[(cell["key"], cell["value"]) for cell in row] for row in table["items"]] for table in data["tables"]
    ]
    assert rows == [[[("Item", "Pen"), ("Price", "1")]], [[("A", "B")]]]
    assert data["items"] == data["tables"][0]["items"]
    assert [table["tableType"] for table in data["tables"]] == ["0", "0"]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", "号码：1\n金额： ￥5\n".encode(), {"号码": "1", "金额": "￥5"}),
        ("a.html", INVOICE_HTML, {"No": "7", "Sum": "8"}),
        ("a.pdf", small_pdf([[("No: 7", 12, 72, 720), ("Sum: 8", 12, 72, 705)]]), {"No": "7", "Sum": "8"}),
        ("a.csv", b"Item,Price\nPen,1\n", {}),
        ("a.txt", b"nothing here", {}),
    ],
)
def test_fields_are_extracted_from_every_readable_kind(
    docflow: DocFlowClient, name: str, content: bytes, expected: dict[str, str]
) -> None:
    assert fields(docflow.read(name, content)) == expected


def test_positions_are_pixels_on_zero_based_pages(docflow: DocFlowClient) -> None:
    pages: list[Page] = [[("No: 7", 12, 72, 720)], [("Sum: 8", 12, 72, 720)]]
    by_dpi = {}
    for dpi in (144, 216):
        file = docflow.read("a.pdf", small_pdf(pages), parser_dpi=dpi)
        assert [(page["page"], page["dpi"]) for page in file["pages"]] == [(0, dpi), (1, dpi)]
        positions = [field["position"][0] for field in file["data"]["fields"]]
        assert [position["page"] for position in positions] == [0, 1]
        by_dpi[dpi] = (file["pages"][0]["width"], positions[0]["vertices"][0])
    assert by_dpi == {144: (1190, 144), 216: (1785, 216)}


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("INVOICE for a contract", "invoice"),
        ("Agreement on invoices", "contract"),
        ("银行流水 2026", "statement"),
        ("采购合同", "contract"),
        ("a poem", "other"),
    ],
)
def test_the_category_is_the_first_matching_word(docflow: DocFlowClient, text: str, category: str) -> None:
    assert docflow.read("a.txt", text.encode())["category"] == category


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.gif", b"GIF89a"), ("a.json", b"{}"), ("a.rtf", b"{\\rtf1 x}"), ("a.bmp", b"BMx")],
)
def test_a_type_that_is_not_supported_fails_the_file(
    docflow: DocFlowClient, name: str, content: bytes
) -> None:
    good, bad = docflow.wait(docflow.upload(("a.txt", b"x"), (name, content)))
    assert good["recognition_status"] == 1
    assert (bad["recognition_status"], bad["failure_causes"]) == (2, "文件格式不支持")
    assert bad["data"] is None


@pytest.mark.parametrize(
    ("name", "content", "cause"),
    [
        ("a.pdf", b"%PDF-1.4 nothing", "corrupted"),
        ("a.pdf", b"no pdf", "corrupted"),
        ("a.png", b"\x89PNG\r\n\x1a\n", "cannot be read here"),
        ("a.txt", b"\xff\xff\xff", "corrupted"),
    ],
)
def test_an_unreadable_file_fails_with_its_cause(
    docflow: DocFlowClient, name: str, content: bytes, cause: str
) -> None:
    file = docflow.read(name, content)
    assert file["recognition_status"] == 2
    assert cause in file["failure_causes"]
