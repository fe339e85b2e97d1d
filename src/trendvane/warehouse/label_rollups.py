"""Counts of labelled voices: what people or an LLM said against what each model said, by topic and minute.

Rule: only voices count (``tweet_product.voice``), and only those whose label chance asked for
(``tweet_truth.at_random``), so that the counts measure the model. Cells are never added to: they are counted
anew from the rows, so that a label may be changed, withdrawn or written twice.

Whoever changes a label, a prediction or a topic of a tweet holds that tweet's staging row locked, and
refreshes as the last thing of the transaction: then of two that change the same cell, the later one sees what
the earlier one wrote, and nobody who holds this module's lock waits for anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa
from sqlalchemy import func, literal_column, select

from trendvane.domain.sentiment import LABELS
from trendvane.warehouse.engine import int8s
from trendvane.warehouse.tables_learning import label_rollup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

Matrix = tuple[tuple[int, ...], ...]
_LOCK = 7_291_046_550_118_003
# What the rows themselves say; the audit counts every cell with the same words.
SUMS = """
    count(*) AS n, sum(p.p_negative) AS p_negative, sum(p.p_neutral) AS p_neutral,
    sum(p.p_positive) AS p_positive
"""
ROWS = """
    tweet_truth l
    JOIN tweet_product p ON p.staging_id = l.tweet_id AND p.voice
    JOIN tweet_topic t ON t.tweet_id = l.tweet_id
"""
KEYS = """
    t.topic_id, date_trunc('minute', t.created_at) AS minute, p.model_version, l.label AS truth,
    p.predicted_sentiment AS predicted, p.topic = t.topic_id AS home
