"""Tables that Sphinx makes anew at each build from the package itself, so that they cannot go stale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowFailException
from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

from textin_provider.api.errors import CODES, ApiError, ErrorKind, meaning_without_envelope
from textin_provider.exceptions import TextInError
from textin_provider.get_provider_info import CONN_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sphinx.application import Sphinx

#: What a row of the table of HTTP statuses says, and for which statuses.
HTTP_ROWS: dict[str, Iterable[int]] = {
    "2xx": range(200, 300),
    "3xx": range(300, 400),
    "423, 429": (423, 429),
    "any other 4xx": sorted({*range(400, 500)} - {423, 429}),
    "5xx": range(500, 600),
}


def class_of(kind: ErrorKind) -> type[TextInError]:
    """Return the public error of a kind of fault."""
    return type(ApiError(kind, about="", message=""))


def is_retried(error: type[TextInError]) -> bool:
    """Whether Airflow's retries apply to an error."""
    return not issubclass(error, AirflowFailException)


class _Table(SphinxDirective):
    """A table of a heading and rows, whose cells are texts or nodes."""

    headings: Sequence[str]
    widths: Sequence[int]

    def run(self) -> list[nodes.Node]:
        group = nodes.tgroup(cols=len(self.headings))
        group += [nodes.colspec(colwidth=width) for width in self.widths]
        group += nodes.thead("", _row(self.headings))
        group += nodes.tbody("", *[_row(cells) for cells in self.rows()])
        return [nodes.table("", group)]

    def rows(self) -> Iterable[Sequence[str | nodes.Node]]:
        """Yield the rows."""
        raise NotImplementedError

    def link(self, error: type[TextInError]) -> nodes.Node:
        """Return a link to where a class is described."""
        target = f"{error.__module__}.{error.__qualname__}"
        link = addnodes.pending_xref(
            "",
            nodes.literal(text=error.__qualname__),
            refdomain="py",
            reftype="exc",
            reftarget=target,
            refdoc=self.env.docname,
            refexplicit=True,
            refwarn=True,
        )
        link.source, link.line = self.get_source_info()
        return link


def _row(cells: Sequence[str | nodes.Node]) -> nodes.row:
    return nodes.row("", *[nodes.entry("", nodes.paragraph("", "", *_inline(cell))) for cell in cells])


def _inline(cell: str | nodes.Node) -> list[nodes.Node]:
    """Return what a cell holds as nodes; in a text, what stands in double backticks is literal."""
    if not isinstance(cell, str):
        return [cell]
    parts = enumerate(cell.split("``"))
    return [nodes.literal(text=part) if at % 2 else nodes.Text(part) for at, part in parts]


class CodesTable(_Table):
    """``textin-codes``: what each code of TextIn's means, and which error it becomes."""

    headings = ("code", "meaning", "what to do", "error", "retried")
    widths = (12, 26, 38, 30, 8)

    def rows(self) -> Iterable[Sequence[str | nodes.Node]]:
        """Yield a row for each code."""
        for code, (kind, meaning, fix) in sorted(CODES.items()):
            error = class_of(kind)
            yield nodes.literal(text=str(code)), meaning, fix, self.link(error), _yes(is_retried(error))


class StatusTable(_Table):
    """``textin-http``: what an HTTP status means where no envelope of TextIn's came with it."""

    headings = ("HTTP status", "meaning", "what to do", "error", "retried")
    widths = CodesTable.widths

    def rows(self) -> Iterable[Sequence[str | nodes.Node]]:
        """Yield a row for each class of statuses, which must have one meaning."""
        for row, statuses in HTTP_ROWS.items():
            [known] = {meaning_without_envelope(status) for status in statuses}
            error = class_of(known.kind)
            yield nodes.literal(text=row), known.meaning, known.fix, self.link(error), _yes(is_retried(error))


class ErrorsTable(_Table):
    """``textin-errors``: every error, whether it is retried, and what it says of itself."""

    headings = ("error", "what it means", "retried")
    widths = (30, 60, 10)

    def rows(self) -> Iterable[Sequence[str | nodes.Node]]:
        """Yield a row for each class."""
        for error in TextInError.__subclasses__():
            yield self.link(error), str(error.__doc__), _yes(is_retried(error))


class ExtrasTable(_Table):
    """``textin-extras``: the extra fields of the connection."""

    headings = ("extra", "on the form", "meaning", "default")
    widths = (25, 22, 43, 20)

    def rows(self) -> Iterable[Sequence[str | nodes.Node]]:
        """Yield a row for each field."""
        for name, field in CONN_FIELDS.items():
            default = str(field["schema"].get("default", "none"))
            yield nodes.literal(text=name), field["label"], field["description"], default


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directives."""
    for name, table in {
        "textin-codes": CodesTable,
        "textin-http": StatusTable,
        "textin-errors": ErrorsTable,
        "textin-extras": ExtrasTable,
    }.items():
        app.add_directive(name, table)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
