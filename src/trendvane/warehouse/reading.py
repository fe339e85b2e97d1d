"""Every number behind the page and the read-only API.

Numbers come from ``topic_rollup`` alone, so that a page costs the same for ten thousand tweets as for
ten million: its cost follows topics times minutes. The tweets themselves are in ``reading_tweets``.

Every function takes an open connection and only reads. Times are UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import BigInteger, and_, cast, func, select, true

from trendvane.warehouse.tables import (
    crawl_gap,
    topic,
    topic_rollup,
    tweet_staging,
    tweet_topic,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection, Row, Select, Subquery

# A Monday at midnight, so that bins of a day or a week start where people expect.
_EPOCH = datetime(2000, 1, 3, tzinfo=UTC)
_NO_RANK = 10**6


class Counts(NamedTuple):
    """Sums over rollup rows. ``tweets`` counts everything, the rest independent voices only.

    Attributes:
        tweets: Every tweet, copies and unread languages included.
        negative, neutral, positive: Voices by predicted class.
        p_negative, p_neutral, p_positive: Sums of the same voices' probabilities.
    """

    tweets: int = 0
    negative: int = 0
    neutral: int = 0
    positive: int = 0
    p_negative: float = 0.0
    p_neutral: float = 0.0
    p_positive: float = 0.0

    @property
    def voices(self) -> int:
        """First tweets of a cluster, in a language the model reads."""
        return self.negative + self.neutral + self.positive


@dataclass(frozen=True, slots=True)
class TopicRow:
    """A topic and its sums over a window.

    Attributes:
        newest_tweet_id: Newest tweet of the topic that is counted, in the window or not.
        updated_at: When the newest rollup row of the window was written.
        rank: Place in the last list of trends.
    """

    topic_id: str
    name: str
    kind: str
    source: str
    rank: int | None
    first_seen_at: datetime
    polled_at: datetime | None
    counts: Counts
    newest_tweet_id: int | None
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Minute:
    """One rollup row , for exports."""

    minute: datetime
    model_version: str
    counts: Counts


@dataclass(frozen=True, slots=True)
class Gap:
    """A span of time in which tweets of a topic were missed, and why."""

    topic_id: str
    from_at: datetime
    to_at: datetime
    reason: str


_SUMS = (
    *(
        cast(func.sum(topic_rollup.c[name]), BigInteger).label(name)
        for name in ("tweets", "n_negative", "n_neutral", "n_positive")
    ),
    *(func.sum(topic_rollup.c[name]).label(name) for name in ("p_negative", "p_neutral", "p_positive")),
)


def fingerprint(connection: Connection) -> tuple[object, ...]:
    """Something that differs whenever a rollup row has changed.

    ``max(updated_at)`` alone is not enough: a transaction that began earlier and committed later carries an
    older time, so the sums of the last minute's rows are part of it. An index on ``updated_at`` serves it.
    """
    newest = select(func.max(topic_rollup.c.updated_at)).scalar_subquery()
    recent = select(
        newest,
        func.count(),
        func.sum(topic_rollup.c.tweets),
        func.sum(topic_rollup.c.n_negative),
        func.sum(topic_rollup.c.n_neutral),
        func.sum(topic_rollup.c.n_positive),
    ).where(topic_rollup.c.updated_at >= newest - timedelta(minutes=1))
    return tuple(connection.execute(recent).one())


def polled_at(connection: Connection) -> datetime | None:
    """When the source last answered for any topic."""
    newest: datetime | None = connection.execute(select(func.max(topic.c.polled_at))).scalar_one()
    return newest


def topics(connection: Connection, since: datetime, *, limit: int) -> list[TopicRow]:
    """Topics with tweets since ``since``, or watched since then, loudest first."""
    sums = _sums(topic_rollup.c.minute >= since)
    watched = func.greatest(topic.c.last_seen_at, topic.c.polled_at) >= since
    order = (func.coalesce(sums.c.tweets, 0).desc(), topic.c.rank.asc().nulls_last(), topic.c.name)
    chosen = (
        select(*topic.c, *(column for column in sums.c if column.name != "topic_id"))
        .outerjoin_from(topic, sums, sums.c.topic_id == topic.c.topic_id)
        .where(sums.c.updated_at.is_not(None) | watched)
        .order_by(*order)
        .limit(limit)
    )
    rows = [_topic_row(row) for row in connection.execute(_with_newest(chosen))]
    return sorted(rows, key=lambda row: (-row.counts.tweets, row.rank or _NO_RANK, row.name))


def topics_by_id(connection: Connection, topic_ids: Sequence[str], since: datetime) -> list[TopicRow]:
    """The named topics that exist, in the order they were asked for."""
    sums = _sums(and_(topic_rollup.c.minute >= since, topic_rollup.c.topic_id.in_(topic_ids)))
    chosen = (
        select(*topic.c, *(column for column in sums.c if column.name != "topic_id"))
        .outerjoin_from(topic, sums, sums.c.topic_id == topic.c.topic_id)
        .where(topic.c.topic_id.in_(topic_ids))
    )
    found = {row.topic_id: _topic_row(row) for row in connection.execute(_with_newest(chosen))}
    return [found[topic_id] for topic_id in topic_ids if topic_id in found]


def _sums(inside: ColumnElement[bool]) -> Subquery:
    return (
        select(topic_rollup.c.topic_id, *_SUMS, func.max(topic_rollup.c.updated_at).label("updated_at"))
        .where(inside)
        .group_by(topic_rollup.c.topic_id)
        .subquery("sums")
    )


def _with_newest(chosen: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """Add each chosen topic's newest counted tweet: one index look-up per topic that is shown."""
    chosen_topics = chosen.subquery("chosen")
    newest = (
        select(tweet_topic.c.tweet_id.label("newest_tweet_id"))
        .join(tweet_staging, tweet_staging.c.tweet_id == tweet_topic.c.tweet_id)
        .where(tweet_topic.c.topic_id == chosen_topics.c.topic_id, tweet_staging.c.inference_done)
        .order_by(tweet_topic.c.created_at.desc())
        .limit(1)
        .lateral("newest")
    )
    return select(chosen_topics, newest.c.newest_tweet_id).outerjoin_from(chosen_topics, newest, true())


