"""How the page's cost depends on the number of tweets: it must not.

    python bench/page.py [--small 10000] [--large 1000000] [--repeat 40]

Fills a fresh embedded PostgreSQL, once with few tweets and once with many, which fall on the same minutes of
the same topics over one day (rows by COPY, rollups counted from them by SQL). Times what the server does for
a viewer: the look for a change, the snapshot of the overview, the full view of one topic. Both runs draw the
finest bins (``min_voices=1``), so that they draw the same number of points. Prints a Markdown table with the
ratio of the medians.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from trendvane.domain import snowflake
from trendvane.domain.sentiment import Interval, Shares
from trendvane.domain.topic import topic_id
from trendvane.serve.snapshot import PageOptions, Snapshots
from trendvane.serve.snapshot_estimates import Estimates
from trendvane.serve.snapshot_series import WINDOWS
from trendvane.serve.snapshot_topic import TopicViews
from trendvane.warehouse import embedded, engine, migrate, tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from trendvane.warehouse.engine import Warehouse
    from trendvane.warehouse.reading import Counts

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAY = WINDOWS["24h"]
TOPICS = 40
BUSY_MINUTES = 9_600  # of a topic; each holds at least one tweet, however few there are
COLUMNS = {
    "tweet_staging": "tweet_id,topic,content,type,crawl_at,inference_done,created_at,lang,cluster_id,source,"
    "raw_ref",
    "tweet_topic": "tweet_id,topic_id,created_at",
    "tweet_product": "staging_id,tweet_id,topic,type,predicted_sentiment,sentiment_score,processed_at,"
    "created_at,p_negative,p_neutral,p_positive,model_version,voice",
}
ROLLUP = """
    INSERT INTO topic_rollup (topic_id, minute, model_version, tweets, n_negative, n_neutral, n_positive,
        p_negative, p_neutral, p_positive, updated_at)
    SELECT topic, date_trunc('minute', created_at), model_version, count(*),
        count(*) FILTER (WHERE predicted_sentiment = 0), count(*) FILTER (WHERE predicted_sentiment = 1),
        count(*) FILTER (WHERE predicted_sentiment = 2), sum(p_negative), sum(p_neutral), sum(p_positive),
        date_trunc('minute', created_at)
    FROM tweet_product GROUP BY 1, 2, 3, 11
"""


@dataclass(frozen=True)
class Tweet:
    """What COPY needs to know of a tweet."""

    tweet_id: int
    topic: str
    at: datetime
    sentiment: int


class PlainEstimator:
    """No model is needed to time SQL; estimates cost the same either way."""

    key, method, languages = "bench", "none", ("en",)

    def __call__(self, counts: Counts) -> Shares:
        """Always the same shares."""
        part = Interval(1 / 3, 0.2, 0.4)
        return Shares(part, part, part, Interval(0.0, -0.1, 0.1), counts.voices, 0, 0.9)


def made_up(count: int, topics: list[str]) -> Iterator[Tweet]:
    """Tweets dealt out evenly to the same busy minutes, whatever their number."""
    rng = random.Random(11)
    cells = rng.sample([(topic, minute) for topic in topics for minute in range(1, 1440)], BUSY_MINUTES)
    for number in range(count):
        topic, minute = cells[number % BUSY_MINUTES]
        at = NOW - timedelta(minutes=minute) + timedelta(milliseconds=number // BUSY_MINUTES)
        tweet_id = snowflake.floor(int(at.timestamp() * 1000)) + topics.index(topic)
        yield Tweet(tweet_id, topic, at, rng.randrange(3))


def rows_of(table: str, tweets: Iterable[Tweet]) -> Iterator[tuple[object, ...]]:
    for t in tweets:
        if table == "tweet_topic":
            yield t.tweet_id, t.topic, t.at
        elif table == "tweet_staging":
            text = "a tweet of ordinary length that says nothing in particular about anything"
            yield (
                t.tweet_id,
                t.topic,
                text,
                "trending",
                t.at,
                True,
                t.at,
                "en",
                t.tweet_id,
                "emulator",
                "bench",
            )
        else:
            p = [0.1, 0.1, 0.1]
            p[t.sentiment] = 0.8
            head = (t.tweet_id, t.tweet_id, t.topic, "trending", t.sentiment, 0.8, t.at, t.at)
            yield (*head, *p, "bench-1", True)


def fill(warehouse: Warehouse, count: int) -> str:
    """Fill an empty warehouse; returns the id of the loudest topic."""
    names = [f"Topic {place}" for place in range(TOPICS)]
    ids = [topic_id(name) for name in names]
    with warehouse.begin() as connection:
        values = [
            {"topic_id": i, "name": n, "type": "trending", "source": "emulator", "last_seen_at": NOW,
             "first_seen_at": NOW - DAY.span, "polled_at": NOW}
            for i, n in zip(ids, names, strict=True)
        ]  # fmt: skip
        connection.execute(sa.insert(tables.topic), values)
        for table, columns in COLUMNS.items():
            cursor = engine.driver(connection).cursor()
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for row in rows_of(table, made_up(count, ids)):
                    copy.write_row(row)
        connection.execute(sa.text(ROLLUP))
    with warehouse.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE"))
    return ids[0]


def timed(action: Callable[[], object], repeat: int) -> list[float]:
    """Milliseconds of each call, after three that warm caches up."""
    for _ in range(3):
        action()
    found = []
    for _ in range(repeat):
        started = time.perf_counter()
        action()
        found.append((time.perf_counter() - started) * 1000)
    return found


def measure(count: int, repeat: int) -> tuple[int, dict[str, list[float]]]:
    """Rollup rows, and times of each view, for ``count`` tweets."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        server = embedded.start(Path(folder))
        warehouse = engine.open(server.url)
        try:
            migrate.upgrade(warehouse)
            loudest = fill(warehouse, count)
            estimates = Estimates(PlainEstimator())
            snapshots = Snapshots(warehouse, estimates, PageOptions(min_voices=1), lambda: NOW)
            views = TopicViews(warehouse, snapshots, estimates, lambda: NOW)
            with warehouse.begin() as connection:
                rollups = connection.execute(sa.select(sa.func.count()).select_from(tables.topic_rollup))
                rows = rollups.scalar_one()
            actions = {
                "look for a change": snapshots.fingerprint,
                "snapshot, 1 h": lambda: snapshots.overview(WINDOWS["1h"]),
                "snapshot, 24 h": lambda: snapshots.overview(DAY),
                "topic view, 24 h": lambda: views.topic(loudest, DAY, confident=False),
            }
            return rows, {name: timed(action, repeat) for name, action in actions.items()}
        finally:
            warehouse.close()
            server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=40)
    arguments = parser.parse_args()
    few_rows, few = measure(arguments.small, arguments.repeat)
    many_rows, many = measure(arguments.large, arguments.repeat)
    print(f"{TOPICS} topics over one day; rollup rows: {few_rows:,} and {many_rows:,}.")
    print(f"Few: {arguments.small:,}; many: {arguments.large:,}.\n")
    print("| what, median and p95 in ms | few tweets | many tweets | ratio |")
    print("|---|---|---|---|")
    for name in few:
        cells = []
        for times in (few[name], many[name]):
            p95 = statistics.quantiles(times, n=20)[-1]
            cells.append(f"{statistics.median(times):.1f}, {p95:.1f}")
        ratio = statistics.median(many[name]) / statistics.median(few[name])
        print(f"| {name} | {cells[0]} | {cells[1]} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
