"""The topics that are watched, and when each was last looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from trendvane.domain.topic import Topic, TopicKind
from trendvane.warehouse.tables import topic

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection


@dataclass(frozen=True, slots=True)
class Watched:
    """A topic and when it was last polled; None if never."""

    topic: Topic
    polled_at: datetime | None


def list_topics(connection: Connection, topics: Iterable[Topic], *, source: str, now: datetime) -> None:
    """Enter the topics a person asked for; what a person says about the kind of a topic wins."""
    for each in {t.topic_id: t for t in topics}.values():
        _upsert(connection, each, {"type": each.kind.value}, source=source, now=now)


def set_trends(connection: Connection, trends: Sequence[Topic], *, source: str, now: datetime) -> None:
    """Replace the list of trends: ranks count from 1; topics that left the list lose theirs."""
    ranked: dict[str, tuple[int, Topic]] = {}
    for each in trends:
        ranked.setdefault(each.topic_id, (len(ranked) + 1, each))
    connection.execute(
        sa.update(topic)
        .where(topic.c.source == source, topic.c.rank.is_not(None), topic.c.topic_id.not_in(list(ranked)))
        .values(rank=None)
    )
    for rank, each in ranked.values():
        _upsert(connection, each, {"rank": rank}, source=source, now=now)


def trends_seen_at(connection: Connection, *, source: str) -> datetime | None:
    """When the list of trends was last replaced; None if never."""
    seen: datetime | None = connection.execute(
        sa.select(sa.func.max(topic.c.last_seen_at)).where(
            topic.c.source == source, topic.c.rank.is_not(None)
        )
    ).scalar_one()
    return seen


def names(connection: Connection, topic_ids: Collection[str]) -> dict[str, str]:
    """Names of those of these topics that are known, by id."""
    statement = sa.select(topic.c.topic_id, topic.c.name).where(topic.c.topic_id.in_(list(topic_ids)))
    return {row.topic_id: row.name for row in connection.execute(statement)}


def due(
    connection: Connection,
    *,
    source: str,
    listed: Collection[str],
    trends: int,
    before: datetime,
) -> list[Watched]:
    """Topics to look at, those that waited longest first.

    Args:
        connection: A transaction.
        source: Only topics that came from here.
        listed: Ids of the topics a person asked for.
        trends: How many of the list of trends are watched.
        before: Only topics last polled before this moment.
    """
    statement = (
        sa.select(topic.c.name, topic.c.type, topic.c.polled_at)
        .where(
            topic.c.source == source,
            sa.or_(topic.c.topic_id.in_(list(listed)), topic.c.rank <= trends),
            sa.or_(topic.c.polled_at.is_(None), topic.c.polled_at <= before),
        )
        .order_by(topic.c.polled_at.asc().nulls_first(), topic.c.rank.asc().nulls_first(), topic.c.topic_id)
    )
    return [
        Watched(Topic(row.name, TopicKind(row.type)), row.polled_at) for row in connection.execute(statement)
    ]


def polled(connection: Connection, topic_id: str, *, now: datetime) -> None:
    """Note that a topic was looked at."""
    connection.execute(sa.update(topic).where(topic.c.topic_id == topic_id).values(polled_at=now))


def _upsert(
    connection: Connection, each: Topic, extra: dict[str, object], *, source: str, now: datetime
) -> None:
    values = {"topic_id": each.topic_id, "name": each.name, "type": each.kind.value, "source": source}
    statement = insert(topic).values(first_seen_at=now, last_seen_at=now, **(values | extra))
    change = {"last_seen_at": now, "source": source} | extra
    connection.execute(statement.on_conflict_do_update(index_elements=["topic_id"], set_=change))
