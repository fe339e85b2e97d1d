"""Tweets shown as examples and exported by id: never counted, never more than a fixed number of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import func, select, true

from trendvane.warehouse.reading_cells import champion_first
from trendvane.warehouse.tables import tweet_product, tweet_staging, tweet_topic

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Examples are chosen among this many newest tweets of a topic: a bound on work, whatever the topic's size.
EXAMPLE_POOL = 400


@dataclass(frozen=True, slots=True)
class Example:
    """A tweet shown as an example of a class. ``score`` is the model's probability of that class."""

    tweet_id: int
    text: str
    created_at: datetime
    lang: str
    sentiment: int
    score: float


def examples(
    connection: Connection, topic_id: str, since: datetime, *, per_class: int, confident: bool
) -> list[Example]:
    """Up to ``per_class`` tweets of each class, newest or most confident first.

    Only voices are shown, as only they are counted, and only the ``EXAMPLE_POOL`` newest tweets of the topic
    are looked at: "most confident" means most confident of those.
    """
    pool = (
        select(tweet_topic.c.tweet_id)
        .where(tweet_topic.c.topic_id == topic_id, tweet_topic.c.created_at >= since)
        .order_by(tweet_topic.c.created_at.desc())
        .limit(EXAMPLE_POOL)
        .subquery("pool")
    )
    latest = (
        select(tweet_product.c.predicted_sentiment, tweet_product.c.sentiment_score)
        .where(tweet_product.c.staging_id == pool.c.tweet_id, tweet_product.c.voice)
        .order_by(champion_first(tweet_product.c.model_version), tweet_product.c.processed_at.desc())
        .limit(1)
        .lateral("latest")
    )
    order = latest.c.sentiment_score.desc() if confident else tweet_staging.c.created_at.desc()
    place = func.row_number().over(partition_by=latest.c.predicted_sentiment, order_by=order).label("place")
    ranked = (
        select(
            tweet_staging,
            latest.c.predicted_sentiment.label("sentiment"),
            latest.c.sentiment_score.label("score"),
            place,
        )
        .join_from(pool, latest, true())
        .join(tweet_staging, tweet_staging.c.tweet_id == pool.c.tweet_id)
        .subquery("ranked")
    )
    statement = select(ranked).where(ranked.c.place <= per_class).order_by(ranked.c.sentiment, ranked.c.place)
    return [
        Example(row.tweet_id, row.content, row.created_at, row.lang, row.sentiment, row.score)
        for row in connection.execute(statement)
    ]


def ids_by_minute(
    connection: Connection, topic_id: str, since: datetime, *, limit: int
) -> dict[datetime, list[int]]:
    """Ids of a topic's newest tweets, grouped by the minute they were made; at most ``limit`` ids in all."""
    statement = (
        select(tweet_topic.c.tweet_id, tweet_topic.c.created_at)
        .where(tweet_topic.c.topic_id == topic_id, tweet_topic.c.created_at >= since)
        .order_by(tweet_topic.c.created_at.desc())
        .limit(limit)
    )
    result: dict[datetime, list[int]] = {}
    for row in connection.execute(statement):
        minute = row.created_at.astimezone(UTC).replace(second=0, microsecond=0)
        result.setdefault(minute, []).append(row.tweet_id)
    return result
