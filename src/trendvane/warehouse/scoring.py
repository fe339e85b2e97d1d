"""Claims on staged tweets, and the one transaction that turns predictions into product rows.

A claim is a lease with a fence: ``claim_epoch`` goes up with every claim, and results are written only
where it is still the claimant's. A scorer that slept through its lease therefore writes nothing. Leases end
by the clock of the database, so that the clocks of the scorers do not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from trendvane.warehouse import deadletter, label_rollups, rollups

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from sqlalchemy.engine import Connection

# A tweet that is neither scored nor given up.
PENDING = "NOT inference_done AND NOT processed_done"

# Newest first: whoever is behind shows the present at once and fills in the past afterwards.
_CLAIM = sa.text(
    f"""
    UPDATE tweet_staging s
    SET attempts = s.attempts + 1, claim_epoch = s.claim_epoch + 1,
        claimed_until = clock_timestamp() + CAST(:lease AS interval)
    FROM (
        SELECT tweet_id FROM tweet_staging
        WHERE {PENDING} AND attempts BETWEEN :low AND :high
          AND (claimed_until IS NULL OR claimed_until < clock_timestamp())
        ORDER BY tweet_id DESC LIMIT :limit FOR UPDATE SKIP LOCKED
    ) chosen
    WHERE s.tweet_id = chosen.tweet_id
    RETURNING s.tweet_id, s.claim_epoch, s.content, s.lang, s.cluster_id
    """,  # noqa: S608 - no input
)
_SPENT = sa.text(
    f"""
    UPDATE tweet_staging s
    SET processed_done = true, processed_at = :now, updated_at = :now, claimed_until = NULL
    FROM (
        SELECT tweet_id FROM tweet_staging
        WHERE {PENDING} AND attempts >= :most
          AND (claimed_until IS NULL OR claimed_until < clock_timestamp())
        ORDER BY tweet_id LIMIT 1000 FOR UPDATE SKIP LOCKED
    ) chosen
    WHERE s.tweet_id = chosen.tweet_id
    RETURNING s.tweet_id, s.raw_ref, s.attempts
    """,  # noqa: S608
)
_MINE = """
    FROM unnest(CAST(:ids AS bigint[]), CAST(:epochs AS bigint[])) AS mine(id, epoch)
    WHERE s.tweet_id = mine.id AND s.claim_epoch = mine.epoch AND NOT s.inference_done
"""
_LOCK = sa.text(
    "SELECT s.tweet_id FROM tweet_staging s, unnest(CAST(:ids AS bigint[]), CAST(:epochs AS bigint[]))"
    " AS mine(id, epoch) WHERE s.tweet_id = mine.id AND s.claim_epoch = mine.epoch AND NOT s.inference_done"
    " ORDER BY s.tweet_id FOR UPDATE OF s",
)
_RELEASE = sa.text(
    f"""
    UPDATE tweet_staging s
    SET claimed_until = NULL, attempts = greatest(s.attempts - CAST(:refund AS smallint), 0)
    {_MINE}
    """,  # noqa: S608
)
_REVIVE = sa.text(
    """
    WITH revived AS (
        UPDATE tweet_staging SET processed_done = false, processed_at = NULL, attempts = 0
        WHERE processed_done AND NOT inference_done RETURNING tweet_id
    )
    DELETE FROM dead_letter d USING revived r WHERE d.stage = 'score' AND d.tweet_id = r.tweet_id
    RETURNING d.tweet_id
    """,
)
VALUES = """
    unnest(CAST(:ids AS bigint[]), CAST(:classes AS smallint[]), CAST(:negative AS float8[]),
           CAST(:neutral AS float8[]), CAST(:positive AS float8[]), CAST(:voices AS boolean[]))
        AS v(id, class, negative, neutral, positive, voice)
