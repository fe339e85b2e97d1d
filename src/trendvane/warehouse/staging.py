"""Rows on their way into ``tweet_staging`` and ``tweet_topic``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import psycopg
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects.postgresql import insert

from trendvane.warehouse import label_rollups, rollups
from trendvane.warehouse.engine import driver, int8s
from trendvane.warehouse.tables import tweet_staging

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

# Held shared by stagers and alone by ``forget``: a row read before a tombstone must not be written after it.
FORGET_LOCK = 7_291_046_550_118_002
_CHUNK = 500
_LOT = 200
_IDS = "= ANY(CAST(:ids AS bigint[]))"

_GUARD = sa.text("SELECT pg_advisory_xact_lock_shared(:lock)")
_FORGOTTEN = sa.text(f"SELECT tweet_id FROM tombstone WHERE tweet_id {_IDS}")  # noqa: S608
_REARM = sa.text(f"UPDATE tombstone SET erased_at = NULL WHERE tweet_id {_IDS}")  # noqa: S608
_LOCK = sa.text(
    f"SELECT tweet_id FROM tweet_staging WHERE tweet_id {_IDS} ORDER BY tweet_id FOR UPDATE",  # noqa: S608
)
_LINK = sa.text(
    f"""
    INSERT INTO tweet_topic (tweet_id, topic_id, created_at)
    SELECT tweet_id, :topic, created_at FROM tweet_staging WHERE tweet_id {_IDS} ORDER BY tweet_id
    ON CONFLICT DO NOTHING RETURNING tweet_id
    """,  # noqa: S608
)
_ACCUSED = sa.text(
    "SELECT EXISTS (SELECT 1 FROM dead_letter WHERE stage = 'stage' AND tweet_id IS NOT NULL)",
)
_PARDON = sa.text(f"DELETE FROM dead_letter WHERE stage = 'stage' AND tweet_id {_IDS}")  # noqa: S608


class Row(NamedTuple):
    """A new row of ``tweet_staging``, times in UTC; the other columns have defaults."""

    tweet_id: int
    topic: str
    content: str
    type: str
    crawl_at: datetime
    created_at: datetime
    lang: str
    author_hash: int | None
    cluster_id: int
    sample: str | None
    source: str
    raw_ref: str
    sanitized: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that PostgreSQL would not take, and why."""

    row: Row
    detail: str


_NULL = r"\N"
# What differs from tweet to tweet, then what all tweets of a page have in common.
_COPY_ROWS = (
    "COPY tweet_staging (tweet_id, content, created_at, lang, author_hash, cluster_id, sample, sanitized,"
    " topic, type, crawl_at, source, raw_ref) FROM STDIN"
)
_COPY_TOPICS = "COPY tweet_topic (tweet_id, topic_id, created_at) FROM STDIN"


def guard(connection: Connection) -> None:
    """Keep ``forget`` out until this transaction ends, and wait for one that is at work."""
    connection.execute(_GUARD, {"lock": FORGET_LOCK})


def forgotten(connection: Connection, tweet_ids: Sequence[int]) -> set[int]:
    """Those of ``tweet_ids`` that have a tombstone."""
    return set(connection.execute(_FORGOTTEN, {"ids": int8s(tweet_ids)}).scalars())


def rearm(connection: Connection, tweet_ids: set[int]) -> None:
    """Have ``forget`` look through the lake again: forgotten tweets came back in a new object."""
    if tweet_ids:
        connection.execute(_REARM, {"ids": int8s(tweet_ids)})


def lock(connection: Connection, tweet_ids: Sequence[int]) -> set[int]:
    """Those of ``tweet_ids`` that are staged already, locked so that no scorer moves them meanwhile."""
    return set(connection.execute(_LOCK, {"ids": int8s(tweet_ids)}).scalars())


def link(connection: Connection, tweet_ids: Sequence[int], topic_id: str) -> int:
    """Give staged tweets one more topic, and count those that are scored; returns how many it was new to.

    Their rows must be locked: a scorer reads the topics of a row after it has locked the row, so that
    either it sees the new topic or we see its product.
    """
    if not tweet_ids:
        return 0
    linked = list(connection.execute(_LINK, {"ids": int8s(tweet_ids), "topic": topic_id}).scalars())
    rollups.add(connection, linked, topic_id=topic_id)
    label_rollups.refresh_labelled(connection, linked)
    return len(linked)


