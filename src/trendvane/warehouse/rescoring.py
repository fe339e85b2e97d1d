"""Reading recent tweets again after the champion changed, once each, newest first.

A tweet waits to be read again while the champion has no product row for it. Claims are those of ``scoring``:
a lease and a fence. A cursor for each change of champion says from which id up nothing waits any more, so
that looking for work costs nothing once it is done; it only ever goes down, and only past tweets that have
their row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from trendvane.domain import snowflake
from trendvane.warehouse import label_rollups, rollups, scoring

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from sqlalchemy.engine import Connection

_TURN = sa.text(
    """
    SELECT p.promotion_id, p.model_version, coalesce(c.below_id, :newest) AS below
    FROM model_promotion p LEFT JOIN rescore_cursor c USING (promotion_id)
    WHERE p.promotion_id = (SELECT max(promotion_id) FROM model_promotion WHERE action <> 'refuse')
      AND p.model_version = :version AND p.created_at BETWEEN :since AND :until
    """,
)
_WAITS = """
    s.inference_done AND s.tweet_id >= :floor AND s.tweet_id < :below AND NOT EXISTS (
        SELECT 1 FROM tweet_product p WHERE p.staging_id = s.tweet_id AND p.model_version = :version
    )
"""
_CLAIM = sa.text(
    f"""
    UPDATE tweet_staging s
    SET claim_epoch = s.claim_epoch + 1, claimed_until = clock_timestamp() + CAST(:lease AS interval)
    FROM (
        SELECT s.tweet_id FROM tweet_staging s
        WHERE {_WAITS} AND (s.claimed_until IS NULL OR s.claimed_until < clock_timestamp())
        ORDER BY s.tweet_id DESC LIMIT :limit FOR UPDATE OF s SKIP LOCKED
    ) chosen
    WHERE s.tweet_id = chosen.tweet_id
    RETURNING s.tweet_id, s.claim_epoch, s.content, s.lang, s.cluster_id
    """,  # noqa: S608 - no input
)
_ADVANCE = sa.text(
    f"""
    INSERT INTO rescore_cursor AS c (promotion_id, below_id)
    SELECT :promotion, coalesce(
        (SELECT s.tweet_id + 1 FROM tweet_staging s WHERE {_WAITS} ORDER BY s.tweet_id DESC LIMIT 1), :floor)
    ON CONFLICT (promotion_id) DO UPDATE SET below_id = least(c.below_id, excluded.below_id),
        updated_at = clock_timestamp()
    """,  # noqa: S608
)
_LOCK = sa.text(
    "SELECT s.tweet_id FROM tweet_staging s, unnest(CAST(:ids AS bigint[]), CAST(:epochs AS bigint[]))"
    " AS mine(id, epoch) WHERE s.tweet_id = mine.id AND s.claim_epoch = mine.epoch AND s.inference_done"
    " ORDER BY s.tweet_id FOR UPDATE OF s",
)
_FLAGS = sa.text(
    f"""
    UPDATE tweet_staging s
    SET inferred_at = :now, predicted_sentiment = v.class,
        sentiment_score = greatest(v.negative, v.neutral, v.positive), updated_at = :now, claimed_until = NULL
    FROM {scoring.VALUES} WHERE s.tweet_id = v.id
    """,  # noqa: S608
)


@dataclass(frozen=True, slots=True)
class Turn:
    """Tweets that the champion is to read again: ids from ``floor`` up to, but without, ``below``."""

    promotion: int
    version: str
    floor: int
    below: int


def turn(
    connection: Connection, *, version: str, window: timedelta, settle: timedelta, now: datetime
) -> Turn | None:
    """Whether ``version`` has tweets to read again; None when there is nothing to do, or it is no champion.

    Args:
        connection: Any.
        version: Of the model that asks. Only the champion's predictions replace others.
        window: How old tweets may be.
        settle: How long ago the champion must have changed, so that other scorers know of it.
        now: The present.
    """
    values = {"version": version, "newest": 2**63 - 1, "since": now - window, "until": now - settle}
    found = connection.execute(_TURN, values).one_or_none()
    floor = snowflake.floor(int((now - window).timestamp() * 1000))
    if found is None or found.below <= floor:
        return None
    return Turn(found.promotion_id, found.model_version, floor, found.below)


def claim(connection: Connection, due: Turn, *, lease: timedelta, limit: int) -> list[scoring.Claim]:
    """Claim up to ``limit`` tweets of the turn, newest first."""
    rows = connection.execute(_CLAIM, _bounds(due) | {"lease": lease, "limit": limit})
    return sorted(scoring.Claim(*row) for row in rows)


def advance(connection: Connection, due: Turn) -> None:
    """Move the cursor down to the newest tweet that still waits; in a transaction of its own."""
    connection.execute(_ADVANCE, _bounds(due) | {"promotion": due.promotion})


def write(connection: Connection, scored: Sequence[scoring.Scored], *, version: str, now: datetime) -> int:
    """Store predictions beside the earlier ones, with their counts, in the caller's transaction.

    Returns:
        Rows written; a tweet that has a row of this version, or another claim, or none any more, gets none.
    """
    mine = {
        "ids": [item.claim.tweet_id for item in scored],
        "epochs": [item.claim.epoch for item in scored],
    }
    held = set(connection.execute(_LOCK, mine).scalars())
    kept = [item for item in scored if item.claim.tweet_id in held]
    if not kept:
        return 0
    values = scoring.parameters(kept) | {"now": now}
    connection.execute(_FLAGS, values)
    inserted = list(connection.execute(scoring.PRODUCT, values | {"version": version}).scalars())
    rollups.add(connection, inserted, model_version=version)
    label_rollups.refresh_labelled(connection, inserted)
    return len(inserted)


def _bounds(due: Turn) -> dict[str, int | str]:
    return {"version": due.version, "floor": due.floor, "below": due.below}
