"""Labelled tweets, streamed out of the warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

_LABELLED = sa.text(
    """
    SELECT s.tweet_id, s.content, t.label, coalesce(p.name, ''), s.lang, s.author_hash, s.cluster_id,
        s.source, t.kind, t.labeller, t.at_random OR s.sample IS NOT DISTINCT FROM 'validation'
    FROM tweet_truth t
    JOIN tweet_staging s ON s.tweet_id = t.tweet_id
    LEFT JOIN topic p ON p.topic_id = s.topic
    WHERE t.label IS NOT NULL
    """,
)
# What people and a model said about the same tweets.
_BOTH = sa.text(
    """
    SELECT p.label, l.label, count(*)
    FROM tweet_label p JOIN tweet_label l ON l.tweet_id = p.tweet_id AND l.kind = 'llm'
    WHERE p.kind = 'human' AND p.label IS NOT NULL AND l.label IS NOT NULL
    GROUP BY p.label, l.label
    """,
)
_AT_ONCE = 2000


class Labelled(NamedTuple):
    """A staged tweet with the label that counts; ``measures`` when live accuracy is read from it."""

    tweet_id: int
    content: str
    label: int
    topic: str
    lang: str
    author_hash: int | None
    cluster_id: int
    source: str
    kind: str
    labeller: str
    measures: bool


def labelled(connection: Connection) -> Iterator[Labelled]:
    """Every staged tweet that has a label, in no order, by a cursor of the server: memory stays flat."""
    rows = connection.execute(_LABELLED, execution_options={"yield_per": _AT_ONCE})
    return (Labelled(*row) for row in rows)


def agreement(connection: Connection) -> tuple[tuple[int, ...], ...]:
    """How often people (rows) and models (columns) said which class about the same tweet."""
    counts = [[0, 0, 0] for _ in range(3)]
    for person, model, number in connection.execute(_BOTH):
        counts[person][model] = number
    return tuple(map(tuple, counts))
