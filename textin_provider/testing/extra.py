"""Check that the packages of the extra ``testing`` are installed."""

from __future__ import annotations

from importlib.util import find_spec

PACKAGES = ("markdown_it", "pypdf", "python_multipart", "uvicorn")
INSTALL = "pip install 'airflow-provider-textin[testing]'"


class MissingExtraError(ImportError):
    """Raised if the local TextIn is used without the extra ``testing``."""


def require() -> None:
    """
    Check that every package of the extra is installed.

    :raises MissingExtraError: if one is missing; its message contains the command to install it.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise MissingExtraError(f"The local TextIn needs {', '.join(missing)}: {INSTALL}")
