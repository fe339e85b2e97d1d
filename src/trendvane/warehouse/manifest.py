"""The manifest: which objects the lake holds, and how far each one has come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from trendvane.warehouse import deadletter
from trendvane.warehouse.tables import lake_object

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy.engine import Connection

MAX_ATTEMPTS = 3
# The old name of a rewritten object, kept until its bytes are gone from the lake.
SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the manifest; sizes in bytes."""

    key: str
    sha256: str
    bytes: int
    pages: int
    source: str


def register(connection: Connection, entry: Entry, *, now: datetime) -> bool:
    """Add an object that is in the lake; False when it was known already."""
    statement = (
        insert(lake_object)
        .values(
            key=entry.key,
            sha256=entry.sha256,
            bytes=entry.bytes,
            pages=entry.pages,
            source=entry.source,
            pushed_at=now,
        )
        .on_conflict_do_nothing()
        .returning(lake_object.c.key)
    )
    return connection.execute(statement).scalar_one_or_none() is not None


class Attempt(NamedTuple):
    """An object to be staged, and which attempt this is, from 1 to ``MAX_ATTEMPTS``."""

    key: str
    number: int


def attempt(connection: Connection, *, after: str = "", untried: bool = False) -> Attempt | None:
    """Choose the next object to stage and count the attempt; None when there is none beyond ``after``.

    With ``untried``, None as well when the next one was attempted before.

    To be committed before the work starts: an object that kills the process must not be tried for ever.
    """
    chosen = (
        sa.select(lake_object.c.key, lake_object.c.attempts)
        .where(
            lake_object.c.staged_at.is_(None),
            lake_object.c.attempts < MAX_ATTEMPTS,
            lake_object.c.key > after,
        )
        .order_by(lake_object.c.key)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    # A count that a power cut takes back does no harm, and waiting for the disk is most of its cost.
    connection.execute(sa.text("SET LOCAL synchronous_commit = off"))
    found = connection.execute(chosen).one_or_none()
    if found is None or (untried and found.attempts):
        return None
    connection.execute(_of(found.key).values(attempts=found.attempts + 1))
    return Attempt(found.key, found.attempts + 1)


def lock(connection: Connection, key: str) -> bool:
    """Lock an unstaged object until the transaction ends; False when another worker has or had it."""
    statement = (
        sa.select(lake_object.c.key)
        .where(lake_object.c.key == key, lake_object.c.staged_at.is_(None))
        .with_for_update(skip_locked=True)
    )
    return connection.execute(statement).scalar_one_or_none() is not None


def staged(connection: Connection, key: str, *, tweets: int, inserted: int, now: datetime) -> None:
    """Mark an object as staged, in the transaction that stages it.

    Where many stagers read ahead, one may give an object up while another has it in hand; its letter goes.
    """
    deadletter.withdraw_object(connection, "stage", key)
    connection.execute(_of(key).values(staged_at=now, tweets=tweets, inserted=inserted, error=None))


def give_back(connection: Connection, key: str) -> None:
    """Undo an attempt that failed for no fault of the object."""
    connection.execute(_of(key).values(attempts=sa.func.greatest(lake_object.c.attempts - 1, 0)))


def failed(connection: Connection, key: str, reason: str, detail: str) -> bool:
    """Record why an attempt failed; after the last one the object goes to the dead letters. True if so."""
    attempts = connection.execute(
        _of(key).values(error=detail[:1000]).returning(lake_object.c.attempts)
    ).scalar_one_or_none()
    if attempts is None or attempts < MAX_ATTEMPTS:
        return False
    deadletter.add(
        connection,
        [deadletter.Letter("stage", reason, detail, raw_ref=key, attempts=attempts)],
    )
    return True


def exhaust(connection: Connection) -> int:
    """Send objects whose every attempt ended in a crash to the dead letters; returns how many."""
    statement = (
        sa.select(lake_object.c.key)
        .where(
            lake_object.c.staged_at.is_(None),
            lake_object.c.attempts >= MAX_ATTEMPTS,
            lake_object.c.error.is_(None),
        )
        .with_for_update(skip_locked=True)
    )
    keys = list(connection.execute(statement).scalars())
    for key in keys:
        failed(connection, key, "attempts_exhausted", "every attempt ended without a report")
    return len(keys)


def replay(connection: Connection, keys: Iterable[str]) -> int:
    """Have objects staged again from the start; returns how many. Rows that exist stay as they are."""
    chosen = list(keys)
    for key in chosen:
        deadletter.withdraw(connection, "stage", key)
    statement = (
        sa.update(lake_object)
        .where(lake_object.c.key.in_(chosen), lake_object.c.error.is_distinct_from(SUPERSEDED))
        .values(staged_at=None, attempts=0, error=None)
    )
    return connection.execute(statement).rowcount


def _of(key: str) -> sa.Update:
    return sa.update(lake_object).where(lake_object.c.key == key)
