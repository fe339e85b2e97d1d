"""A warehouse full of made-up rollups and a server of the page on a free port, for tests and a look by hand.

By hand: ``PYTHONPATH=src python tests/integration/page_support.py [port [emulator's address]]`` prints the
address and keeps adding tweets until it is stopped.
"""

from __future__ import annotations

import math
import random
import socket
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
import uvicorn
from sqlalchemy.dialects.postgresql import insert

from trendvane.domain import snowflake
from trendvane.domain.sentiment import Interval, Shares
from trendvane.domain.topic import topic_id
from trendvane.model.batcher import Batcher
from trendvane.model.holder import ModelHolder
from trendvane.serve.app import create_app
from trendvane.serve.ports import Ports, ServeConfig
from trendvane.serve.topics import PageParts
from trendvane.warehouse import embedded, engine, migrate, tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastapi import FastAPI
    from sqlalchemy import Connection

    from trendvane.serve.live import LiveOptions
    from trendvane.serve.snapshot import PageOptions
    from trendvane.warehouse.engine import Warehouse
    from trendvane.warehouse.reading import Counts

NAMES = (
    "#WorldCup", "Harbour Bridge", "#MondayMotivation", "New Metro Line", "@northline_rail", "Solar Eclipse",
    "#BudgetDay", "Lantern Festival", "Coffee prices", "#IndieGameDev", "<b>Bold</b> & Co", "مهرجان الضوء",
    "Heat Wave", "#TypewriterClub", "Night Buses",
)  # fmt: skip
TEXTS = (
    ("The whole thing fell apart again, what a mess.", "Queued for an hour and got nothing. Never again."),
    ("It opens at nine and closes at five.", "Here is the list of stops for tomorrow."),
    ("Honestly the best day I have had in months!", "Wonderful work by everyone involved, thank you."),
)


class NormalEstimator:
    """Stands in for the estimator: plain proportions with normal intervals."""

    key = "test"
    method = "Plain proportions with normal 90 % intervals (test estimator)."
    languages = ("en",)

    def __call__(self, counts: Counts) -> Shares:
        _, negative, neutral, positive, *_ = counts
        n = counts.voices

        def share(count: int) -> Interval:
            value = count / n
            half = 1.645 * math.sqrt(max(value * (1 - value), 0.02) / n)
            return Interval(value, max(value - half, 0.0), min(value + half, 1.0))

        net, half = (positive - negative) / n, 1.645 * math.sqrt(0.7 / n)
        return Shares(
            share(negative), share(neutral), share(positive),
            Interval(net, max(net - half, -1.0), min(net + half, 1.0)), n, 0, 0.9,
        )  # fmt: skip


def add_topic(connection: Connection, name: str, now: datetime, **values: Any) -> str:
    """Insert a topic that was polled just now, and return its id."""
    row = {
        "topic_id": topic_id(name), "name": name, "type": "trending", "source": "emulator",
        "first_seen_at": now - timedelta(days=8), "last_seen_at": now, "polled_at": now,
    } | values  # fmt: skip
    connection.execute(sa.insert(tables.topic).values(row))
    return cast("str", row["topic_id"])


def add_minute(
    connection: Connection, topic: str, minute: datetime, counts: tuple[int, int, int], **extra: Any
) -> None:
    """Add (negative, neutral, positive) to one rollup row.

    ``extra``: ``tweets`` when there are more than voices, ``model``, ``now`` of the change.
    """
    table = tables.topic_rollup
    row = rollup(topic, minute, counts, **extra)
    statement = insert(table).values(row)
    sums = {name: table.c[name] + statement.excluded[name] for name in row if name[:2] in {"n_", "p_", "tw"}}
    statement = statement.on_conflict_do_update(
        index_elements=["topic_id", "minute", "model_version"],
        set_=sums | {"updated_at": statement.excluded.updated_at},
    )
    connection.execute(statement)


def rollup(topic: str, minute: datetime, counts: tuple[int, int, int], **extra: Any) -> dict[str, Any]:
    """One row of ``topic_rollup``."""
    return {
        "topic_id": topic,
        "minute": minute.replace(second=0, microsecond=0),
        "model_version": extra.get("model", "starter-1"),
        "tweets": max(extra.get("tweets", 0), sum(counts)),
        **dict(zip(("n_negative", "n_neutral", "n_positive"), counts, strict=True)),
        **dict(
            zip(("p_negative", "p_neutral", "p_positive"), (count * 1.0 for count in counts), strict=True)
        ),
        "updated_at": extra.get("now") or datetime.now(UTC),
    }