def _counts(row: Row[*tuple[Any, ...]]) -> Counts:
    """Columns named as in ``topic_rollup``; null, from an outer join, is zero."""
    return Counts(
        row.tweets or 0,
        row.n_negative or 0,
        row.n_neutral or 0,
        row.n_positive or 0,
        row.p_negative or 0.0,
        row.p_neutral or 0.0,
        row.p_positive or 0.0,
    )


def _topic_row(row: Row[*tuple[Any, ...]]) -> TopicRow:
    return TopicRow(
        topic_id=row.topic_id,
        name=row.name,
        kind=row.type,
        source=row.source,
        rank=row.rank,
        first_seen_at=row.first_seen_at,
        polled_at=row.polled_at,
        counts=_counts(row),
        newest_tweet_id=row.newest_tweet_id,
        updated_at=row.updated_at,
    )


def series(
    connection: Connection, topic_ids: Sequence[str], since: datetime, step: timedelta
) -> dict[str, dict[int, Counts]]:
    """Sums per topic and time bin; a bin without rollup rows is absent, which is not the same as zero.

    Bins are named by the Unix second they start at, a whole multiple of ``step`` since a Monday midnight,
    UTC, as ``bin_start`` computes it. Whole numbers, because a snapshot holds thousands of them.
    """
    start = cast(func.extract("epoch", func.date_bin(step, topic_rollup.c.minute, _EPOCH)), BigInteger)
    statement = (
        select(topic_rollup.c.topic_id, start.label("start"), *_SUMS)
        .where(topic_rollup.c.minute >= since, topic_rollup.c.topic_id.in_(topic_ids))
        .group_by(topic_rollup.c.topic_id, start)
    )
    result: dict[str, dict[int, Counts]] = {topic_id: {} for topic_id in topic_ids}
    for topic_id, second, *sums in connection.execute(statement).all():
        result[topic_id][second] = Counts(*sums)
    return result


def bin_start(moment: datetime, step: timedelta) -> datetime:
    """Start of the time bin that holds ``moment``."""
    return moment - (moment - _EPOCH) % step


def models(connection: Connection, topic_id: str, since: datetime) -> list[tuple[str, int]]:
    """Model versions behind a topic's numbers, with the voices each one read; most voices first."""
    voices = func.sum(topic_rollup.c.n_negative + topic_rollup.c.n_neutral + topic_rollup.c.n_positive).label(
        "voices"
    )
    statement = (
        select(topic_rollup.c.model_version, voices)
        .where(topic_rollup.c.topic_id == topic_id, topic_rollup.c.minute >= since)
        .group_by(topic_rollup.c.model_version)
        .order_by(voices.desc(), topic_rollup.c.model_version)
    )
    return [(row.model_version, int(row.voices)) for row in connection.execute(statement)]


def gaps(connection: Connection, topic_ids: Sequence[str], since: datetime) -> list[Gap]:
    """Spans the collector knows it could not read, oldest first."""
    statement = (
        select(crawl_gap.c.topic_id, crawl_gap.c.from_at, crawl_gap.c.to_at, crawl_gap.c.reason)
        .where(crawl_gap.c.topic_id.in_(topic_ids), crawl_gap.c.to_at >= since)
        .order_by(crawl_gap.c.from_at)
    )
    return [Gap(row.topic_id, row.from_at, row.to_at, row.reason) for row in connection.execute(statement)]


def minutes(connection: Connection, topic_id: str, since: datetime) -> list[Minute]:
    """Rollup rows of a topic, oldest first."""
    statement = (
        select(topic_rollup)
        .where(topic_rollup.c.topic_id == topic_id, topic_rollup.c.minute >= since)
        .order_by(topic_rollup.c.minute, topic_rollup.c.model_version)
    )
    return [
        Minute(row.minute.astimezone(UTC), row.model_version, _counts(row))
        for row in connection.execute(statement)
    ]