def pardon(connection: Connection, tweet_ids: Sequence[int]) -> None:
    """Withdraw dead letters of tweets that have now arrived whole."""
    if tweet_ids and connection.execute(_ACCUSED).scalar_one():
        connection.execute(_PARDON, {"ids": int8s(tweet_ids)})


def insert_rows(connection: Connection, rows: Sequence[Row]) -> tuple[set[int], list[Refused]]:
    """Insert new tweets with their topic.

    The fast way is one COPY straight into the table. When another stager inserts the same tweet at the same
    moment, or PostgreSQL refuses a row, the batch is taken back and inserted by halves: a bad row is found
    and put aside, its neighbours stay.

    Args:
        connection: Of the object's transaction.
        rows: Distinct tweets of one topic, in ascending order of id.

    Returns:
        Ids that are new, and rows refused. A row in neither was inserted by another stager first.
    """
    if not rows:
        return set(), []
    try:
        with connection.begin_nested():
            _copy(connection, rows)
    except (psycopg.DataError, psycopg.IntegrityError, UnicodeEncodeError):
        inserted: set[int] = set()
        refused: list[Refused] = []
        for start in range(0, len(rows), _CHUNK):
            _insert_by_halves(connection, rows[start : start + _CHUNK], inserted, refused)
        if inserted:
            connection.execute(_LINK, {"ids": int8s(inserted), "topic": rows[0].topic})
        return inserted, refused
    return {row.tweet_id for row in rows}, []


def _insert_by_halves(
    connection: Connection, rows: Sequence[Row], inserted: set[int], refused: list[Refused]
) -> None:
    statement = insert(tweet_staging).on_conflict_do_nothing().returning(tweet_staging.c.tweet_id)
    try:
        with connection.begin_nested():
            values = [row._asdict() for row in rows]
            inserted.update(connection.execute(statement.values(values)).scalars())
    except (exc.DataError, exc.IntegrityError, UnicodeEncodeError) as error:
        if len(rows) == 1:
            refused.append(Refused(rows[0], str(getattr(error, "orig", error))))
            return
        middle = len(rows) // 2
        _insert_by_halves(connection, rows[:middle], inserted, refused)
        _insert_by_halves(connection, rows[middle:], inserted, refused)


def _copy(connection: Connection, rows: Sequence[Row]) -> None:
    """Send rows a few hundred at a time: the server stores one lot while the next is being written out."""
    topics: list[str] = []
    with driver(connection).cursor() as cursor, cursor.copy(_COPY_ROWS) as copy:
        for start in range(0, len(rows), _LOT):
            copy.write(_lines(rows[start : start + _LOT], topics))
    with driver(connection).cursor() as cursor, cursor.copy(_COPY_TOPICS) as copy:
        copy.write("".join(topics).encode())


def _lines(rows: Sequence[Row], topics: list[str]) -> bytes:
    r"""Rows as COPY reads them: tab between columns, ``\N`` for null, backslash before what has a meaning.

    Appends the lines of ``tweet_topic`` to ``topics``: a date is slow to write and both need it.
    """
    lines: list[str] = []
    last_ref, of_page = "", ""
    for (
        tweet_id,
        topic,
        text,
        kind,
        crawl_at,
        created_at,
        lang,
        author,
        cluster,
        sample,
        source,
        raw_ref,
        sanitized,
    ) in rows:
        content = text.replace("\\", "\\\\")
        if "\n" in content or "\t" in content or "\r" in content:
            content = content.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
        if raw_ref is not last_ref:  # one object for all tweets of a page, as is what else the page says
            last_ref, of_page = raw_ref, f"{topic}\t{kind}\t{crawl_at}\t{source}\t{raw_ref}\n"
        created = _timestamp(created_at)
        topics.append(f"{tweet_id}\t{topic}\t{created}\n")
        lines.append(
            f"{tweet_id}\t{content}\t{created}\t{lang}\t{_NULL if author is None else author}\t{cluster}\t"
            f"{sample or _NULL}\t{'t' if sanitized else 'f'}\t{of_page}"
        )
    return "".join(lines).encode()


@lru_cache(maxsize=1024)
def _timestamp(at: datetime) -> str:
    """A moment in UTC as PostgreSQL reads it; ``str`` asks the time zone first and takes twice as long.

    Remembered, because X rounds to seconds and the tweets of a busy topic share them.
    """
    return "%04d-%d-%d %d:%d:%d.%06d+00" % (  # noqa: UP031 - a quarter faster than an f-string
        at.year,
        at.month,
        at.day,
        at.hour,
        at.minute,
        at.second,
        at.microsecond,
    )
