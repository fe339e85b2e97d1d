"""Which tweets a labeller is asked about next, and how far it agrees with people."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from trendvane.domain.sentiment import LABELS
from trendvane.domain.text import MODEL_LIMIT

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


# In the order of a hash and not of time, so that a part of the sample is a random part. The hash is
# PostgreSQL's own with a seed of ours: whoever tweets cannot choose his id.
PLACE = "hashint8extended(s.tweet_id, 7291)"
_MINE = "l.tweet_id = s.tweet_id AND l.labeller = :labeller AND l.prompt_version = :prompt"
_ALLOWED = "(s.source <> 'x' OR CAST(:allow_x AS boolean))"
# Ids are sorted, and texts read only of those that come first. A tweet is asked about when it is the
# first of its cluster and was scored as a voice: in a language that the model reads.
_SAMPLE = sa.text(
    f"""
    WITH chosen AS MATERIALIZED (
    SELECT s.tweet_id, s.sample = 'validation' AS at_random, l.tweet_id IS NOT NULL AS known,
        {PLACE} AS place
    FROM tweet_staging s LEFT JOIN tweet_label l ON {_MINE}
    WHERE s.sample IS NOT NULL AND s.cluster_id = s.tweet_id AND {_ALLOWED}
      AND EXISTS (SELECT 1 FROM tweet_product p WHERE p.staging_id = s.tweet_id AND p.voice)
      AND (l.tweet_id IS NULL OR (s.sample = 'validation' AND NOT l.at_random))
      AND ({PLACE}, s.tweet_id) > (:place, :after)
    ORDER BY place, s.tweet_id LIMIT :limit
    )
    SELECT tweet_id, left(s.content, :chars) AS text, at_random, known, place
    FROM chosen JOIN tweet_staging s USING (tweet_id) ORDER BY place, tweet_id
    """,  # noqa: S608 - no input
)
# The label of people that counts, by the rule of the view tweet_truth, without reading every model's.
_PEOPLE = """
    SELECT DISTINCT ON (tweet_id) tweet_id, label FROM tweet_label
    WHERE kind IN ('human', 'file') AND label IS NOT NULL
    ORDER BY tweet_id, kind = 'human' DESC, created_at DESC, labeller
"""
_GOLD = sa.text(
    f"""
    SELECT s.tweet_id, left(s.content, :chars) AS text, false AS at_random, false AS known, {PLACE} AS place
    FROM ({_PEOPLE}) g JOIN tweet_staging s ON s.tweet_id = g.tweet_id
    LEFT JOIN tweet_label l ON {_MINE}
    WHERE l.tweet_id IS NULL AND {_ALLOWED}
    ORDER BY place, s.tweet_id LIMIT :limit
    """,  # noqa: S608
)
_CONFUSIONS = sa.text(
    f"""
    SELECT l.labeller, l.prompt_version, g.label AS truth, l.label AS said, count(*) AS n
    FROM ({_PEOPLE}) g JOIN tweet_label l ON l.tweet_id = g.tweet_id AND l.kind = 'llm'
    WHERE (CAST(:labeller AS text) IS NULL OR (l.labeller = :labeller AND l.prompt_version = :prompt))
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2
    """,  # noqa: S608
)
_SOURCES = sa.text("SELECT tweet_id, source FROM tweet_staging WHERE tweet_id = ANY(CAST(:ids AS bigint[]))")


class Asker(NamedTuple):
    """Who asks: a labeller under one version of its prompt, and whether it may see what comes from X."""

    labeller: str
    prompt_version: str
    allow_x: bool


class Candidate(NamedTuple):
    """A tweet to ask about.

    Attributes:
        tweet_id: Its id.
        text: Its content, as much of it as a model reads.
        at_random: Whether chance chose it: it is in the validation sample, and its turn has come.
        known: Whether the labeller was asked before, out of turn; then only ``at_random`` is to be noted.
        place: Its place in the order of all tweets.
    """

    tweet_id: int
    text: str
    at_random: bool
    known: bool
    place: int


class Compared(NamedTuple):
    """What one labeller said of tweets that people labelled.

    Attributes:
        labeller, prompt_version: Who said it.
        confusion: Counts, 3 x 3; rows are people, columns the labeller.
        abstained: Tweets of these on which it abstained.
    """

    labeller: str
    prompt_version: str
    confusion: tuple[tuple[int, ...], ...]
    abstained: int


FIRST = Candidate(0, "", at_random=False, known=False, place=-(2**63))


def sample(connection: Connection, asker: Asker, *, after: Candidate = FIRST, limit: int) -> list[Candidate]:
    """Up to ``limit`` tweets of both samples beyond ``after``, in the order of their hash."""
    parameters = _parameters(asker) | {"place": after.place, "after": after.tweet_id, "limit": limit}
    return [Candidate(*row) for row in connection.execute(_SAMPLE, parameters)]


def gold(connection: Connection, asker: Asker, *, limit: int) -> list[Candidate]:
    """Up to ``limit`` tweets that people labelled and the labeller was not asked about."""
    rows = connection.execute(_GOLD, _parameters(asker) | {"limit": limit})
    return [Candidate(*row) for row in rows]


def comparisons(connection: Connection, asker: Asker | None = None) -> list[Compared]:
    """What labellers said of tweets that people labelled: of ``asker`` alone, or of all models."""
    parameters = {
        "labeller": asker.labeller if asker else None,
        "prompt": asker.prompt_version if asker else None,
    }
    tables: dict[tuple[str, str], list[list[int]]] = defaultdict(lambda: [[0] * 3 for _ in LABELS])
    abstained: dict[tuple[str, str], int] = defaultdict(int)
    for labeller, version, truth, said, n in connection.execute(_CONFUSIONS, parameters):
        key = (labeller, version)
        row = tables[key][truth]
        if said is None:
            abstained[key] += n
        else:
            row[said] += n
    return [Compared(*key, tuple(map(tuple, table)), abstained[key]) for key, table in tables.items()]


def sources(connection: Connection, tweet_ids: list[int]) -> dict[int, str]:
    """Where the staged ones of these tweets come from."""
    return {row.tweet_id: row.source for row in connection.execute(_SOURCES, {"ids": tweet_ids})}


def _parameters(asker: Asker) -> dict[str, object]:
    return {
        "labeller": asker.labeller,
        "prompt": asker.prompt_version,
        "allow_x": asker.allow_x,
        # Preparing replaces links and signs by shorter words, so more is read than the model sees.
        "chars": 4 * MODEL_LIMIT,
    }
