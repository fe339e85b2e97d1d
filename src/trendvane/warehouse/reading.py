"""Every number behind the page and the read-only API.

Numbers come from the rollups alone (``reading_cells`` says which rows), so that a page costs the same for
ten thousand tweets as for ten million: its cost follows topics times minutes. The tweets themselves are in
``reading_tweets``.

Every function takes an open connection and only reads. Times are UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, and_, cast, func, select, true

from trendvane.warehouse.reading_cells import Counts, cells, champion, counts_of
from trendvane.warehouse.reading_cells import sums as summed
from trendvane.warehouse.tables import (
    crawl_gap,
    topic,
    topic_rollup,
    tweet_staging,
    tweet_topic,
)
from trendvane.warehouse.tables_learning import label_rollup

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import ColumnElement, Connection, Row, Select, Subquery

__all__ = [
    "Counts",
    "Gap",
    "Minute",
    "TopicRow",
    "bin_start",
    "fingerprint",
    "gaps",
    "minutes",
    "models",
    "polled_at",
    "series",
    "topics",
    "topics_by_id",
]

# A Monday at midnight, so that bins of a day or a week start where people expect.
_EPOCH = datetime(2000, 1, 3, tzinfo=UTC)
_NO_RANK = 10**6


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
    """One rollup row, for exports."""

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


def fingerprint(connection: Connection) -> tuple[object, ...]:
    """Something that differs whenever a rollup row has changed, or the champion, which decides between rows.

    ``max(updated_at)`` alone is not enough: a transaction that began earlier and committed later carries an
    older time, so the sums of the last minute's rows are part of it. An index on ``updated_at`` serves it.
    """
    labelled = label_rollup.c.updated_at
    newest_label = select(func.max(labelled)).scalar_subquery()
    recent_labels = select(func.sum(label_rollup.c.n)).where(labelled >= newest_label - timedelta(minutes=1))
    newest = select(func.max(topic_rollup.c.updated_at)).scalar_subquery()
    recent = select(
        newest,
        func.count(),
        func.sum(topic_rollup.c.tweets),
        func.sum(topic_rollup.c.n_negative),
        func.sum(topic_rollup.c.n_neutral),
        func.sum(topic_rollup.c.n_positive),
        newest_label,
        recent_labels.scalar_subquery(),
        champion(),
    ).where(topic_rollup.c.updated_at >= newest - timedelta(minutes=1))
    return tuple(connection.execute(recent).one())


def polled_at(connection: Connection) -> datetime | None:
    """When the source last answered for any topic."""
    newest: datetime | None = connection.execute(select(func.max(topic.c.polled_at))).scalar_one()
    return newest


def topics(connection: Connection, since: datetime, *, limit: int) -> list[TopicRow]:
    """Topics with tweets since ``since``, or watched since then, loudest first."""
    sums = _sums(connection, lambda rows: rows.minute >= since)
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
    sums = _sums(connection, lambda rows: and_(rows.minute >= since, rows.topic_id.in_(topic_ids)))
    chosen = (
        select(*topic.c, *(column for column in sums.c if column.name != "topic_id"))
        .outerjoin_from(topic, sums, sums.c.topic_id == topic.c.topic_id)
        .where(topic.c.topic_id.in_(topic_ids))
    )
    found = {row.topic_id: _topic_row(row) for row in connection.execute(_with_newest(chosen))}
    return [found[topic_id] for topic_id in topic_ids if topic_id in found]


def _sums(connection: Connection, inside: Callable[[Any], ColumnElement[bool]]) -> Subquery:
    rows = cells(connection, inside)
    return (
        select(rows.c.topic_id, *summed(rows), func.max(rows.c.updated_at).label("updated_at"))
        .group_by(rows.c.topic_id)
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


def _topic_row(row: Row[*tuple[Any, ...]]) -> TopicRow:
    return TopicRow(
        topic_id=row.topic_id,
        name=row.name,
        kind=row.type,
        source=row.source,
        rank=row.rank,
        first_seen_at=row.first_seen_at,
        polled_at=row.polled_at,
        counts=counts_of(row),
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
    rows = cells(connection, lambda rows: and_(rows.minute >= since, rows.topic_id.in_(topic_ids)))
    start = cast(func.extract("epoch", func.date_bin(step, rows.c.minute, _EPOCH)), BigInteger)
    statement = select(rows.c.topic_id, start.label("start"), *summed(rows)).group_by(rows.c.topic_id, start)
    result: dict[str, dict[int, Counts]] = {topic_id: {} for topic_id in topic_ids}
    for topic_id, second, *sums in connection.execute(statement).all():
        result[topic_id][second] = Counts(*sums)
    return result


def bin_start(moment: datetime, step: timedelta) -> datetime:
    """Start of the time bin that holds ``moment``."""
    return moment - (moment - _EPOCH) % step


def models(connection: Connection, topic_id: str, since: datetime) -> list[tuple[str, int]]:
    """Model versions behind a topic's numbers, with the voices each one speaks for; most voices first."""
    rows = cells(connection, lambda rows: and_(rows.minute >= since, rows.topic_id == topic_id))
    voices = func.sum(rows.c.n_negative + rows.c.n_neutral + rows.c.n_positive).label("voices")
    statement = (
        select(rows.c.model_version, voices)
        .group_by(rows.c.model_version)
        .order_by(voices.desc(), rows.c.model_version)
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
    """Rollup rows of a topic, one a minute, oldest first."""
    rows = cells(connection, lambda rows: and_(rows.minute >= since, rows.topic_id == topic_id))
    return [
        Minute(row.minute.astimezone(UTC), row.model_version, counts_of(row))
        for row in connection.execute(select(rows).order_by(rows.c.minute))
    ]
