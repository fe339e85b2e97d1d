"""Nonsense in, 4xx out: no request may bring the emulator to a 500."""

import random

import httpx2
import pytest

from trendvane.emulator.app import ROUTES
from trendvane.emulator.config import EmulatorConfig
from trendvane.emulator.handlers import control
from trendvane.emulator.server import running

pytestmark = pytest.mark.integration
VALUES = (
    *("", "0", "-1", "1", "9" * 20, "abc", "\0", "é🔥", "true", "tea OR", "((", "x" * 600, "1,2,3", ",", '"'),
    *("NaN", "٣", "²", "2026-11-22T10:00:00Z", "9999-99-99T00:00:00Z", "0001-01-01T00:00:00Z"),
    *("9999-12-31T23:59:59Z", str(2**63 - 1), "b26v89c19zqg8o3f" + "z" * 60),
)
NAMES = [
    "query",
    "max_results",
    "since_id",
    "until_id",
    "start_time",
    "end_time",
    "next_token",
    "pagination_token",
    "ids",
    "tweet.fields",
    "post.fields",
    "expansions",
    "granularity",
    "max_trends",
    "days",
    "type",
    "status",
    "dry_run",
    "delete_all",
    "sort_order",
    "limit",
    "topic",
    "since_ms",
    "until_ms",
]
BODIES = (
    *(
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"add":1}',
        b'{"add":[1]}',
        b'{"delete":[]}',
        b'{"type":[]}',
    ),
    *(
        b'{"delete":{"ids":5}}',
        b'{"delete":{"ids":"abc"}}',
        b'{"uuids":[[]]}',
        b'{"kind":[]}',
        b'{"faults":5}',
    ),
    *(
        b'{"faults":[5]}',
        b'{"faults":"ab"}',
        b'{"kind":"cap","times":"x"}',
        b'{"add":[{"value":"a","tag":5}]}',
    ),
)


def test_nonsense_is_refused_politely() -> None:
    rng = random.Random(1)
    routes = [(route.method, route.path) for route in ROUTES]
    routes += [(method, path) for method, path, _ in control.ROUTES]
    config = EmulatorConfig(topics=("Orvo S9",), history_hours=0.2, rate_limit_factor=1e6)
    with (
        running(config) as url,
        httpx2.Client(base_url=url, headers={"Authorization": "Bearer emulator"}, timeout=20) as client,
    ):
        for _ in range(1_500):
            method, template = rng.choice(routes)
            part = rng.choice(("1", "abc", "9" * 20, "-1", "٣", "²"))
            path = template.replace("{id}", part).replace("{woeid}", part)
            params = {rng.choice(NAMES): rng.choice(VALUES) for _ in range(rng.randint(0, 3))}
            if "search" in path or "counts" in path:
                params.setdefault("query", "S9")
            body = rng.choice(BODIES) if method != "GET" else None
            reply = client.request(method, path, params=params, content=body)
            assert reply.status_code < 500, (method, path, params, body, reply.text)
            if method == "POST" and path == "/emulator/faults":
                client.delete(path)
