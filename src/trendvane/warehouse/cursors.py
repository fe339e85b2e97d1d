"""How far each topic has been read, and what was never read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from trendvane.domain.cursor import Cursor
from trendvane.warehouse.tables import crawl_cursor, crawl_gap

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection


def load(connection: Connection, topic_id: str) -> Cursor:
    """The cursor of a topic; an empty one when it was never read."""
    row = connection.execute(
        sa.select(
            crawl_cursor.c.since_id,
            crawl_cursor.c.window_newest_id,
            crawl_cursor.c.window_until_id,
        ).where(crawl_cursor.c.topic_id == topic_id)
    ).one_or_none()
    return Cursor() if row is None else Cursor(row.since_id, row.window_newest_id, row.window_until_id)


def save(connection: Connection, topic_id: str, cursor: Cursor, *, now: datetime) -> None:
    """Store a cursor; only to be called once everything above its place is on disk."""
    values = {
        "since_id": cursor.since_id,
        "window_newest_id": cursor.window_newest_id,
        "window_until_id": cursor.window_until_id,
        "updated_at": now,
    }
    statement = insert(crawl_cursor).values(topic_id=topic_id, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["topic_id"], set_=values))


def record_gap(connection: Connection, topic_id: str, start: datetime, end: datetime, reason: str) -> None:
    """Write down that a stretch of time of a topic was not read."""
    connection.execute(
        sa.insert(crawl_gap).values(topic_id=topic_id, from_at=start, to_at=end, reason=reason)
    )
