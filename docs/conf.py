"""
How Sphinx builds the documentation: `make docs`.

Examples are parts of files that tests run, parameters come from docstrings, and the tables of errors from the
package's own tables. What is written here by hand is what none of those say.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

# To be imported, Airflow wants a home, which is not to be a person's own.
os.environ["AIRFLOW_HOME"] = str(HERE / "_build" / "airflow")

from textin_provider import __version__  # noqa: E402

project = "airflow-provider-textin"
version = release = __version__
project_copyright = "Apache License 2.0"
language = "en"

extensions = ["myst_parser", "sphinx.ext.autodoc", "textin_tables"]
# What begins with an underscore is part of other pages.
exclude_patterns = ["_build", "**/_*.md"]

html_theme = "furo"
html_title = f"{project} {version}"
html_show_sphinx = False
html_copy_source = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
add_module_names = False

# What is Python's or Airflow's is described elsewhere, and annotations name what is ours without its module.
nitpick_ignore_regex = [("py:(class|data|obj)", r"(?!textin_provider\.).*")]
# What signatures name and a DAG author need not know.
nitpick_ignore = [
    ("py:class", "textin_provider.api.docflow.FilePage"),
    ("py:class", "textin_provider.api.protocol.Request"),
    ("py:class", "textin_provider.hooks.guard.T_contra"),
    ("py:exc", "MissingExtraError"),
]


BREAK_WITHIN_CHINESE = re.compile(r"(?<=[\u3001-\u9fff\uff01-\uff5e])\n(?=[\u3001-\u9fff\uff01-\uff5e])")


def _say_language(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Let browsers and screen readers know a Chinese page by its name."""
    if page.endswith(".zh"):
        context["language"] = "zh-CN"


def _join_lines(app: Sphinx, page: str, content: list[str]) -> None:
    """Join the lines of Chinese text: a browser would show each break as a blank."""
    if page.endswith(".zh"):
        content[0] = BREAK_WITHIN_CHINESE.sub("", content[0])


def _hide_signature(app: Sphinx, what: str, *_: object) -> tuple[str, None] | None:
    """Leave out how an exception is made: nobody but this package makes them."""
    return ("", None) if what == "exception" else None


def setup(app: Sphinx) -> None:
    """Add what no extension does."""
    app.connect("autodoc-process-signature", _hide_signature)
    app.connect("source-read", _join_lines)
    app.connect("html-page-context", _say_language)
