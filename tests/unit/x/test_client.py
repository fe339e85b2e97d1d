from __future__ import annotations

import json
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import httpx2
import pytest

from trendvane.domain.errors import RateLimitedError
from trendvane.x.client import Rule, Window, XClient
from trendvane.x.wire import Reply, XConfig

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Server:
    """Remembers what it was asked."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.asked: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        return httpx2.Response(self.status, json={"data": []})

    def client(self, dialect: str = "legacy") -> XClient:
        config = XConfig("https://x.test", "t", dialect="current" if dialect == "current" else "legacy")
        return XClient(config, now=lambda: NOW, transport=httpx2.MockTransport(self), rng=lambda: 0.0)

    @property
    def last(self) -> tuple[str, str, dict[str, str]]:
        request = self.asked[-1]
        return request.method, request.url.path, dict(parse_qsl(request.url.query.decode()))


def test_search_sends_ids_as_text_and_the_legacy_fields() -> None:
    server = Server()
    with server.client() as x:
        x.search_recent("cats", max_results=50, window=Window(since_id=5, until_id=9), next_token="abc")
    method, path, params = server.last
    assert (method, path) == ("GET", "/2/tweets/search/recent")
    assert "referenced_tweets" in params.pop("tweet.fields")
    assert params == {
        "query": "cats",
        "max_results": "50",
        "since_id": "5",
        "until_id": "9",
        "next_token": "abc",
    }


def test_the_current_dialect_asks_for_the_ids_as_expansions() -> None:
    server = Server()
    server.client("current").search_recent("cats", max_results=10, window=Window(start=NOW))
    params = server.last[2]
    assert params["start_time"] == "2026-11-22T12:00:00Z"
    assert params["expansions"] == "author_id,referenced_posts"
    assert "post.fields" in params
    assert "tweet.fields" not in params


def test_every_endpoint() -> None:
    server = Server()
    x = server.client()
    calls: list[tuple[Reply, str, str]] = [
        (x.trends(1), "GET", "/2/trends/by/woeid/1"),
        (x.personalised_trends(), "GET", "/2/users/personalized_trends"),
        (x.counts_recent("cats", window=Window()), "GET", "/2/tweets/counts/recent"),
        (x.tweets([1, 2]), "GET", "/2/tweets"),
        (x.rules(), "GET", "/2/tweets/search/stream/rules"),
        (x.rules(pagination_token="p"), "GET", "/2/tweets/search/stream/rules"),
        (x.add_rules([Rule("cats", "c")], dry_run=True), "POST", "/2/tweets/search/stream/rules"),
        (x.delete_rules(["7"]), "POST", "/2/tweets/search/stream/rules"),
        (x.kill_connections(), "DELETE", "/2/connections/all"),
        (x.usage_tweets(days=1), "GET", "/2/usage/tweets"),
        (x.usage_credits(), "GET", "/2/usage/credits"),
    ]
    assert [(r.method, r.url.path) for r in server.asked] == [(method, path) for _, method, path in calls]
    assert server.asked[3].url.params["ids"] == "1,2"
    assert json.loads(server.asked[6].content) == {"add": [{"value": "cats", "tag": "c"}]}
    assert server.asked[6].url.params["dry_run"] == "true"
    assert json.loads(server.asked[7].content) == {"delete": {"ids": ["7"]}}


def test_a_problem_is_raised() -> None:
    with pytest.raises(RateLimitedError):
        Server(429).client().usage_credits()


def test_no_token_in_the_representation() -> None:
    assert repr(Server().client()) == "XClient('https://x.test')"
