"""Documents, results and state on object storage."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.folder.folder import counts, parse, summary
from tests.s3 import CONN_ID, failure
from textin_provider.exceptions import TextInRequestError
from textin_provider.testing import fast_polling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from werkzeug.wrappers import Request, Response

    from tests.s3 import Bucket
    from textin_provider.testing import TextInServer

NAMES = ["a.md", "deep/er/b b.md", "合同#1?.md"]


@pytest.fixture(autouse=True)
def _fast() -> Iterator[None]:
    with fast_polling(keep_intervals=True):
        yield


@pytest.fixture
def inbox(s3_bucket: Bucket) -> Bucket:
    for name in NAMES:
        s3_bucket.put(f"in/{name}", f"# {name}".encode())
    return s3_bucket


def lines(bucket: Bucket) -> list[dict[str, Any]]:
    return [json.loads(line) for line in bucket.get("out/manifest.jsonl").splitlines()]


def test_a_prefix_is_parsed_into_another_one(textin: TextInServer, inbox: Bucket) -> None:
    value = summary(inbox.url("in"), inbox.url("out"))
    assert counts(value) == {"found": 3, "submitted": 3, "succeeded": 3}
    for name in NAMES:
        assert name.rpartition("/")[2] in json.loads(inbox.get(f"out/{name}.json"))["markdown"]
    # Addresses hold no connection: the same ledger serves another connection to the bucket.
    assert {line["source"] for line in lines(inbox)} == {f"s3://{inbox.name}/in/{name}" for name in NAMES}
    assert counts(summary(inbox.url("in"), inbox.url("out"))) == {"found": 3, "unchanged": 3}
    assert textin.submissions == 3


def test_connections_may_be_parameters(textin: TextInServer, inbox: Bucket) -> None:
    conns = {"source_conn_id": CONN_ID, "output_conn_id": CONN_ID}
    value = summary(inbox.url("in/", None), inbox.url("out/", None), **conns)
    assert counts(value) == {"found": 3, "submitted": 3, "succeeded": 3}


def test_a_glob_of_objects(textin: TextInServer, inbox: Bucket) -> None:
    value = summary(inbox.url("in/**/b*.md"), inbox.url("out"))
    assert counts(value) == {"found": 1, "submitted": 1, "succeeded": 1}


def test_a_copy_of_an_object_costs_no_request_to_textin(textin: TextInServer, inbox: Bucket) -> None:
    summary(inbox.url("in"), inbox.url("out"))
    inbox.put("in/copy.md", b"# a.md")
    before = textin.count("*")
    assert counts(summary(inbox.url("in"), inbox.url("out"))) == {"found": 4, "unchanged": 3, "copied": 1}
    assert inbox.get("out/copy.md.json") == inbox.get("out/a.md.json")
    assert textin.count("*") == before


def test_unchanged_objects_cost_listings_and_one_read_of_the_state(
    textin: TextInServer, inbox: Bucket
) -> None:
    for number in range(30):
        inbox.put(f"in/{number}.md", f"# {number}".encode())
    summary(inbox.url("in"), inbox.url("out"))
    inbox.requests.clear()
    assert counts(summary(inbox.url("in"), inbox.url("out"))) == {"found": 33, "unchanged": 33}
    used = Counter(request.partition(" ")[0] for request in inbox.requests)
    assert used["GET"] + used["HEAD"] < 30, inbox.requests
    assert used["PUT"] < 8, inbox.requests


def test_a_storage_that_throttles_is_waited_for(textin: TextInServer, inbox: Bucket) -> None:
    seen: Counter[str] = Counter()

    def throttle(request: Request) -> Response | None:
        """Refuse every request once."""
        key = f"{request.method} {request.path} {request.query_string!r}"
        seen[key] += 1
        return failure("SlowDown", 503) if seen[key] == 1 and request.method != "HEAD" else None

    inbox.fault = throttle
    value = summary(inbox.url("in"), inbox.url("out"))
    inbox.fault = lambda _: None
    assert counts(value) == {"found": 3, "submitted": 3, "succeeded": 3}
    assert textin.submissions == 3


def test_an_intent_that_cannot_be_written_sends_nothing(textin: TextInServer, inbox: Bucket) -> None:
    def deny(request: Request) -> Response | None:
        is_segment = request.method == "PUT" and "/ledger/" in request.path
        return failure("AccessDenied", 403) if is_segment else None

    inbox.fault = deny
    assert isinstance(parse(inbox.url("in"), inbox.url("out")).raised(), TextInRequestError)
    assert textin.submissions == 0


def test_a_bucket_that_does_not_exist_sends_nothing(textin: TextInServer, inbox: Bucket) -> None:
    missing = f"s3://{CONN_ID}@no-such-bucket-here/out"
    assert isinstance(parse(inbox.url("in"), missing).raised(), TextInRequestError)
    assert textin.count("submit") == 0


def test_a_prefix_without_objects_is_an_empty_source(textin: TextInServer, inbox: Bucket) -> None:
    assert counts(summary(inbox.url("nothing"), inbox.url("out"))) == {}


def test_from_the_worker_to_object_storage(
    textin: TextInServer, inbox: Bucket, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("in")
    (folder / "local.md").write_text("# local")
    assert summary(str(folder), inbox.url("out"))["succeeded"] == 1
    assert b"local" in inbox.get("out/local.md.json")
    output = tmp_path_factory.mktemp("out")
    assert summary(inbox.url("in"), str(output))["succeeded"] == 3
    assert (output / "deep/er/b b.md.json").exists()
