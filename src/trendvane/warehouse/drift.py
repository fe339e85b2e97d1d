"""Reports of drift, one after the other, and the tweets they are made from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from trendvane.domain import snowflake
from trendvane.warehouse.tables_learning import drift_report

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.engine import Connection

# Chosen by the hash of the id, which knows nothing of what a tweet says; the same ones each time.
_SAMPLE = sa.text(
    """
    SELECT s.content, p.p_negative, p.p_neutral, p.p_positive
    FROM tweet_product p JOIN tweet_staging s ON s.tweet_id = p.staging_id
    WHERE p.staging_id >= :first AND p.model_version = :version AND p.voice
      AND p.created_at >= :since AND p.created_at < :until
    ORDER BY hashint8(p.staging_id), p.staging_id LIMIT :limit
    """,
)


class Seen(NamedTuple):
    """A voice of the window: its text and what the model made of it."""

    text: str
    p_negative: float
    p_neutral: float
    p_positive: float


@dataclass(frozen=True, slots=True)
class Drift:
    """One report.

    Attributes:
        model_version: Whose tweets were looked at.
        from_at, to_at: The window.
        tweets: Voices looked at.
        prediction_psi, text_psi, vocabulary_psi: Stability index without its noise, the largest of each
            group; None when it could not be told.
        retrain: Whether training anew is recommended.
        reason: Sentences.
        report: Every figure.
    """

    model_version: str
    from_at: datetime
    to_at: datetime
    tweets: int
    prediction_psi: float | None
    text_psi: float | None
    vocabulary_psi: float | None
    retrain: bool
    reason: str
    report: Mapping[str, Any]


def sample(
    connection: Connection, version: str, since: datetime, until: datetime, *, limit: int
) -> list[Seen]:
    """Up to ``limit`` voices of the span that ``version`` read, chosen by chance."""
    first = snowflake.floor(int(since.timestamp() * 1000))
    values = {"first": first, "version": version, "since": since, "until": until, "limit": limit}
    return [Seen(*row) for row in connection.execute(_SAMPLE, values)]


def append(connection: Connection, drift: Drift, *, now: datetime) -> bool:
    """Add a report; False when there is one of this version and window end already."""
    rows = drift_report.c
    same = sa.select(rows.drift_id).where(
        rows.model_version == drift.model_version, rows.to_at == drift.to_at
    )
    if connection.execute(same.limit(1)).one_or_none() is not None:
        return False
    values = {name: getattr(drift, name) for name in Drift.__dataclass_fields__ if name != "report"}
    report = json.dumps(drift.report, allow_nan=False)
    connection.execute(sa.insert(drift_report).values(**values, report=report, created_at=now))
    return True


def latest(connection: Connection, *, model_version: str | None = None) -> Drift | None:
    """The newest report, of ``model_version`` if one is given; None when there is none."""
    rows = drift_report.c
    newest = sa.select(drift_report).order_by(rows.drift_id.desc()).limit(1)
    if model_version is not None:
        newest = newest.where(rows.model_version == model_version)
    found = connection.execute(newest).one_or_none()
    if found is None:
        return None
    values = {name: getattr(found, name) for name in Drift.__dataclass_fields__ if name != "report"}
    return Drift(**values, report=json.loads(found.report))
