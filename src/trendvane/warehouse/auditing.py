"""Questions of the audit: where is each tweet, and do the counts match the rows they count?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from trendvane.warehouse import label_rollups, manifest, rollups
from trendvane.warehouse.engine import driver

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.engine import Connection

_MOST_EXAMPLES = 20
_TABLES = (
    "CREATE TEMP TABLE audit_seen (tweet_id bigint NOT NULL, object integer NOT NULL) ON COMMIT DROP",
    "CREATE TEMP TABLE audit_object (object integer NOT NULL, key text NOT NULL) ON COMMIT DROP",
)
# Every seen tweet once, with each place where it is. Waiting: its object, or its page, is still to be staged.
_PLACED = sa.text(
    """
    CREATE TEMP TABLE audit_placed ON COMMIT DROP AS
    SELECT seen.tweet_id, seen.waiting,
        EXISTS (SELECT 1 FROM tweet_product p WHERE p.staging_id = seen.tweet_id) AS product,
        coalesce(NOT s.inference_done AND NOT s.processed_done, false) AS pending,
        EXISTS (SELECT 1 FROM dead_letter d WHERE d.tweet_id = seen.tweet_id) AS dead,
        t.tweet_id IS NOT NULL AS forgotten
    FROM (
        SELECT a.tweet_id, bool_or(a.object = 0 OR (o.object IS NOT NULL AND l.staged_at IS NULL)) AS waiting
        FROM audit_seen a
        LEFT JOIN audit_object o ON o.object = a.object
        LEFT JOIN lake_object l ON l.key = o.key
        GROUP BY a.tweet_id
    ) seen
    LEFT JOIN tweet_staging s ON s.tweet_id = seen.tweet_id
    LEFT JOIN tombstone t ON t.tweet_id = seen.tweet_id
    """,
)
_SUMMED = "product::int + pending::int + dead::int + forgotten::int"
_COUNTS = sa.text(
    f"""
    SELECT count(*) AS seen,
        count(*) FILTER (WHERE product) AS product,
        count(*) FILTER (WHERE pending) AS pending,
        count(*) FILTER (WHERE dead) AS dead,
        count(*) FILTER (WHERE forgotten) AS forgotten,
        count(*) FILTER (WHERE waiting AND {_SUMMED} = 0) AS waiting
    FROM audit_placed
    """,  # noqa: S608
)
_MISSING = sa.text(
    f"SELECT tweet_id FROM audit_placed WHERE NOT waiting AND {_SUMMED} = 0 ORDER BY 1",  # noqa: S608
)
_TWICE = sa.text(f"SELECT tweet_id FROM audit_placed WHERE {_SUMMED} > 1 ORDER BY 1")  # noqa: S608
# A tweet may stand once in the product for each model version, and only beside a staging row that says so.
_DUPLICATES = sa.text(
    """
    SELECT p.tweet_id FROM tweet_product p LEFT JOIN tweet_staging s ON s.tweet_id = p.staging_id
    GROUP BY p.tweet_id, p.model_version
    HAVING count(*) > 1 OR NOT bool_and(coalesce(s.inference_done, false)) ORDER BY 1
    """,
)
_ROLLUPS = sa.text(
    f"""
    WITH rows AS (
        SELECT t.topic_id, date_trunc('minute', p.created_at) AS minute, p.model_version, {rollups.SUMS}
        FROM tweet_product p JOIN tweet_topic t ON t.tweet_id = p.staging_id GROUP BY 1, 2, 3
    )
    SELECT count(*) FROM rows FULL JOIN topic_rollup r USING (topic_id, minute, model_version)
    WHERE (rows.tweets, rows.n_negative, rows.n_neutral, rows.n_positive)
        IS DISTINCT FROM (r.tweets::bigint, r.n_negative::bigint, r.n_neutral::bigint, r.n_positive::bigint)
        OR abs(rows.p_negative - r.p_negative) + abs(rows.p_neutral - r.p_neutral)
         + abs(rows.p_positive - r.p_positive) > 1e-6 * (1 + r.tweets)
    """,  # noqa: S608
)
_LABELS = sa.text(
    f"""
    WITH rows AS (
        SELECT {label_rollups.KEYS}, {label_rollups.SUMS} FROM {label_rollups.ROWS}
        WHERE l.at_random GROUP BY 1, 2, 3, 4, 5, 6
    )
    SELECT count(*) FROM rows
    FULL JOIN label_rollup r USING (topic_id, minute, model_version, truth, predicted, home)
    WHERE rows.n IS DISTINCT FROM r.n::bigint
        OR abs(rows.p_negative - r.p_negative) + abs(rows.p_neutral - r.p_neutral)
         + abs(rows.p_positive - r.p_positive) > 1e-6 * (1 + r.n)
    """,  # noqa: S608
)
_STRAYS = sa.text(
    "SELECT count(*) FROM tweet_topic t LEFT JOIN tweet_staging s USING (tweet_id) WHERE s.tweet_id IS NULL",
)
_MANIFEST = sa.text("SELECT key FROM lake_object WHERE error IS DISTINCT FROM :superseded")
_GIVEN_UP = sa.text("SELECT raw_ref FROM dead_letter WHERE stage = 'stage' AND raw_ref = ANY(:keys)")


@dataclass(frozen=True, slots=True)
class Places:
    """Distinct tweets by place; the example tuples hold at most twenty ids."""

    seen: int
    product: int
    pending: int
    dead: int
    forgotten: int
    waiting: int
    missing: int
    twice: int
    missing_examples: tuple[int, ...]
    twice_examples: tuple[int, ...]


def begin(connection: Connection) -> None:
    """Make the temporary tables; they go with the transaction."""
    for statement in _TABLES:
        connection.execute(sa.text(statement))


def see(connection: Connection, number: int, tweet_ids: Iterable[int], key: str | None = None) -> int:
    """Record ids seen in one place: 0 is the spool, -1 an outside list, else a lake object with its key."""
    if key is not None:
        connection.execute(
            sa.text("INSERT INTO audit_object VALUES (:number, :key)"), {"number": number, "key": key}
        )
    count = 0
    with driver(connection).cursor() as cursor, cursor.copy("COPY audit_seen FROM STDIN") as copy:
        for tweet_id in tweet_ids:
            copy.write(f"{tweet_id}\t{number}\n")
            count += 1
    return count


def places(connection: Connection) -> Places:
    """Find every seen tweet."""
    connection.execute(sa.text("ANALYZE audit_seen"))
    connection.execute(_PLACED)
    counts = connection.execute(_COUNTS).one()
    missing = list(connection.execute(_MISSING).scalars())
    twice = list(connection.execute(_TWICE).scalars())
    return Places(
        seen=counts.seen,
        product=counts.product,
        pending=counts.pending,
        dead=counts.dead,
        forgotten=counts.forgotten,
        waiting=counts.waiting,
        missing=len(missing),
        twice=len(twice),
        missing_examples=tuple(missing[:_MOST_EXAMPLES]),
        twice_examples=tuple(twice[:_MOST_EXAMPLES]),
    )


def duplicates(connection: Connection) -> int:
    """Tweets twice in the product for one model version, or there without a scored staging row."""
    return len(connection.execute(_DUPLICATES).all())


def wrong_rollups(connection: Connection) -> int:
    """Rollup rows that differ from what the product rows say, and rows that should be there or should not."""
    return int(connection.execute(_ROLLUPS).scalar_one())


def wrong_labels(connection: Connection) -> int:
    """Counts of labelled voices that differ from the rows they count."""
    return int(connection.execute(_LABELS).scalar_one())


def stray_topics(connection: Connection) -> int:
    """Rows of ``tweet_topic`` whose tweet is not staged."""
    return int(connection.execute(_STRAYS).scalar_one())


def manifest_keys(connection: Connection) -> set[str]:
    """Keys the manifest says are in the lake."""
    return set(connection.execute(_MANIFEST, {"superseded": manifest.SUPERSEDED}).scalars())


def excused(connection: Connection, references: list[str]) -> set[str]:
    """Those of these lake keys, or pages, that the dead letters name."""
    return set(connection.execute(_GIVEN_UP, {"keys": references}).scalars())
