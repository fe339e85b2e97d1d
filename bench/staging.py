"""How fast staging is, beside a bare COPY of the very same rows.

    python bench/staging.py [--tweets 50000] [--repeat 3]

Staging: bytes of lake objects to committed rows: reading, parsing, hashing, clustering, deduplication.
COPY: psycopg's ``write_row`` of the finished rows of ``tweet_staging`` into an empty table with the same
columns and indexes, committed. Both on the embedded PostgreSQL with fsync on, side by side, best of
``--repeat``.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa

from trendvane.domain import snowflake
from trendvane.domain.page import RawPage
from trendvane.domain.topic import topic_id
from trendvane.lake import objects, store
from trendvane.steps.stage import StageConfig, stage
from trendvane.warehouse import embedded, engine, manifest, migrate

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
PAGE = 100
PAGES_AN_OBJECT = 50
WORDS = [
    f"{a}{b}"
    for a in ("bri", "vol", "tan", "mer", "sol", "que", "pla")
    for b in ("na", "to", "rix", "dum", "ly")
]


def make_pages(tweets: int, seed: int) -> list[RawPage]:
    rng = random.Random(seed)
    base = snowflake.floor(int(START.timestamp() * 1000)) + seed * 10**13
    pages = []
    for number in range(0, tweets, PAGE):
        rows: list[dict[str, Any]] = []
        for i in range(number, number + PAGE):
            tweet_id = base + i * 4096
            text = " ".join(rng.choices(WORDS, k=rng.randint(8, 35)))
            if rng.random() < 0.3:
                text += " ❤️ https://t.co/abcdef &amp; more\nsecond line"
            row: dict[str, Any] = {
                "id": str(tweet_id),
                "text": text,
                "lang": "en",
                "author_id": str(rng.randrange(10**6, 10**7)),
                "created_at": snowflake.to_datetime(tweet_id).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "edit_history_tweet_ids": [str(tweet_id)],
                "public_metrics": {"retweet_count": 1, "reply_count": 0, "like_count": 7, "quote_count": 0},
            }
            if rows and rng.random() < 0.2:
                row["text"] = "RT @someone: " + rows[-1]["text"]
                row["referenced_tweets"] = [{"type": "retweeted", "id": rows[-1]["id"]}]
            rows.append(row)
        body = orjson.dumps({"data": rows, "meta": {"result_count": len(rows)}})
        page_id = f"{int(START.timestamp() * 1000) + number}-{seed:08x}"
        pages.append(
            RawPage(
                page_id,
                "#bench",
                "hashtag",
                "emulator",
                "search",
                "#bench",
                START,
                200,
                "application/json",
                body,
            )
        )
    return pages


def fill(lake: store.Lake, warehouse: engine.Warehouse, pages: list[RawPage]) -> None:
    for start in range(0, len(pages), PAGES_AN_OBJECT):
        chunk = pages[start : start + PAGES_AN_OBJECT]
        data = objects.encode(chunk)
        digest = hashlib.sha256(data).hexdigest()
        key = store.key_for(START, topic_id("#bench"), digest)
        lake.put(key, data)
        with warehouse.begin() as connection:
            entry = manifest.Entry(key, digest, len(data), len(chunk), "emulator")
            manifest.register(connection, entry, now=START)


def time_staging(lake: store.Lake, warehouse: engine.Warehouse) -> tuple[int, float]:
    config = StageConfig(hash_key=b"bench" * 6)
    started = time.perf_counter()
    report = stage(lake, warehouse, config, now=lambda: START + timedelta(hours=1))
    return report.inserted, time.perf_counter() - started


def time_copy(warehouse: engine.Warehouse) -> tuple[int, float]:
    with warehouse.begin() as connection:
        rows = [
            tuple(row) for row in connection.execute(sa.text("SELECT * FROM tweet_staging ORDER BY tweet_id"))
        ]
        connection.execute(sa.text("DROP TABLE IF EXISTS bare"))
        connection.execute(sa.text("CREATE TABLE bare (LIKE tweet_staging INCLUDING ALL)"))
    started = time.perf_counter()
    with (
        warehouse.begin() as connection,
        engine.driver(connection).cursor() as cursor,
        cursor.copy("COPY bare FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(row)
    return len(rows), time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tweets", type=int, default=50_000)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="tvbench", dir="/tmp"))
    server = embedded.start(directory / "pg")
    warehouse = engine.open(server.url)
    migrate.upgrade(warehouse)
    lake = store.open(str(directory / "lake"))
    staging: list[float] = []
    copying: list[float] = []
    for seed in range(1, arguments.repeat + 1):
        with warehouse.begin() as connection:
            connection.execute(sa.text("TRUNCATE tweet_staging, cluster_key, lake_object CASCADE"))
        fill(lake, warehouse, make_pages(arguments.tweets, seed))
        for name, results, (rows, seconds) in (
            ("staging", staging, time_staging(lake, warehouse)),
            ("COPY", copying, time_copy(warehouse)),
        ):
            results.append(rows / seconds)
            print(f"{name:8} {rows:7} rows {seconds:6.2f} s {rows / seconds:9.0f} rows/s", flush=True)
    print(f"staging reaches {max(staging) / max(copying):.0%} of a bare COPY")
    warehouse.close()
    server.stop()
    shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
