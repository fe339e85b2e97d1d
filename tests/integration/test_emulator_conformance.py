"""Replies of every JSON endpoint, held against both published specifications."""

import json
import os
from pathlib import Path

import httpx2
import jsonschema
import pytest

from trendvane.emulator.config import EmulatorConfig
from trendvane.emulator.server import running

pytestmark = pytest.mark.integration
SPECS = {"legacy": "openapi-2.166-legacy.json", "current": "openapi-2.167.json"}
TOPICS = ("#SkylarkDown", "Lumora Lens")


@pytest.fixture(scope="module", params=sorted(SPECS))
def dialect(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def spec(shared: Path, dialect: str) -> dict:
    path = shared / "x-api" / SPECS[dialect]
    if not path.is_file():
        reason = f"{path} is missing; give its folder's parent with --shared"
        if os.environ.get("CI") == "true":  # noqa: TID251 - a test run, not the product
            pytest.fail(reason)
        pytest.skip(reason)
    return nullable(json.loads(path.read_text()))


def nullable(node):
    """OpenAPI 3.0 says ``nullable``; JSON Schema says a list of types."""
    if isinstance(node, dict):
        node = {key: nullable(value) for key, value in node.items()}
        if node.pop("nullable", False) is True and isinstance(node.get("type"), str):
            node["type"] = [node["type"], "null"]
    elif isinstance(node, list):
        node = [nullable(item) for item in node]
    return node


@pytest.fixture(scope="module")
def client(dialect: str):
    config = EmulatorConfig(
        dialect=dialect, topics=TOPICS, history_hours=1.0, rate_limit_factor=100, index_lag_s=0.0
    )
    with (
        running(config) as url,
        httpx2.Client(base_url=url, headers={"Authorization": "Bearer emulator"}, timeout=20) as client,
    ):
        yield client


@pytest.fixture
def check(spec: dict, client: httpx2.Client):
    def check(method: str, path: str, template: str = "", **request):
        reply = client.request(method, path, **request)
        assert reply.status_code == 200, reply.text
        operation = spec["paths"][template or path][method.lower()]
        schema = next(iter(operation["responses"]["200"]["content"].values()))["schema"]
        body = reply.json()
        jsonschema.Draft202012Validator({**schema, "components": spec["components"]}).validate(body)
        for header in ("x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset"):
            assert reply.headers[header].isdecimal()
        return body

    return check


def fields(spec: dict, dialect: str) -> dict[str, str]:
    """Every field and expansion the specification allows."""
    parameters = spec["components"]["parameters"]
    names = ("Tweet", "tweet.fields") if dialect == "legacy" else ("Post", "post.fields")
    listed = parameters[f"{names[0]}FieldsParameter"]["schema"]["items"]["enum"]
    expanded = parameters[f"{names[0]}ExpansionsParameter"]["schema"]["items"]["enum"]
    users = parameters["UserFieldsParameter"]["schema"]["items"]["enum"]
    return {names[1]: ",".join(listed), "expansions": ",".join(expanded), "user.fields": ",".join(users)}


def test_search(check, spec, dialect) -> None:
    every = {"query": "skylark OR lumora", "max_results": 100, **fields(spec, dialect)}
    body = check("GET", "/2/tweets/search/recent", params=every)
    assert len(body["data"]) == 100
    assert body["includes"]["users"]
    kinds = "tweets" if dialect == "legacy" else "posts"
    assert kinds in body["includes"]
    assert set(body["data"][0]) >= {"public_metrics", "created_at", "lang"}
    check("GET", "/2/tweets/search/recent", params={**every, "next_token": body["meta"]["next_token"]})
    check("GET", "/2/tweets/search/all", params={**every, "max_results": 500})
    check("GET", "/2/tweets/search/recent", params={"query": "nobodysaysthis"})


def test_counts(check) -> None:
    for where in ("recent", "all"):
        body = check("GET", f"/2/tweets/counts/{where}", params={"query": "skylark", "granularity": "day"})
        assert body["data"]


def test_lookups(check, spec, dialect) -> None:
    page = check("GET", "/2/tweets/search/recent", params={"query": "lumora"})
    ids = [row["id"] for row in page["data"]]
    body = check("GET", "/2/tweets", params={"ids": ",".join([*ids, "456"]), **fields(spec, dialect)})
    assert len(body["data"]) == len(ids)
    assert any(error["value"] == "456" for error in body["errors"])
    check("GET", f"/2/tweets/{ids[0]}", "/2/tweets/{id}", params=fields(spec, dialect))


def test_trends(check, client) -> None:
    body = check("GET", "/2/trends/by/woeid/1", "/2/trends/by/woeid/{woeid}", params={"max_trends": 50})
    assert {row["trend_name"] for row in body["data"]} == set(TOPICS)
    every = {"personalized_trend.fields": "category,post_count,trend_name,trending_since"}
    headers = {"Authorization": "Bearer emulator-user"}
    check("GET", "/2/users/personalized_trends", params=every, headers=headers)
    assert client.get("/2/users/personalized_trends").status_code == 403


def test_rules(check) -> None:
    where = "/2/tweets/search/stream/rules"
    added = check("POST", where, json={"add": [{"value": "tea", "tag": "t"}, {"value": "milk"}]})
    assert len(added["data"]) == 2
    check("GET", where)
    check("GET", f"{where}/counts")
    check("POST", where, params={"dry_run": "true"}, json={"delete": {"values": ["tea"]}})
    check("POST", where, json={"delete": {"ids": [rule["id"] for rule in added["data"]]}})
    check("GET", where)


def test_account(check) -> None:
    check("GET", "/2/usage/tweets", params={"days": 30})
    check("GET", "/2/connections", params={"status": "all"})
    check("DELETE", "/2/connections", json={"uuids": ["11111111-2222-4333-8444-555555555555"]})
    check("DELETE", "/2/connections/all")


def test_compliance(check, client) -> None:
    job = check("POST", "/2/compliance/jobs", json={"type": "tweets", "name": "nightly"})["data"]
    deleted = client.get("/2/tweets/search/recent", params={"query": "lumora"}).json()["data"][0]["id"]
    client.delete(f"/emulator/posts/{deleted}").raise_for_status()
    client.put(
        job["upload_url"], content=f"{deleted}\n", headers={"content-type": "text/plain"}
    ).raise_for_status()
    shown = check("GET", f"/2/compliance/jobs/{job['id']}", "/2/compliance/jobs/{id}")["data"]
    assert shown["status"] == "complete"
    result = client.get(shown["download_url"])
    assert json.loads(result.text)["id"] == deleted
    check("GET", "/2/compliance/jobs", params={"type": "tweets"})


def test_the_stream(check, client, spec, dialect) -> None:
    check(
        "POST",
        "/2/tweets/search/stream/rules",
        json={"add": [{"value": "skylark OR lumora OR #skylarkdown"}]},
    )
    name = fields(spec, dialect)
    schema_of = spec["paths"]["/2/tweets/search/stream"]["get"]["responses"]["200"]["content"]
    schema = {**next(iter(schema_of.values()))["schema"], "components": spec["components"]}
    with client.stream("GET", "/2/tweets/search/stream", params=name, timeout=20) as reply:
        assert reply.status_code == 200
        lines = (line for line in reply.iter_lines() if line.strip())
        for _ in range(3):
            body = json.loads(next(lines))
            jsonschema.Draft202012Validator(schema).validate(body)
            assert body["matching_rules"]
    check("POST", "/2/tweets/search/stream/rules", params={"delete_all": "true"}, json={})


def test_the_list_of_paths_is_served(client) -> None:
    paths = client.get("/2/openapi.json", headers={"Authorization": ""}).json()["paths"]
    assert "/2/tweets/search/recent" in paths
    assert "/2/compliance/jobs/{id}" in paths
