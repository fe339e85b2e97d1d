"""One tweet with the champion's prediction, or else the newest, by id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from trendvane.warehouse.reading_cells import champion_first
from trendvane.warehouse.tables import tweet_product, tweet_staging, tweet_topic

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Scored:
    """The prediction that counts: class index, its probability, all three, by whom and when."""

    sentiment: int
    score: float
    p: tuple[float, float, float]
    model_version: str
    processed_at: datetime


@dataclass(frozen=True, slots=True)
class StoredTweet:
    """A staged tweet, the topics it was found under, and its prediction once there is one."""

    tweet_id: int
    content: str
    created_at: datetime
    crawl_at: datetime
    lang: str
    kind: str
    source: str
    raw_ref: str
    cluster_id: int
    topic_ids: tuple[str, ...]
    scored: Scored | None


def find(connection: Connection, tweet_id: int) -> StoredTweet | None:
    """The tweet, or None when it is not known (or was forgotten)."""
    row = connection.execute(select(tweet_staging).where(tweet_staging.c.tweet_id == tweet_id)).one_or_none()
    if row is None:
        return None
    found = tweet_topic.c
    topics = select(found.topic_id).where(found.tweet_id == tweet_id).order_by(found.topic_id)
    return StoredTweet(
        tweet_id=row.tweet_id,
        content=row.content,
        created_at=row.created_at,
        crawl_at=row.crawl_at,
        lang=row.lang,
        kind=row.type,
        source=row.source,
        raw_ref=row.raw_ref,
        cluster_id=row.cluster_id,
        topic_ids=tuple(connection.execute(topics).scalars()),
        scored=_newest(connection, tweet_id),
    )


def _newest(connection: Connection, tweet_id: int) -> Scored | None:
    product = tweet_product.c
    newest = (
        select(tweet_product)
        .where(product.staging_id == tweet_id)
        .order_by(champion_first(product.model_version), product.processed_at.desc())
    )
    row = connection.execute(newest.limit(1)).one_or_none()
    if row is None:
        return None
    p = (row.p_negative, row.p_neutral, row.p_positive)
    return Scored(row.predicted_sentiment, row.sentiment_score, p, row.model_version, row.processed_at)
