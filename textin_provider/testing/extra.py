"""The packages of the extra ``testing``, and what to say when one of them is missing."""

from __future__ import annotations

from importlib.util import find_spec

PACKAGES = ("markdown_it", "pypdf", "python_multipart", "uvicorn")
INSTALL = "pip install 'airflow-provider-textin[testing]'"


class MissingExtraError(ImportError):
    """The local TextIn was asked for, but the extra ``testing`` is not installed."""


def require() -> None:
    """Raise :class:`MissingExtraError`, which says what to install, if a package of the extra is missing."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise MissingExtraError(f"The local TextIn needs {', '.join(missing)}: {INSTALL}")