def add_tweet(
    connection: Connection, topic: str, at: datetime, sentiment: int, text: str, **extra: Any
) -> int:
    """Add one scored tweet (the rollup is the caller's business) and return its id.

    ``extra``: ``score`` of the class, ``serial`` to tell tweets of one millisecond apart, ``voice``,
    ``sample``, ``source``, ``model``.
    """
    score = extra.get("score", 0.9)
    tweet_id = snowflake.floor(int(at.timestamp() * 1000)) + int(extra.get("serial", 0))
    shared = {"tweet_id": tweet_id, "topic": topic, "type": "trending", "created_at": at}
    staging = shared | {
        "content": text,
        "crawl_at": at,
        "inference_done": True,
        "lang": "en",
        "cluster_id": tweet_id,
        "sample": extra.get("sample"),
        "source": extra.get("source", "emulator"),
        "raw_ref": "test",
    }
    p = [(1 - score) / 2] * 3
    p[sentiment] = score
    product = shared | {
        "staging_id": tweet_id,
        "predicted_sentiment": sentiment,
        "sentiment_score": score,
        "processed_at": at,
        "p_negative": p[0],
        "p_neutral": p[1],
        "p_positive": p[2],
        "model_version": extra.get("model", "starter-1"),
        "voice": extra.get("voice", True),
    }
    connection.execute(sa.insert(tables.tweet_staging).values(staging))
    connection.execute(sa.insert(tables.tweet_topic).values(tweet_id=tweet_id, topic_id=topic, created_at=at))
    connection.execute(sa.insert(tables.tweet_product).values(product))
    return tweet_id


def fill(connection: Connection, now: datetime, *, days: float = 1.2, seed: int = 7) -> list[str]:
    """Topics whose opinion drifts, the last with too few voices, the second with a gap; returns their ids."""
    rng = random.Random(seed)
    ids = [add_topic(connection, name, now, rank=place + 1) for place, name in enumerate(NAMES)]
    rows = []
    for place, topic in enumerate(ids):
        loud = 26 / (1 + place) if place < len(ids) - 1 else 0.0
        quiet = range(240, 420) if place == 1 else range(0)
        rows += [row for row in _drift(rng, topic, now, int(days * 1440), loud) if row[0] not in quiet]
        for serial in range(24):
            text = rng.choice(TEXTS[serial % 3])
            moment = now - timedelta(minutes=serial)
            add_tweet(connection, topic, moment, serial % 3, text, score=rng.uniform(0.5, 0.99), serial=place)
    connection.execute(sa.insert(tables.topic_rollup), [row for _, row in rows])
    add_minute(connection, ids[-1], now, (3, 2, 1))
    gap = {"from_at": now - timedelta(minutes=420), "to_at": now - timedelta(minutes=240)}
    connection.execute(sa.insert(tables.crawl_gap).values(topic_id=ids[1], reason="rate limit", **gap))
    return ids


def _drift(
    rng: random.Random, topic: str, now: datetime, minutes: int, loud: float
) -> Iterator[tuple[int, dict[str, Any]]]:
    phase, swing, base = rng.random() * 6.28, rng.uniform(0.05, 0.25), rng.uniform(0.2, 0.5)
    for back in range(minutes):
        rate = loud * (1 + 0.6 * math.sin(back / 230 + phase))
        n = min(int(rng.expovariate(1 / rate)), 400) if rate else 0
        if n == 0:
            continue
        negative = min(max(base + swing * math.sin(back / 150 + phase), 0.03), 0.9)
        draws = rng.choices((0, 1, 2), (negative, 0.3, max(0.7 - negative, 0.05)), k=n)
        minute = now - timedelta(minutes=back)
        counts = (draws.count(0), draws.count(1), draws.count(2))
        yield back, rollup(topic, minute, counts, tweets=int(n * 1.4) + 1, now=minute)


def build_app(
    warehouse: Warehouse,
    *,
    now: Callable[[], datetime] | None = None,
    truth_url: str | None = None,
    options: PageOptions | None = None,
    live: LiveOptions | None = None,
    package: Path = Path("/nonexistent"),
    **config: Any,
) -> FastAPI:
    """The real application with a plain estimator, and without a model unless a ``package`` is given."""
    holder = ModelHolder(package)
    if package.exists():
        holder.poll()
    ports = Ports(
        holder=holder,
        batcher=Batcher(holder),
        warehouse=warehouse,
        config=ServeConfig(demo_truth_url=truth_url, **config),
        now=now or (lambda: datetime.now(UTC)),
    )
    app = create_app(ports, PageParts(estimator=NormalEstimator(), options=options, live=live))
    app.state.ports = ports
    return app


@contextmanager
def serving(app: FastAPI, port: int = 0) -> Iterator[str]:
    """Serve ``app`` from a thread; yields its address."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=3))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        app.state.ports.draining.set()
        server.should_exit = True
        thread.join(10)
        listener.close()


def main(port: int = 0, truth_url: str | None = None) -> None:
    """Serve made-up data that keeps coming."""
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        warehouse = engine.open(embedded.start(Path(folder)).url)
        migrate.upgrade(warehouse)
        with warehouse.begin() as connection:
            ids = fill(connection, datetime.now(UTC))
        with serving(build_app(warehouse, truth_url=truth_url), port) as address:
            sys.stdout.write(address + "\n")
            sys.stdout.flush()
            while True:
                now = datetime.now(UTC)
                with warehouse.begin() as connection:
                    for topic in rng.sample(ids[:-1], 3):
                        counts = (rng.randrange(4), rng.randrange(3), rng.randrange(4))
                        add_minute(connection, topic, now, counts)
                    connection.execute(sa.update(tables.topic).values(polled_at=now, last_seen_at=now))
                time.sleep(0.8)


if __name__ == "__main__":
    main(*(int(value) if value.isdecimal() else value for value in sys.argv[1:]))  # type: ignore[arg-type]