"""
_IDS = "= ANY(CAST(:ids AS bigint[]))"
_LABELLED = sa.text(f"SELECT DISTINCT tweet_id FROM tweet_label WHERE tweet_id {_IDS}")  # noqa: S608 - no input
_HOLD = sa.text(
    f"SELECT 1 FROM tweet_staging WHERE tweet_id {_IDS} ORDER BY tweet_id FOR UPDATE",  # noqa: S608
)
_ALONE = sa.text("SELECT pg_advisory_xact_lock(:lock)")
_CELLS = sa.text(
    f"""
    SELECT DISTINCT topic_id, date_trunc('minute', created_at) AS minute
    FROM tweet_topic WHERE tweet_id {_IDS}
    """,  # noqa: S608
)
_GIVEN = "unnest(CAST(:topics AS text[]), CAST(:minutes AS timestamptz[])) AS c(topic_id, minute)"
_NEIGHBOURS = sa.text(
    f"""
    SELECT DISTINCT l.tweet_id FROM {_GIVEN}
    JOIN tweet_topic t ON t.topic_id = c.topic_id
        AND t.created_at >= c.minute AND t.created_at < c.minute + interval '1 minute'
    JOIN tweet_label l ON l.tweet_id = t.tweet_id
    """,  # noqa: S608
)
_CLEAR = sa.text(
    f"DELETE FROM label_rollup r USING {_GIVEN} WHERE r.topic_id = c.topic_id AND r.minute = c.minute",  # noqa: S608
)
# The list of ids stands here as a constant, because a join would make PostgreSQL compute the whole view.
_COUNT = sa.text(
    f"""
    INSERT INTO label_rollup (topic_id, minute, model_version, truth, predicted, home, n, p_negative,
        p_neutral, p_positive, updated_at)
    SELECT g.*, clock_timestamp() FROM (
        SELECT {KEYS}, {SUMS} FROM {ROWS}
        WHERE l.tweet_id {_IDS} AND l.at_random GROUP BY 1, 2, 3, 4, 5, 6
    ) g JOIN {_GIVEN} USING (topic_id, minute)
    RETURNING 1
    """,  # noqa: S608
)


def refresh(connection: Connection, tweet_ids: Sequence[int]) -> int:
    """Count the cells of these tweets anew, after their labels were written, changed or withdrawn.

    To be called last in a transaction: it locks the tweets' staging rows (in ascending order, as everybody
    does; who writes labels locks them before writing, see ``staging.lock``), then what makes it alone until
    the transaction ends.

    Returns:
        Cells that now count something.
    """
    if not tweet_ids:
        return 0
    connection.execute(_HOLD, {"ids": int8s(tweet_ids)})
    return _recount(connection, tweet_ids)


def refresh_labelled(connection: Connection, tweet_ids: Sequence[int]) -> int:
    """The same after predictions or topics changed; tweets without a label cost one look at an index.

    The caller holds the staging rows locked, so that no label is written between the look and the commit.
    """
    labelled = _labelled(connection, tweet_ids)
    return _recount(connection, labelled) if labelled else 0


def subtract(connection: Connection, tweet_ids: Sequence[int]) -> int:
    """Count the cells of these tweets without them; to be called before their rows go, with them locked."""
    labelled = _labelled(connection, tweet_ids)
    return _recount(connection, labelled, leaving=labelled) if labelled else 0


def _labelled(connection: Connection, tweet_ids: Sequence[int]) -> list[int]:
    if not tweet_ids:
        return []
    return sorted(connection.execute(_LABELLED, {"ids": int8s(tweet_ids)}).scalars())


def _recount(connection: Connection, tweet_ids: Sequence[int], *, leaving: Sequence[int] = ()) -> int:
    # A statement sees what was committed before it began: all below sees the work of the lock's holders.
    connection.execute(_ALONE, {"lock": _LOCK})
    cells = connection.execute(_CELLS, {"ids": int8s(tweet_ids)}).all()
    given = {"topics": [cell.topic_id for cell in cells], "minutes": [cell.minute for cell in cells]}
    staying = sorted(set(connection.execute(_NEIGHBOURS, given).scalars()).difference(leaving))
    connection.execute(_CLEAR, given)
    if not staying:
        return 0
    return len(connection.execute(_COUNT, given | {"ids": int8s(staying)}).all())


@dataclass(frozen=True, slots=True)
class Confusion:
    """What labels said against what one model version said.

    Attributes:
        model_version: Which one.
        topic_id: Whose voices; None when they are of all topics.
        week: The Monday (UTC) at whose midnight the week of the tweets began; None when of the whole span.
        matrix: (3 x 3) Counts, labels in rows, predictions in columns, in the order of ``LABELS``.
    """

    model_version: str
    topic_id: str | None
    week: datetime | None
    matrix: Matrix

    @property
    def n(self) -> int:
        """Labelled voices."""
        return sum(map(sum, self.matrix))


def confusion(
    connection: Connection,
    *,
    since: datetime,
    topic_id: str | None = None,
    model_version: str | None = None,
    by: Literal["week", "topic", "version"] = "week",
) -> list[Confusion]:
    """Confusion matrices since ``since``, one for each model version and ``by``; oldest week first.

    A voice with several topics counts in each of them when topics are told apart, and once otherwise.
    """
    cell = label_rollup.c
    apart = {
        "week": func.date_trunc(literal_column("'week'"), cell.minute),
        "topic": cell.topic_id,
        "version": cell.model_version,
    }[by]
    keys = (cell.model_version, apart, cell.truth, cell.predicted)
    statement = select(*keys, func.sum(cell.n)).where(cell.minute >= since).group_by(*keys).order_by(*keys)
    if topic_id is not None:
        statement = statement.where(cell.topic_id == topic_id)
    elif by != "topic":
        statement = statement.where(cell.home)
    if model_version is not None:
        statement = statement.where(cell.model_version == model_version)
    found: dict[tuple[Any, str], list[list[int]]] = {}
    for version, key, truth, predicted, n in connection.execute(statement):
        matrix = found.setdefault((key, version), [[0] * len(LABELS) for _ in LABELS])
        matrix[truth][predicted] = int(n)
    return [
        Confusion(
            version,
            key if by == "topic" else topic_id,
            key.astimezone(UTC) if by == "week" else None,
            tuple(map(tuple, matrix)),
        )
        for (key, version), matrix in sorted(found.items())
    ]
