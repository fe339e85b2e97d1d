"""Forgetting in the warehouse: tombstones, rows, counts, and the manifest of rewritten objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from trendvane.warehouse import label_rollups, manifest, rollups, staging
from trendvane.warehouse.engine import int8s

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

_IDS = "= ANY(CAST(:ids AS bigint[]))"
_ALONE = sa.text("SELECT pg_advisory_xact_lock(:lock)")
_BURY = sa.text(
    """
    INSERT INTO tombstone (tweet_id, reason, created_at)
    SELECT id, reason, :now FROM unnest(CAST(:ids AS bigint[]), CAST(:reasons AS text[])) AS t(id, reason)
    ORDER BY id ON CONFLICT (tweet_id) DO UPDATE SET erased_at = NULL
    """,
)
_DELETES = tuple(
    sa.text(statement)
    for statement in (
        f"DELETE FROM tweet_label WHERE tweet_id {_IDS}",  # noqa: S608
        f"DELETE FROM dead_letter WHERE tweet_id {_IDS}",  # noqa: S608
        f"DELETE FROM cluster_key WHERE cluster_id {_IDS} OR key {_IDS}",  # noqa: S608
        f"DELETE FROM tweet_topic WHERE tweet_id {_IDS}",  # noqa: S608
    )
)
_DELETE_STAGED = sa.text(f"DELETE FROM tweet_staging WHERE tweet_id {_IDS} RETURNING tweet_id")  # noqa: S608
_UNERASED = sa.text("SELECT tweet_id FROM tombstone WHERE erased_at IS NULL ORDER BY tweet_id")
_ERASED = sa.text(f"UPDATE tombstone SET erased_at = :now WHERE tweet_id {_IDS}")  # noqa: S608
_EXPIRED = sa.text(
    "SELECT tweet_id FROM tweet_staging WHERE crawl_at < :before AND tweet_id > :after"
    " ORDER BY tweet_id LIMIT :limit",
)
_HELD = sa.text(
    "SELECT tweet_id FROM tweet_staging WHERE source = :source AND tweet_id > :after"
    " ORDER BY tweet_id LIMIT :limit",
)
_KEYS = sa.text(
    "SELECT key FROM lake_object WHERE error IS DISTINCT FROM :superseded AND key > :after ORDER BY key"
    " LIMIT :limit",
)
_SUPERSEDED = sa.text("SELECT key FROM lake_object WHERE error = :superseded")
_SUCCEED = sa.text(
    """
    INSERT INTO lake_object (key, sha256, bytes, pages, source, pushed_at, staged_at, attempts, tweets,
        inserted, error)
    SELECT :key, :sha256, :bytes, pages, source, pushed_at, staged_at, attempts, tweets, inserted, error
    FROM lake_object WHERE key = :old
    ON CONFLICT DO NOTHING
    """,
)
_RETIRE = sa.text(
    "UPDATE lake_object SET error = :superseded, staged_at = coalesce(staged_at, :now) WHERE key = :old"
    " AND error IS DISTINCT FROM :superseded RETURNING key",
)
_LOCK_OBJECT = sa.text("SELECT key FROM lake_object WHERE key = :old FOR UPDATE")
_POINT = sa.text(
    f"""
    UPDATE tweet_staging SET raw_ref = :key || substr(raw_ref, length(:old) + 1)
    WHERE tweet_id {_IDS} AND starts_with(raw_ref, :old || '#')
    """,  # noqa: S608
)
_POINT_LETTERS = sa.text(
    "UPDATE dead_letter SET raw_ref = :key || substr(raw_ref, length(:old) + 1)"
    " WHERE starts_with(raw_ref, :old || '#') OR raw_ref = :old",
)
_STRIKE = sa.text("DELETE FROM lake_object WHERE key = :old AND error = :superseded")
_BATCH = 5000


def bury(connection: Connection, doomed: Sequence[tuple[int, str]], *, now: datetime) -> int:
    """Put up tombstones and delete every row of these tweets; returns how many were staged.

    Stagers are kept out meanwhile, so that no row read before its tombstone is written after it. A scorer
    that holds one of the tweets finds its claim gone and writes nothing.
    """
    reasons = dict(doomed)
    ids = sorted(reasons)
    parameters = {"ids": int8s(ids)}
    connection.execute(_ALONE, {"lock": staging.FORGET_LOCK})
    connection.execute(_BURY, parameters | {"reasons": [reasons[tweet_id] for tweet_id in ids], "now": now})
    held = sorted(staging.lock(connection, ids))
    rollups.subtract(connection, held)
    label_rollups.subtract(connection, held)
    for statement in _DELETES:
        connection.execute(statement, parameters)
    return len(connection.execute(_DELETE_STAGED, parameters).all())


def unerased(connection: Connection) -> list[int]:
    """Forgotten tweets that the lake or the spool may still hold."""
    return list(connection.execute(_UNERASED).scalars())


def erased(connection: Connection, tweet_ids: Iterable[int], *, now: datetime) -> None:
    """Record that lake and spool are free of these tweets."""
    connection.execute(_ERASED, {"ids": int8s(tweet_ids), "now": now})


def expired(connection: Connection, before: datetime, after: int) -> list[int]:
    """Up to 5000 tweets beyond ``after`` that were fetched before ``before``, in order."""
    parameters = {"before": before, "after": after, "limit": _BATCH}
    return list(connection.execute(_EXPIRED, parameters).scalars())


def held(connection: Connection, source: str) -> Iterator[int]:
    """Every staged tweet of a source, in ascending order, read in batches."""
    after = 0
    while batch := list(
        connection.execute(_HELD, {"source": source, "after": after, "limit": _BATCH}).scalars()
    ):
        yield from batch
        after = batch[-1]


def keys(connection: Connection, after: str, limit: int = 1000) -> list[str]:
    """Keys of current objects beyond ``after``, in order."""
    parameters = {"superseded": manifest.SUPERSEDED, "after": after, "limit": limit}
    return list(connection.execute(_KEYS, parameters).scalars())


def superseded(connection: Connection) -> list[str]:
    """Old names whose bytes may still lie in the lake."""
    return list(connection.execute(_SUPERSEDED, {"superseded": manifest.SUPERSEDED}).scalars())


def succeed(
    connection: Connection, old: str, new: manifest.Entry | None, tweet_ids: Iterable[int], *, now: datetime
) -> bool:
    """Let ``new`` take the place of ``old`` in the manifest, with all that points to it.

    Args:
        connection: Of a transaction of its own.
        old: The object that holds forgotten tweets.
        new: Its successor, already in the lake; None when nothing takes its place.
        tweet_ids: Tweets whose ``raw_ref`` may point to ``old``.
        now: When.

    Returns:
        False when ``old`` is gone or retired already.
    """
    if connection.execute(_LOCK_OBJECT, {"old": old}).scalar_one_or_none() is None:
        return False
    if new is not None:
        names = {"key": new.key, "old": old}
        connection.execute(_SUCCEED, names | {"sha256": new.sha256, "bytes": new.bytes})
        # In ascending order first, as everybody does: an update alone would take the rows as they lie.
        held = staging.lock(connection, sorted(tweet_ids))
        connection.execute(_POINT, names | {"ids": int8s(held)})
        connection.execute(_POINT_LETTERS, names)
    retired = connection.execute(_RETIRE, {"superseded": manifest.SUPERSEDED, "now": now, "old": old})
    return retired.scalar_one_or_none() is not None


def strike(connection: Connection, old: str) -> None:
    """Remove a retired name from the manifest, once its bytes are gone."""
    connection.execute(_STRIKE, {"old": old, "superseded": manifest.SUPERSEDED})
