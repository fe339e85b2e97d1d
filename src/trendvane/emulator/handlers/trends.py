"""What is trending: names only. Volume has to come from counts, as on X."""

from __future__ import annotations

import re

from trendvane.domain import snowflake
from trendvane.emulator.clock import iso
from trendvane.emulator.ledger import TRENDS_USD
from trendvane.emulator.problems import invalid, wrong_token_kind
from trendvane.emulator.render import Dialect
from trendvane.emulator.world import Call, Reply, World

_HOUR_MS = 3_600_000
_ALLOWED = frozenset({"max_trends", "trend.fields"})


def _ranked(world: World) -> list[tuple[str, int]]:
    now = world.clock.now_ms()
    since, until = snowflake.floor(now - _HOUR_MS), snowflake.MAX_ID
    volumes = [(topic, world.index.count_topic(topic, since, until)) for topic in world.feed.topics]
    return sorted(volumes, key=lambda pair: -pair[1])


def by_woeid(world: World, call: Call) -> Reply:
    """``GET /2/trends/by/woeid/{woeid}``: every place sees the same trends here."""
    call.params.only(_ALLOWED)
    if not re.fullmatch(r"[0-9]{1,10}", call.path["woeid"]):
        raise invalid(
            "woeid", call.path["woeid"], f"The `woeid` parameter value [{call.path['woeid']}] is not a number"
        )
    count = call.params.integer("max_trends", 1, 50, 20)
    # ``trend.fields=tweet_count`` is accepted and brings nothing since 2026-08: the key is simply absent.
    return Reply({"data": [{"trend_name": name} for name, _ in _ranked(world)[:count]]}, flat_usd=TRENDS_USD)


def personalized(world: World, call: Call) -> Reply:
    """``GET /2/users/personalized_trends``: needs a user's token."""
    call.params.only(frozenset({"personalized_trend.fields"}))
    if not call.user_context:
        raise wrong_token_kind("/2/users/personalized_trends")
    asked = set(call.params.csv("personalized_trend.fields")) or {"trend_name"}
    since = iso(world.clock.start_ms)
    current = Dialect(world.config.dialect) is Dialect.CURRENT
    rows = [
        {
            "trend_name": name,
            "category": "Trending",
            "post_count": str(count) if current else count,
            "trending_since": since,
        }
        for name, count in _ranked(world)[:20]
    ]
    return Reply({"data": [{key: value for key, value in row.items() if key in asked} for row in rows]})
