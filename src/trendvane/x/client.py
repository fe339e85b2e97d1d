"""The endpoints of X API v2 that Trendvane uses, one method each.

A method returns the raw reply, or raises what ``x.errors`` makes of it. Nothing is retried here: a tick
comes back in 30 seconds anyway, and a retry inside a tick would spend the rate limit of the topics behind
it. Nothing is paid for
here either: whoever calls a method that costs money asks ``x.budget`` first.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, Self

from trendvane.x import errors
from trendvane.x.wire import Reply, Wire, XConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import httpx2

# The ids that ``expansions`` would charge for come free as fields in the legacy dialect.
LEGACY_FIELDS = "author_id,created_at,lang,edit_history_tweet_ids,referenced_tweets,note_tweet"
CURRENT_FIELDS = "created_at,lang,note_post"
CURRENT_EXPANSIONS = "author_id,referenced_posts"

_RULES = "/2/tweets/search/stream/rules"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the filtered stream.

    Attributes:
        value: The rule, in X's query language.
        tag: Comes back with each tweet that matches.
    """

    value: str
    tag: str


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of time a search looks at. Ids are exclusive on both sides; ``start`` is inclusive.

    X takes at most one of ``since_id`` and ``start``, and one of ``until_id`` and ``end``.
    """

    since_id: int | None = None
    until_id: int | None = None
    start: datetime | None = None
    end: datetime | None = None

    def params(self) -> dict[str, str | int]:
        """The window as X writes it."""
        pairs = {
            "since_id": None if self.since_id is None else str(self.since_id),
            "until_id": None if self.until_id is None else str(self.until_id),
            "start_time": None if self.start is None else timestamp(self.start),
            "end_time": None if self.end is None else timestamp(self.end),
        }
        return {name: value for name, value in pairs.items() if value is not None}


class XClient:
    """Speaks X API v2 with one bearer token.

    Args:
        config: Address, token, dialect, limits.
        now: Wall clock, UTC.
        transport: Replaces the network in tests.
        rng: In [0, 1); spreads the moments at which callers come back.
    """

    def __init__(
        self,
        config: XConfig,
        *,
        now: Callable[[], datetime],
        transport: httpx2.BaseTransport | None = None,
        rng: Callable[[], float] = random.random,
    ) -> None:
        self.config = config
        self.rng = rng
        self.wire = Wire(config, now=now, transport=transport)

    def __repr__(self) -> str:
        return f"XClient({self.config.base_url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self.wire.close()

    def trends(self, woeid: int, *, max_trends: int = 50) -> Reply:
        """``GET /2/trends/by/woeid``: names only, without volumes; $0.010 a request.

        Args:
            woeid: Yahoo's id of a place; 1 is the world.
            max_trends: 1 to 50.
        """
        return self._call("GET", f"/2/trends/by/woeid/{woeid:d}", {"max_trends": max_trends})

    def personalised_trends(self) -> Reply:
        """``GET /2/users/personalized_trends``: needs a user token and X Premium."""
        return self._call(
            "GET", "/2/users/personalized_trends", {"personalized_trend.fields": "trend_name,post_count"}
        )

    def search_recent(
        self,
        query: str,
        *,
        max_results: int,
        window: Window,
        next_token: str | None = None,
    ) -> Reply:
        """``GET /2/tweets/search/recent``: one page, newest first; $0.005 a tweet.

        A reply of status 200 is returned whatever its body, so that it can be kept before anybody reads it.

        Args:
            query: At most 512 characters.
            max_results: 10 to 100.
            window: The same with each page of a window.
            next_token: From the page before.
        """
        params: dict[str, str | int] = {"query": query, "max_results": max_results}
        params |= window.params() | self.fields()
        if next_token:
            params["next_token"] = next_token
        return self._call("GET", "/2/tweets/search/recent", params)

    def counts_recent(
        self,
        query: str,
        *,
        window: Window,
        granularity: Literal["minute", "hour", "day"] = "hour",
    ) -> Reply:
        """``GET /2/tweets/counts/recent``: volumes of the last seven days; billed by request."""
        params: dict[str, str | int] = {"query": query, "granularity": granularity}
        params |= window.params()
        return self._call("GET", "/2/tweets/counts/recent", params)

    def tweets(self, ids: Sequence[int]) -> Reply:
        """``GET /2/tweets``: 1 to 100 tweets by id; $0.005 each; those that are gone stand in ``errors``."""
        return self._call("GET", "/2/tweets", {"ids": ",".join(map(str, ids))} | self.fields())

    def rules(self, *, pagination_token: str | None = None) -> Reply:
        """``GET`` the rules of the filtered stream, up to 1,000."""
        params: dict[str, str | int] = {"max_results": 1000}
        if pagination_token:
            params["pagination_token"] = pagination_token
        return self._call("GET", _RULES, params)

    def add_rules(self, rules: Iterable[Rule], *, dry_run: bool = False) -> Reply:
        """Add rules; duplicates stand in ``errors`` of the reply."""
        body = {"add": [{"value": rule.value, "tag": rule.tag} for rule in rules]}
        return self._call("POST", _RULES, {"dry_run": "true"} if dry_run else {}, json=body)

    def delete_rules(self, ids: Iterable[str], *, dry_run: bool = False) -> Reply:
        """Delete rules by id."""
        params = {"dry_run": "true"} if dry_run else {}
        return self._call("POST", _RULES, params, json={"delete": {"ids": list(ids)}})

    def kill_connections(self) -> Reply:
        """``DELETE /2/connections/all``: end stream connections that X believes are still open."""
        return self._call("DELETE", "/2/connections/all", {})

    def usage_tweets(self, *, days: int = 7) -> Reply:
        """``GET /2/usage/tweets``: reads of the last 1 to 90 days, against the cap."""
        return self._call("GET", "/2/usage/tweets", {"days": days})

    def usage_credits(self) -> Reply:
        """``GET /2/usage/credits``: what is left, in dollars."""
        return self._call("GET", "/2/usage/credits", {})

    def fields(self) -> dict[str, str | int]:
        """The parameters that ask for the fields we read, in the configured dialect."""
        if self.config.dialect == "legacy":
            return {"tweet.fields": LEGACY_FIELDS}
        return {"post.fields": CURRENT_FIELDS, "expansions": CURRENT_EXPANSIONS}

    def call(self, method: str, url: str, *, json: object = None, content: bytes | None = None) -> Reply:
        """Any other endpoint, or an absolute address that X gave out (which never sees the token).

        Raises:
            TrendvaneError: As ``x.errors.classify`` says.
        """
        return self._call(method, url, {}, json=json, content=content)

    def _call(
        self,
        method: str,
        url: str,
        params: Mapping[str, str | int],
        *,
        json: object = None,
        content: bytes | None = None,
    ) -> Reply:
        reply = self.wire.send(method, url, params=params, json=json, content=content)
        problem = errors.classify(reply, jitter=self.rng(), secret=self.config.bearer)
        if problem is not None:
            raise problem.error
        return reply


def timestamp(at: datetime) -> str:
    """RFC 3339 with whole seconds, the only precision X reads."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
