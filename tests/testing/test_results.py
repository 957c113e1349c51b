"""Result URLs and their content."""

from __future__ import annotations

import json

import pytest
import requests

from tests.testing.client import RESULT_SCHEMA, Client, conforms
from textin_provider.testing import JobScript, TextInServer


def result_url(client: Client, textin: TextInServer, script: JobScript) -> str:
    return str(client.wait(textin.add_job(script))["result_url"])


def test_a_result_has_no_envelope_and_needs_no_credentials(client: Client, textin: TextInServer) -> None:
    url = result_url(client, textin, JobScript())
    response = requests.get(url, timeout=30)
    assert response.headers["content-type"] == "application/json"
    assert int(response.headers["content-length"]) == len(response.content)
    assert conforms(response.json(), "ParseResult")["success_count"] == 1
    assert "code" not in response.json()


def test_a_result_can_be_wrapped(client: Client, textin: TextInServer) -> None:
    bare, wrapped = (
        requests.get(result_url(client, textin, JobScript(wrapped=wrapped)), timeout=30).json()
        for wrapped in (False, True)
    )
    assert (wrapped["code"], wrapped["message"]) == (200, "success")
    assert conforms(wrapped["data"], "ParseResult")["elements"] == bare["elements"]


@pytest.mark.parametrize(
    ("given", "served"),
    [
        (b"<html>", b"<html>"),
        ("文字", "文字".encode()),
        ({"code": 40003, "message": "no money"}, b'{"code": 40003, "message": "no money"}'),
    ],
)
def test_another_result_can_be_served(
    client: Client, textin: TextInServer, given: object, served: bytes
) -> None:
    url = result_url(client, textin, JobScript(result=given))
    assert requests.get(url, timeout=30).content == served


@pytest.mark.parametrize("size", [1024, 70_000, 65_836, 65_837, 200_001, 3_000_000])
def test_a_synthetic_result_is_valid_and_has_exactly_the_requested_size(
    client: Client, textin: TextInServer, size: int
) -> None:
    content = requests.get(result_url(client, textin, JobScript(result_bytes=size)), timeout=30).content
    assert len(content) == size
    elements = conforms(json.loads(content), RESULT_SCHEMA)["elements"]
    ids = [element["element_id"] for element in elements]
    assert len(set(ids)) == len(ids)


def test_a_synthetic_result_has_a_minimum_size() -> None:
    with pytest.raises(ValueError, match="1024"):
        JobScript(result_bytes=1023)


def test_a_result_url_can_point_elsewhere_or_be_missing(client: Client, textin: TextInServer) -> None:
    foreign = "https://files.example.com/x"
    assert result_url(client, textin, JobScript(result_url=foreign)) == foreign
    assert "result_url" not in client.wait(textin.add_job(JobScript(result_url=None)))


def test_an_expired_result_url_is_not_found_and_the_status_has_a_new_one(
    client: Client, textin: TextInServer
) -> None:
    job_id = textin.add_job(JobScript(result_token_lifetime=0.05))
    first = client.wait(job_id)["result_url"]
    while requests.get(first, timeout=30).status_code == 200:
        pass
    second = client.wait(job_id)["result_url"]
    assert second != first
    assert requests.get(second, timeout=30).status_code == 200
    assert requests.get(first, timeout=30).status_code == 404


def test_a_result_url_can_be_limited_to_some_downloads(client: Client, textin: TextInServer) -> None:
    job_id = textin.add_job(JobScript(result_token_downloads=2))
    first = client.wait(job_id)["result_url"]
    assert client.wait(job_id)["result_url"] == first
    assert [requests.get(first, timeout=30).status_code for _ in range(3)] == [200, 200, 404]
    second = client.wait(job_id)["result_url"]
    assert requests.get(second, timeout=30).status_code == 200
    assert textin.jobs[job_id].downloads == 3


def test_an_unknown_token_is_not_found(textin: TextInServer) -> None:
    response = requests.get(f"{textin.url}/file/xparse_result/nothing", timeout=30)
    assert response.status_code == 404
    assert response.json()["code"] == 404
    assert textin.count("result") == 1
