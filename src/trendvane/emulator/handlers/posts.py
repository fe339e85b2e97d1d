"""Search, counts and lookups: three views of one index."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from trendvane.domain import snowflake
from trendvane.emulator.clock import iso
from trendvane.emulator.ledger import COUNTS_ALL_USD, COUNTS_RECENT_USD
from trendvane.emulator.params import FIELD_PARAMETERS, Params
from trendvane.emulator.problems import invalid, missing_tweet
from trendvane.emulator.query.parser import QueryError, parse
from trendvane.emulator.render import Dialect, View
from trendvane.emulator.world import Call, Reply, World

if TYPE_CHECKING:
    from trendvane.emulator.post import Post
    from trendvane.emulator.query.nodes import Node

_DAY_MS = 86_400_000
_WINDOW_PARAMETERS = frozenset(
    {"query", "since_id", "until_id", "start_time", "end_time", "next_token", "pagination_token"}
)
_SEARCH = _WINDOW_PARAMETERS | FIELD_PARAMETERS | {"max_results", "sort_order"}
_COUNTS = _WINDOW_PARAMETERS | {"granularity", "search_count.fields"}
_STEP_MS = {"minute": 60_000, "hour": 3_600_000, "day": _DAY_MS}
_ARCHIVE_MS = int(datetime(2006, 3, 21, tzinfo=UTC).timestamp() * 1000)
# An explicit end_time must lie at least this far in the past.
_END_GRACE_MS = 10_000
_TOO_LATE = "'end_time' must be a minimum of 10 seconds prior to the request time"
ENDLESS = "b26v89c19zqg8o3fendless"
_TOKEN_PREFIX = "b26v89c19zqg8o3f"  # noqa: S105 - looks like X's, carries no secret
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
ALL_QUERY_LENGTH = 1_024


@dataclass(frozen=True, slots=True)
class _Window:
    since: int  # exclusive
    until: int  # exclusive


def _encode(query: str, until: int) -> str:
    number, digits = until << 32 | zlib.crc32(query.encode()), ""
    while number:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return _TOKEN_PREFIX + digits


def _decode(name: str, token: str, query: str) -> int:
    body = token.removeprefix(_TOKEN_PREFIX)
    try:
        number = int(body, 36) if token != body else 0
    except ValueError:
        number = 0
    if number & 0xFFFFFFFF != zlib.crc32(query.encode()) or number >> 32 == 0:
        raise invalid(name, token, f"'{name}' [{token}] is not valid for this request")
    return min(number >> 32, snowflake.MAX_ID)


def _query(world: World, params: Params, limit: int) -> tuple[str, Node]:
    query = params.text("query")
    if not query:
        raise invalid("query", "", "query: non-empty string is required")
    if len(query) > limit:
        message = f"Query must be no longer than {limit} characters, it has {len(query)}"
        raise invalid("query", query, message)
    try:
        return query, parse(query, world.topics)
    except QueryError as error:
        raise invalid("query", query, f"There were errors processing your request: {error}") from error


def _floor(name: str, raw: str, now_ms: int) -> int:
    floor_ms = now_ms - 7 * _DAY_MS
    floor_id = snowflake.floor(floor_ms)
    when = datetime.fromtimestamp(floor_ms / 1000, tz=UTC).strftime("%Y-%m-%dT%H:%MZ")
    if name.endswith("_id"):
        message = (
            f"'{name}' must be a tweet id created after {when}. "
            f"Please use a '{name}' that is larger than {floor_id}"
        )
    else:
        message = f"'{name}' must be on or after {when}"
    raise invalid(name, raw, message)


def _window(world: World, params: Params, *, recent: bool) -> _Window:
    params.at_most_one("start_time", "since_id")
    params.at_most_one("end_time", "until_id")
    params.at_most_one("next_token", "pagination_token")
    now = world.clock.now_ms()
    floor_ms = now - 7 * _DAY_MS if recent else _ARCHIVE_MS
    since_id, until_id = params.post_id("since_id"), params.post_id("until_id")
    start, end = params.time_ms("start_time"), params.time_ms("end_time")
    for name, moment in (("since_id", since_id), ("until_id", until_id)):
        if recent and moment is not None and snowflake.to_ms(moment) < floor_ms:
            _floor(name, str(moment), now)
    for name, moment in (("start_time", start), ("end_time", end)):
        # Whole seconds: a start exactly seven days ago must pass although the clock moved on.
        if recent and moment is not None and moment < floor_ms - 1000:
            _floor(name, params.text(name) or "", now)
    if end is not None and end > now - _END_GRACE_MS:
        raise invalid(
            "end_time",
            params.text("end_time") or "",
            _TOO_LATE,
        )
    if start is not None and end is not None and start >= end:
        raise invalid("start_time", params.text("start_time") or "", "'start_time' must be before 'end_time'")
    since = (
        since_id if since_id is not None else snowflake.floor(start if start is not None else floor_ms) - 1
    )
    until = (
        until_id if until_id is not None else snowflake.floor(end) if end is not None else snowflake.MAX_ID
    )
    return _Window(since, min(until, world.visible_until()))


def _search(world: World, call: Call, *, recent: bool) -> Reply:
    params = call.params
    params.only(_SEARCH)
    query, node = _query(world, params, world.config.query_length if recent else ALL_QUERY_LENGTH)
    limit = params.integer("max_results", 10, 100 if recent else 500, 10)
    order = params.choice("sort_order", ("recency", "relevancy"), "recency")
    window = _window(world, params, recent=recent)
    until = window.until
    for name in ("next_token", "pagination_token"):
        token = params.text(name)
        if token is not None and token != ENDLESS:
            until = min(until, _decode(name, token, query))
    matches = world.index.newest_first(node, window.since, until)
    if order == "relevancy":  # one page only, as on X
        pool = list(islice(matches, 1_000))
        page, more = sorted(pool, key=lambda post: post.heat, reverse=True)[:limit], False
    else:
        page = list(islice(matches, limit + 1))
        page, more = page[:limit], len(page) > limit
    return _page(
        world, View.of(params, world.config.dialect), page, _encode(query, page[-1].id) if more else ""
    )


def _page(world: World, view: View, page: list[Post], token: str) -> Reply:
    if not page:
        return Reply({"meta": {"result_count": 0}})
    now = world.clock.now_ms()
    includes, referenced, users, gone = world.includes(view, page)
    payload: dict[str, Any] = {"data": [view.post(post, now) for post in page]}
    if includes:
        payload["includes"] = includes
    if gone:
        reference = view.dialect.references
        payload["errors"] = [
            missing_tweet(str(target), reference, view.dialect.host, section="includes") for target in gone
        ]
    ids = [post.id for post in page]
    meta: dict[str, Any] = {"newest_id": str(max(ids)), "oldest_id": str(min(ids)), "result_count": len(page)}
    payload["meta"] = meta | ({"next_token": token} if token else {})
    return Reply(payload, posts=(*ids, *(post.id for post in referenced)), users=tuple(users))


def search_recent(world: World, call: Call) -> Reply:
    """``GET /2/tweets/search/recent``."""
    return _search(world, call, recent=True)


def search_all(world: World, call: Call) -> Reply:
    """``GET /2/tweets/search/all``."""
    return _search(world, call, recent=False)


def _counts(world: World, call: Call, *, recent: bool) -> Reply:
    params = call.params
    params.only(_COUNTS)
    _, node = _query(world, params, world.config.query_length if recent else ALL_QUERY_LENGTH)
    step = _STEP_MS[params.choice("granularity", ("minute", "hour", "day"), "hour")]
    window = _window(world, params, recent=recent)
    end = snowflake.to_ms(window.until)
    explicit = "start_time" in params or "since_id" in params
    # search/all counts look back 30 days by default and page by 31; this feed never holds that much.
    start = snowflake.to_ms(window.since + 1) if recent or explicit else end - 30 * _DAY_MS
    buckets: dict[int, int] = {}
    for post in world.index.newest_first(node, window.since, window.until):
        bucket = post.created_ms // step
        buckets[bucket] = buckets.get(bucket, 0) + 1
    key = (
        "post_count"
        if "post_count" in params.csv("search_count.fields")
        else Dialect(world.config.dialect).volume
    )
    data = [
        {"start": iso(max(b * step, start)), "end": iso(min((b + 1) * step, end)), key: buckets.get(b, 0)}
        for b in range(start // step, -(-end // step))
    ]
    payload = {"data": data, "meta": {f"total_{key}": sum(buckets.values())}}
    return Reply(payload, flat_usd=COUNTS_RECENT_USD if recent else COUNTS_ALL_USD)


def counts_recent(world: World, call: Call) -> Reply:
    """``GET /2/tweets/counts/recent``: seven days in one reply."""
    return _counts(world, call, recent=True)


def counts_all(world: World, call: Call) -> Reply:
    """``GET /2/tweets/counts/all``."""
    return _counts(world, call, recent=False)


def _lookup(
    world: World, view: View, ids: list[int], parameter: str
) -> tuple[list[Post], list[dict[str, Any]]]:
    found = {i: world.index.get(i) for i in ids}
    gone = [missing_tweet(str(i), parameter, view.dialect.host) for i, post in found.items() if post is None]
    return [post for post in found.values() if post is not None], gone


def tweets(world: World, call: Call) -> Reply:
    """``GET /2/tweets?ids=``: missing ones come as errors beside the data."""
    call.params.only(FIELD_PARAMETERS | {"ids"})
    raw = call.params.csv("ids")
    if not 1 <= len(raw) <= 100:  # noqa: PLR2004 - X's limit
        raise invalid("ids", ",".join(raw), f"size must be between 1 and 100, was {len(raw)}")
    ids = [_single(item) for item in raw]
    view = View.of(call.params, world.config.dialect)
    posts, gone = _lookup(world, view, ids, "ids")
    page = _page(world, view, posts, "")
    payload = {key: value for key, value in page.payload.items() if key != "meta"}
    errors = [*payload.get("errors", []), *gone]
    return Reply(payload | ({"errors": errors} if errors else {}), posts=page.posts, users=page.users)


def tweet(world: World, call: Call) -> Reply:
    """``GET /2/tweets/{id}``."""
    call.params.only(FIELD_PARAMETERS)
    view = View.of(call.params, world.config.dialect)
    posts, gone = _lookup(world, view, [_single(call.path["id"])], "id")
    if gone:
        return Reply({"errors": gone})
    page = _page(world, view, posts, "")
    payload = {key: value for key, value in page.payload.items() if key != "meta"}
    return Reply(payload | {"data": page.payload["data"][0]}, posts=page.posts, users=page.users)


def _single(raw: str) -> int:
    value = Params({"id": [raw]}).post_id("id")
    assert value is not None
    return value
