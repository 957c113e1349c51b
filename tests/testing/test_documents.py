"""Parse results of text, Markdown, HTML and CSV, and the options of the config."""

from __future__ import annotations

import zipfile
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest

from tests.testing.client import Client, conforms

if TYPE_CHECKING:
    from textin_provider.testing import TextInServer

MARKDOWN = """\
# 年度报告 Annual *report*

第一段，
续行。 A `code` word
and more.

## Numbers

1. first
2. second
   - nested

| Name | Sum |
|------|----:|
| 张三 | 1\\|2 |

```python
print("hi")
```

> quoted

# Second
""".encode()

HTML = """\
<!doctype html><html><head><title>no</title><style>p {}</style></head><body>
<h1>标题 &amp; more</h1><p>One<br>two <b>bold</b>.
<p>Unclosed paragraph<ul><li>a<li>b<ol><li>deep</ol></ul>
<script>var hidden = "<p>x</p>"</script>
<table><tr><th colspan=2>Head</th></tr><tr><td rowspan="2">L</td><td>1 &lt; 2</td></tr>
<tr><td>R</td></tr></table>
<pre>  keep
  this</pre>tail</body></html>""".encode()


def pairs(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(element["type"], element["text"]) for element in result["elements"]]


def by_text(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {element["text"]: element for element in result["elements"]}


def test_markdown_becomes_elements_in_reading_order(client: Client) -> None:
    result = client.parse(MARKDOWN, "report.md")
    table = "<table><tr><th>Name</th><th>Sum</th></tr><tr><td>张三</td><td>1|2</td></tr></table>"
    assert pairs(result) == [
        ("Title", "年度报告 Annual report"),
        ("NarrativeText", "第一段，续行。 A code word and more."),
        ("Title", "Numbers"),
        ("ListItem", "first"),
        ("ListItem", "second"),
        ("ListItem", "nested"),
        ("Table", table),
        ("CodeSnippet", 'print("hi")'),
        ("NarrativeText", "quoted"),
        ("Title", "Second"),
    ]
    assert result["metadata"] == {"filename": "report.md", "filetype": "text/markdown", "page_count": 1}
    assert result["success_count"] == 1
    assert result["schema_version"] == "1.4.0"
    assert result["markdown"].startswith("# 年度报告 Annual report\n\n第一段，续行。")
    assert "1. first\n2. second\n   - nested\n\n<table>" in result["markdown"]
    assert '```python\nprint("hi")\n```' in result["markdown"]


def test_html_becomes_its_visible_elements(client: Client) -> None:
    result = client.parse(HTML, "page.html")
    assert pairs(result) == [
        ("Title", "标题 & more"),
        ("NarrativeText", "One\ntwo bold."),
        ("NarrativeText", "Unclosed paragraph"),
        ("ListItem", "a"),
        ("ListItem", "b"),
        ("ListItem", "deep"),
        (
            "Table",
            '<table><tr><th colspan="2">Head</th></tr><tr><td rowspan="2">L</td><td>1 &lt; 2</td></tr>'
            "<tr><td>R</td></tr></table>",
        ),
        ("CodeSnippet", "  keep\n  this"),
        ("NarrativeText", "tail"),
    ]
    assert result["metadata"]["filetype"] == "text/html"


def test_html_is_detected_without_an_extension(client: Client) -> None:
    assert pairs(client.parse(b"<!DOCTYPE html><h2>x</h2>", "page"))[0] == ("Title", "x")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_plain_text_becomes_paragraphs_in_any_usual_encoding(client: Client, encoding: str) -> None:
    text = "第一段\r\n第二行\r\n\r\n  \r\n第二段 two\r\n"
    assert pairs(client.parse(text.encode(encoding), "a.txt")) == [
        ("NarrativeText", "第一段\n第二行"),
        ("NarrativeText", "第二段 two"),
    ]


def test_csv_becomes_a_table(client: Client) -> None:
    result = client.parse('名,"a, b"\n1,2\n'.encode(), "a.csv", {"capabilities": {"table_view": "markdown"}})
    assert pairs(result) == [("Table", "| 名 | a, b |\n| --- | --- |\n| 1 | 2 |")]


def test_text_without_content_has_no_elements(client: Client) -> None:
    assert client.parse(b"\n \n", "a.txt")["elements"] == []


def test_coordinates_go_down_the_page_within_it(client: Client) -> None:
    result = client.parse(MARKDOWN, "report.md")
    tops = [element["coordinates"][1] for element in result["elements"]]
    bottoms = [element["coordinates"][5] for element in result["elements"]]
    assert tops == sorted(tops)
    assert all(top < bottom for top, bottom in zip(tops, bottoms, strict=True))
    for element in result["elements"]:
        x1, y1, x2, y2, x3, y3, x4, y4 = element["coordinates"]
        assert (x1, y1, x2, y3) == (x4, y2, x3, y4)


def test_hierarchy_links_parents_and_children(client: Client) -> None:
    elements = by_text(client.parse(MARKDOWN, "report.md"))
    top, numbers = elements["年度报告 Annual report"], elements["Numbers"]
    second, nested = elements["second"], elements["nested"]
    assert top["metadata"]["category_depth"] == 0
    assert "parent_id" not in top["metadata"]
    assert numbers["metadata"]["parent_id"] == top["element_id"]
    assert numbers["metadata"]["category_depth"] == 1
    assert second["metadata"]["parent_id"] == numbers["element_id"]
    assert nested["metadata"]["parent_id"] == second["element_id"]
    assert second["metadata"]["children_ids"] == [nested["element_id"]]
    assert elements["quoted"]["metadata"]["parent_id"] == numbers["element_id"]
    assert "parent_id" not in elements["Second"]["metadata"]


def test_hierarchy_can_be_omitted(client: Client) -> None:
    result = client.parse(MARKDOWN, "report.md", {"capabilities": {"include_hierarchy": False}})
    keys = {key for element in result["elements"] for key in element["metadata"]}
    assert keys == {"table_structure_status"}


def test_title_tree_and_pages_are_optional(client: Client) -> None:
    plain = client.parse(MARKDOWN, "report.md")
    assert not {"title_tree", "pages", "exports"} & plain.keys()
    result = client.parse(MARKDOWN, "report.md", {"capabilities": {"title_tree": True, "pages": True}})
    first, second = result["title_tree"]
    assert (first["title"], first["level"], first["page_number"]) == ("年度报告 Annual report", 1, 1)
    assert [node["title"] for node in first["children"]] == ["Numbers"]
    assert (second["title"], second["children"]) == ("Second", [])
    (page,) = result["pages"]
    assert page["element_ids"] == [element["element_id"] for element in result["elements"]]
    assert page["status"] == "Success"


def test_table_structure_is_optional(client: Client) -> None:
    without = client.parse(HTML, "page.html")["elements"][6]
    assert "table_structure" not in without
    assert without["metadata"]["table_structure_status"] == "disabled"
    table = client.parse(HTML, "page.html", {"capabilities": {"include_table_structure": True}})["elements"][
        6
    ]
    assert table["metadata"]["table_structure_status"] == "available"
    structure = table["table_structure"]
    assert (structure["rows"], structure["cols"]) == (3, 2)
    places = [
        (cell["text"], cell["row"], cell["col"], cell["row_span"], cell["col_span"])
        for cell in structure["cells"]
    ]
    assert places == [("Head", 0, 0, 1, 2), ("L", 1, 0, 2, 1), ("1 < 2", 1, 1, 1, 1), ("R", 2, 1, 1, 1)]
    assert structure["cells"][0]["role"] == "column_header"


def test_tables_can_be_shown_as_markdown(client: Client) -> None:
    result = client.parse(MARKDOWN, "report.md", {"capabilities": {"table_view": "markdown"}})
    table = "| Name | Sum |\n| --- | --- |\n| 张三 | 1\\|2 |"
    assert ("Table", table) in pairs(result)
    assert table in result["markdown"]


def test_a_pinned_schema_version_is_kept(client: Client) -> None:
    assert client.parse(b"x", "a.txt", {"schema_version": "1.3.0"})["schema_version"] == "1.3.0"


def test_the_same_document_gets_the_same_element_ids(client: Client) -> None:
    first, second = (client.parse(MARKDOWN, name) for name in ("a.md", "b.md"))
    assert [e["element_id"] for e in first["elements"]] == [e["element_id"] for e in second["elements"]]


@pytest.mark.parametrize("config_type", [None, "text/plain"])
def test_a_config_is_applied_whatever_the_content_type_of_its_part(
    client: Client, textin: TextInServer, config_type: str | None
) -> None:
    envelope = client.submit(MARKDOWN, "a.md", {"capabilities": {"pages": True}}, config_type=config_type)
    job_id = envelope["data"]["job_id"]
    result = client.result(client.wait(job_id)["result_url"])
    assert len(result["elements"]) == len(result["pages"][0]["element_ids"]) == 10
    assert textin.jobs[job_id].config_content_type == (config_type or "")


def test_null_in_a_config_is_as_absent(client: Client, textin: TextInServer) -> None:
    blocks = ("document", "capabilities", "scope", "config", "exports", "schema_version")
    configs = [
        dict.fromkeys(blocks),
        {"capabilities": {"pages": True, "table_view": None, "include_hierarchy": None}},
        {"scope": {"page_range": None}, "config": {"engine_params": {"formula_level": None}}},
    ]
    results = [client.parse(MARKDOWN, "a.md", config) for config in configs]
    assert [len(result["elements"]) for result in results] == [10, 10, 10]
    assert all("parent_id" in result["elements"][1]["metadata"] for result in results)
    assert ["pages" in result for result in results] == [False, True, False]
    assert next(iter(textin.jobs.values())).config == configs[0]


def docx() -> bytes:
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(zipfile.ZipInfo("word/document.xml"), "<x/>")
    return archive.getvalue()


@pytest.mark.parametrize(
    ("content", "filename", "names"),
    [
        (b"\x89PNG\r\n\x1a\n....", "a.png", "image/png"),
        (b"\xff\xd8\xff....", "a.jpg", "image/jpeg"),
        (docx(), "a.docx", "wordprocessingml"),
        (b"{\\rtf1 x}", "a.rtf", "application/rtf"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1....", "a.xls", "application/vnd.ms-excel"),
    ],
)
def test_a_document_that_only_textin_can_read_fails_the_job(
    client: Client, textin: TextInServer, content: bytes, filename: str, names: str
) -> None:
    job = client.wait(client.submit(content, filename)["data"]["job_id"])
    assert job["status"] == "failed"
    assert names in job["message"]
    assert "the local TextIn reads text, Markdown, HTML, CSV and PDF" in job["message"]
    assert textin.submissions == 1


def test_a_text_over_the_limit_of_the_reader_fails_the_job(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("textin_provider.testing.documents.MAX_TEXT_BYTES", 4)
    assert "at most" in client.wait(client.submit(b"12345", "a.txt")["data"]["job_id"])["message"]


def test_every_shape_of_result_conforms_to_the_contract(client: Client) -> None:
    names = (
        "pages",
        "title_tree",
        "include_table_structure",
        "include_char_details",
        "include_inline_objects",
    )
    config = {"capabilities": dict.fromkeys(names, True), "exports": [{"format": "xlsx"}]}
    for document, name in [(MARKDOWN, "a.md"), (HTML, "a.html"), (b"a,b\n", "a.csv"), (b"", "b.txt")]:
        conforms(client.parse(document or b" ", name, config), "ParseResult")
