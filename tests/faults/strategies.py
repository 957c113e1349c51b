"""What TextIn never promised not to answer: any bytes, any JSON, and good answers gone wrong."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

#: Text with all that JSON can carry: halves of surrogate pairs, NUL, line ends, marks that write backwards.
TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=40) | st.sampled_from(
    ["\x00", "\ud83d", "a\r\nb", "\u2028", "\u202eabc", "\x1b[31m", "https://u:p@h/x?sign=s", "x" * 3000]
)
NUMBER = (
    st.integers()
    | st.integers(min_value=10**17, max_value=10**20)
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.sampled_from([200, 0, -1, 10**400, -(10**400), 1e300])
)
SCALAR = st.none() | st.booleans() | NUMBER | TEXT
JSON = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def _nested(depth: int, opening: str, closing: str) -> str:
    return opening * depth + "1" + closing * depth


#: The text of a JSON value nested more deeply than anybody means.
DEEP = st.builds(
    lambda depth, brackets: _nested(depth, *brackets),
    st.integers(min_value=50, max_value=1200),
    st.sampled_from([("[", "]"), ('{"a":', "}"), ('[{"message":', "}]")]),
)
DEEP_FAMILY = st.integers(min_value=2, max_value=1200).map(
    lambda depth: '{"id": "1", "child_files": [' * depth + "]}" * depth
)

JOB = {"job_id": "j1", "file_id": "f1", "status": "completed", "result_url": "https://textin.com/r?sign=s"}
FILE = {
    "id": "1963215487652364288",
    "task_id": "1963215487652364289",
    "name": "a.pdf",
    "format": "pdf",
    "batch_number": "b1",
    "category": "invoice",
    "recognition_status": 2,
    "verification_status": 0,
    "failure_causes": "no",
    "duration_ms": 12,
    "task_type": 2,
    "parser_params": {"pdf_pwd": "hush-hush"},
    "data": {"fields": []},
}
FILES = {"total": 1, "page": 1, "page_size": 1000, "files": [{**FILE, "child_files": [FILE]}]}
UPLOADED = {"batch_number": "b1", "files": [{"id": "1", "task_id": "2", "name": "a.pdf", "format": "pdf"}]}
RESULT = {"schema_version": "1.4.0", "file_id": "f1", "elements": [{"text": "}"}], "markdown": "# a"}


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return where every value of a JSON value lies."""
    inner: Any = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    return [path, *(found for key, member in inner for found in _paths(member, (*path, key)))]


def _changed(value: Any, path: tuple[Any, ...], new: Any, remove: bool) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    if remove and len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = _changed(copy[path[0]], path[1:], new, remove)
    return copy


#: Stands in a text for a JSON text that is written in its place.
_HOLE = "\ue000hole\ue000"


@st.composite
def _mutated(draw: st.DrawFn, good: Any) -> str:
    """Draw the text of a good JSON value with up to three of its parts replaced, removed or doubled."""
    value, holes = good, []
    for _ in range(draw(st.integers(min_value=0, max_value=3))):
        path = draw(st.sampled_from(_paths(value)))
        kind = draw(st.sampled_from(["replace", "remove", "deep", "family"]))
        if kind in ("deep", "family"):
            holes.append(draw(DEEP if kind == "deep" else DEEP_FAMILY))
        new = _HOLE if kind in ("deep", "family") else draw(JSON)
        value = _changed(value, path, new, remove=kind == "remove")
    text = json.dumps(value, ensure_ascii=draw(st.booleans()))
    for hole in holes:
        text = text.replace(json.dumps(_HOLE), hole, 1).replace(f'"{_HOLE}"', hole, 1)
    if draw(st.booleans()) and text.startswith("{"):
        twice = draw(st.sampled_from(["code", "message", "data", "result", "status", "files"]))
        text = f'{text[:-1]}, "{twice}": {json.dumps(draw(JSON))}}}'
    return text


def bodies(good: Any) -> st.SearchStrategy[bytes]:
    """Draw bodies: a good one gone wrong more often than not, and else any JSON, or any bytes."""
    texts = _mutated(good) | JSON.map(json.dumps) | DEEP
    # Bytes that are no UTF-8 are what a lone surrogate becomes where it is not escaped.
    return texts.map(lambda text: text.encode(errors="surrogatepass")) | st.binary(max_size=200)


def envelopes(key: str, data: Any) -> st.SearchStrategy[bytes]:
    """Draw bodies that are near to a success, and near to an error."""
    error = {"code": 40422, "message": "corrupt", "msg": "corrupt", key: {"message": "page 3"}}
    error["x_request_id"] = "r1"
    return bodies({"code": 200, "message": "success", key: data}) | bodies(error)


STATUSES = st.sampled_from([200, 200, 200, 201, 302, 401, 404, 408, 429, 500, 503]) | st.integers(100, 999)
HEADERS = st.dictionaries(
    st.sampled_from(["retry-after", "content-type", "x-request-id", "location"]),
    TEXT | st.sampled_from(["0", "-1", "9" * 400, "Wed, 21 Oct 2099 07:28:00 GMT"]),
    max_size=3,
)