"""
_FLAGS = sa.text(
    f"""
    UPDATE tweet_staging s
    SET inference_done = true, inferred_at = :now, predicted_sentiment = v.class,
        sentiment_score = greatest(v.negative, v.neutral, v.positive), moved_to_product = true,
        moved_at = :now, processed_done = true, processed_at = :now, updated_at = :now, claimed_until = NULL
    FROM {VALUES} WHERE s.tweet_id = v.id
    """,  # noqa: S608
)
PRODUCT = sa.text(
    f"""
    INSERT INTO tweet_product (staging_id, tweet_id, topic, type, predicted_sentiment, sentiment_score,
        processed_at, created_at, updated_at, p_negative, p_neutral, p_positive, model_version, voice)
    SELECT s.tweet_id, s.tweet_id, s.topic, s.type, v.class, greatest(v.negative, v.neutral, v.positive),
        :now, s.created_at, :now, v.negative, v.neutral, v.positive, :version, v.voice
    FROM {VALUES} JOIN tweet_staging s ON s.tweet_id = v.id
    ORDER BY s.tweet_id
    ON CONFLICT DO NOTHING RETURNING staging_id
    """,  # noqa: S608
)


class Claim(NamedTuple):
    """A staged tweet that this scorer may score until its lease ends."""

    tweet_id: int
    epoch: int
    content: str
    lang: str
    cluster_id: int


@dataclass(frozen=True, slots=True)
class Scored:
    """A prediction for a claimed tweet; ``voice`` when it counts in shares."""

    claim: Claim
    label: int
    p: tuple[float, float, float]
    voice: bool


def claim(connection: Connection, *, lease: timedelta, limit: int, attempts: tuple[int, int]) -> list[Claim]:
    """Claim up to ``limit`` pending tweets, newest first, tried ``attempts`` (lowest, highest) times."""
    low, high = attempts
    rows = connection.execute(_CLAIM, {"lease": lease, "limit": limit, "low": low, "high": high})
    return sorted(Claim(*row) for row in rows)


def release(connection: Connection, claims: Sequence[Claim], *, refund: bool) -> None:
    """Give claims back; with ``refund`` the attempt is not held against the tweets."""
    if claims:
        mine = {"ids": [c.tweet_id for c in claims], "epochs": [c.epoch for c in claims]}
        connection.execute(_RELEASE, mine | {"refund": int(refund)})


def revive(connection: Connection) -> int:
    """Make tweets that were given up pending again, as after a repaired model; returns how many."""
    return len(connection.execute(_REVIVE).all())


def bury(connection: Connection, *, max_attempts: int, now: datetime) -> int:
    """Send tweets that used up their attempts to the dead letters; their staging rows stay, processed."""
    rows = connection.execute(_SPENT, {"most": max_attempts, "now": now}).all()
    letters = [
        deadletter.Letter(
            "score",
            "attempts_exhausted",
            f"{attempts} attempts ended without a prediction",
            raw_ref=f"{raw_ref}/{tweet_id}",
            tweet_id=tweet_id,
            attempts=attempts,
        )
        for tweet_id, raw_ref, attempts in rows
    ]
    deadletter.add(connection, letters)
    return len(letters)


def write(connection: Connection, scored: Sequence[Scored], *, version: str, now: datetime) -> int:
    """Store predictions: staging flags, product rows and counts, in the caller's transaction.

    Returns:
        Rows written; fewer than given when claims were lost to another scorer, or tweets were forgotten.
    """
    mine = {
        "ids": [item.claim.tweet_id for item in scored],
        "epochs": [item.claim.epoch for item in scored],
    }
    # Locked in ascending order first; topics are read later, in a statement that sees what stagers committed.
    held = set(connection.execute(_LOCK, mine).scalars())
    kept = [item for item in scored if item.claim.tweet_id in held]
    if not kept:
        return 0
    values = parameters(kept) | {"now": now}
    connection.execute(_FLAGS, values)
    inserted = list(connection.execute(PRODUCT, values | {"version": version}).scalars())
    rollups.add(connection, inserted, model_version=version)
    label_rollups.refresh_labelled(connection, inserted)
    return len(inserted)


def parameters(scored: Sequence[Scored]) -> dict[str, list[Any]]:
    """Predictions as the columns that ``VALUES`` unpacks."""
    return {
        "ids": [item.claim.tweet_id for item in scored],
        "classes": [item.label for item in scored],
        "negative": [item.p[0] for item in scored],
        "neutral": [item.p[1] for item in scored],
        "positive": [item.p[2] for item in scored],
        "voices": [item.voice for item in scored],
    }
