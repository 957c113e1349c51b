"""The options of a DocFlow upload, as templates render them. Source: REST API 2.8.4, file/upload."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from textin_provider.api.errors import ApiError, ErrorKind, bad_input

#: The query parameter that carries the password of PDF files.
PASSWORD_OPTION = "parser_pdf_pwd"  # noqa: S105 - its name
_OPTION = re.compile(r"[a-z][a-z_]*")
#: What templates make of booleans, in lower case.
_FLAGS = {"true": True, "1": True, "false": False, "0": False, "": None, "none": None}


def upload_options(
    *,
    category: str | None = None,
    target_process: str | None = None,
    split_flag: bool | str | None = None,
    crop_flag: bool | str | None = None,
    auto_verify_vat: bool | str | None = None,
    parser_params: Mapping[str, Any] | str | None = None,
    pdf_password: str | None = None,
) -> dict[str, Any]:
    """
    Return the query parameters of an upload; None leaves TextIn's default.

    :param category: of the files, instead of classifying them.
    :param target_process: ``"classify"`` to stop after classifying, or ``"extract"``.
    :param split_flag: whether a file that holds several documents is split; a flag may also be the text of a
        boolean, as a template renders it.
    :param crop_flag: whether several receipts on one page are cropped out.
    :param auto_verify_vat: whether VAT invoices are checked with the tax authority.
    :param parser_params: a dict, or the text of a JSON object: ``parse_mode`` (``"auto"``, ``"scan"``,
        ``"vlm"``), ``dpi`` (144, 216), ``formula_level`` (0 to 2), ``apply_merge``, ``crop_dewarp``,
        ``remove_watermark``, ``table_text_split_mode``.
    :param pdf_password: password of the PDF files, sent as ``parser_pdf_pwd``; a number is taken as text.
    """
    if target_process not in (None, "classify", "extract"):
        problem = "it is not a known process"
        raise bad_input("target_process", target_process, problem, "Use classify or extract")
    return {
        "category": category,
        "target_process": target_process,
        "split_flag": _flag("split_flag", split_flag),
        "crop_flag": _flag("crop_flag", crop_flag),
        "auto_verify_vat": _flag("auto_verify_vat", auto_verify_vat),
        **_parser_options(parser_params),
        PASSWORD_OPTION: _password(pdf_password),
    }


def _password(value: Any) -> str | None:
    # Native rendering makes numbers and booleans of text.
    password = str(value) if isinstance(value, int | float) else value
    if not isinstance(password, str | None):
        message = f"it is a {type(value).__name__}, whose value is not shown here"
        raise ApiError(ErrorKind.REQUEST, about="pdf_password", message=message, fix="Pass it as text")
    return password or None


def _flag(parameter: str, value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if not isinstance(value, str | int) or text not in _FLAGS:
        fix = "Pass True or False, or a template that renders to one of them"
        raise bad_input(parameter, value, "it is not a boolean", fix)
    return _FLAGS[text]


def _parser_options(params: Any) -> dict[str, Any]:
    parser = {str(name).removeprefix("parser_"): value for name, value in _object(params).items()}
    for name, value in parser.items():
        # The values are not quoted: one of them may be a password under another name.
        if "pwd" in name.lower() or "passw" in name.lower():
            fix = "Use pdf_password, which is masked"
            raise bad_input("parser_params", sorted(parser), "it holds a password", fix)
        if not _OPTION.fullmatch(name) or not isinstance(value, str | int):
            problem = f"{name!r} is not a valid name, or its value is not a number or text"
            fix = "Use the names of TextIn's documentation"
            raise bad_input("parser_params", sorted(parser), problem, fix)
    # TextIn takes 0 and 1 here, not true and false.
    return {
        f"parser_{name}": int(value) if isinstance(value, bool) else value for name, value in parser.items()
    }


def _object(params: Any) -> Mapping[str, Any]:
    """Return the parser parameters as a mapping, read from JSON where they are text."""
    value = params
    if isinstance(params, str):
        try:
            value = json.loads(params) if params.strip() else None
        except (ValueError, RecursionError):
            value = params
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        message = f"it is a {type(params).__name__} that is not an object"
        fix = "Pass a dict, or the text of a JSON object; in a template use the filter tojson"
        raise ApiError(ErrorKind.REQUEST, about="parser_params", message=message, fix=fix)
    return value
