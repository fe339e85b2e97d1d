"""The counts that pages and panels read, kept in step with the rows they count, in one transaction.

Rule: ``tweets`` counts every tweet of a topic; ``n_*`` and ``p_*`` count voices only
(``tweet_product.voice``). A tweet counts in the minute it was written, once for each of its topics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from trendvane.warehouse.engine import int8s

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.engine import Connection

CHANNEL = "trendvane_rollup"
_PAYLOAD_TOPICS = 300  # PostgreSQL carries 8000 bytes in a notification

# What the rows themselves say; the audit recomputes every rollup with the same words.
SUMS = """
    count(*) AS tweets,
    count(*) FILTER (WHERE p.voice AND p.predicted_sentiment = 0) AS n_negative,
    count(*) FILTER (WHERE p.voice AND p.predicted_sentiment = 1) AS n_neutral,
    count(*) FILTER (WHERE p.voice AND p.predicted_sentiment = 2) AS n_positive,
    coalesce(sum(p.p_negative) FILTER (WHERE p.voice), 0) AS p_negative,
    coalesce(sum(p.p_neutral) FILTER (WHERE p.voice), 0) AS p_neutral,
    coalesce(sum(p.p_positive) FILTER (WHERE p.voice), 0) AS p_positive
"""
_GROUPED = f"""
    SELECT t.topic_id, date_trunc('minute', p.created_at) AS minute, p.model_version, {SUMS}
    FROM unnest(CAST(:ids AS bigint[])) AS i(id)
    JOIN tweet_product p ON p.staging_id = i.id
    JOIN tweet_topic t ON t.tweet_id = p.staging_id
    WHERE (CAST(:version AS text) IS NULL OR p.model_version = :version)
      AND (CAST(:topic AS text) IS NULL OR t.topic_id = :topic)
    GROUP BY 1, 2, 3
    ORDER BY 1, 2, 3
"""  # noqa: S608 - no input; groups are ordered because their order is the order of locking
_ADD = sa.text(
    f"""
    INSERT INTO topic_rollup AS r (topic_id, minute, model_version, tweets, n_negative, n_neutral,
        n_positive, p_negative, p_neutral, p_positive)
    {_GROUPED}
    ON CONFLICT (topic_id, minute, model_version) DO UPDATE SET
        tweets = r.tweets + excluded.tweets,
        n_negative = r.n_negative + excluded.n_negative,
        n_neutral = r.n_neutral + excluded.n_neutral,
        n_positive = r.n_positive + excluded.n_positive,
        p_negative = r.p_negative + excluded.p_negative,
        p_neutral = r.p_neutral + excluded.p_neutral,
        p_positive = r.p_positive + excluded.p_positive,
        updated_at = clock_timestamp()
    RETURNING r.topic_id
    """,
)
_LOCK = sa.text(
    f"""
    SELECT 1 FROM topic_rollup r
    WHERE (r.topic_id, r.minute, r.model_version)
        IN (SELECT topic_id, minute, model_version FROM ({_GROUPED}) g)
    ORDER BY r.topic_id, r.minute, r.model_version FOR UPDATE
    """,  # noqa: S608
)
_SUBTRACT = sa.text(
    f"""
    UPDATE topic_rollup r SET
        tweets = r.tweets - g.tweets,
        n_negative = r.n_negative - g.n_negative,
        n_neutral = r.n_neutral - g.n_neutral,
        n_positive = r.n_positive - g.n_positive,
        p_negative = greatest(r.p_negative - g.p_negative, 0),
        p_neutral = greatest(r.p_neutral - g.p_neutral, 0),
        p_positive = greatest(r.p_positive - g.p_positive, 0),
        updated_at = clock_timestamp()
    FROM ({_GROUPED}) g
    WHERE r.topic_id = g.topic_id AND r.minute = g.minute AND r.model_version = g.model_version
    RETURNING r.topic_id
    """,  # noqa: S608
)
_DROP_EMPTY = sa.text("DELETE FROM topic_rollup WHERE topic_id = ANY(:topics) AND tweets <= 0")
_NOTIFY = sa.text("SELECT pg_notify(:channel, :payload)")


def add(
    connection: Connection,
    tweet_ids: Sequence[int],
    *,
    model_version: str | None = None,
    topic_id: str | None = None,
) -> int:
    """Count product rows that were just inserted, or that just got a topic; returns rollup rows touched.

    Args:
        connection: Of the transaction that inserted them.
        tweet_ids: Of tweets whose staging rows this transaction holds locked.
        model_version: Count this version's rows only.
        topic_id: Count them under this topic only.
    """
    if not tweet_ids:
        return 0
    parameters = {"ids": int8s(tweet_ids), "version": model_version, "topic": topic_id}
    topics = list(connection.execute(_ADD, parameters).scalars())
    _notify(connection, topics)
    return len(topics)


def subtract(connection: Connection, tweet_ids: Sequence[int]) -> int:
    """Take tweets out of every count they are in; to be called before their rows go. Returns rows touched."""
    if not tweet_ids:
        return 0
    parameters = {"ids": int8s(tweet_ids), "version": None, "topic": None}
    connection.execute(_LOCK, parameters)
    topics = list(connection.execute(_SUBTRACT, parameters).scalars())
    if topics:
        connection.execute(_DROP_EMPTY, {"topics": sorted(set(topics))})
    _notify(connection, topics)
    return len(topics)


def _notify(connection: Connection, topics: Iterable[str]) -> None:
    """Tell listeners which topics changed: ids joined by commas, or nothing when they are too many."""
    changed = sorted(set(topics))
    if not changed:
        return
    payload = ",".join(changed) if len(changed) <= _PAYLOAD_TOPICS else ""
    connection.execute(_NOTIFY, {"channel": CHANNEL, "payload": payload})
