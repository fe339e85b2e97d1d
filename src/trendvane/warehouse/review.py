"""Tweets for people to label, and what others said of them.

Two ways of choosing, from two samples that never meet. The uncertain ones come from the training sample:
what a model doubts teaches it most, and measures nothing. The random ones come from the validation sample in
the order of a hash: labels of these are a fair sample of everything the model read. Were the uncertain ones
taken from the validation sample too, the rest of it would be too easy, and the measured accuracy too high.

Both look at the last ``WINDOW`` only, through ``ix_tweet_staging_sample``. Uncertain: ``POOL`` tweets, each
with one look-up of its labels and one of its predictions, whatever the warehouse's size. Random: the window's
ids of the sample, a tenth of its tweets, are read out of the index and sorted, and the rest is looked up for
those that come first: labelled ones and those shown. With three million tweets in the window that takes a
fifth of a second, the uncertain ones a third of that. The hash is the one by whose order an LLM is asked, so
that both label the same tweets and can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import sqlalchemy as sa

from trendvane.domain import snowflake
from trendvane.domain.holdout import held_out
from trendvane.warehouse import label_rollups, labelling, labels, staging

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

Mode = Literal["uncertain", "random"]
SAMPLE_OF: dict[str, str] = {"uncertain": "training", "random": "validation"}
WINDOW = timedelta(days=28)
POOL = 5000
_PAGE = 100
_SAMPLED = "s.sample = :sample AND s.tweet_id >= :since"
# Not judged by a person yet, nor by this one, who could not tell.
_OPEN = """
    (:x OR s.source <> 'x') AND NOT EXISTS (
        SELECT FROM tweet_label l WHERE l.tweet_id = s.tweet_id AND l.kind = 'human'
            AND (l.label IS NOT NULL OR l.labeller = :labeller)
    )
"""
# The champion's prediction; where there is none yet, the newest.
_PREDICTION = """
    SELECT p.predicted_sentiment, p.p_negative, p.p_neutral, p.p_positive, p.model_version, p.voice
    FROM tweet_product p WHERE p.staging_id = {tweet_id}
    ORDER BY (p.model_version = :version) DESC NULLS LAST, p.processed_at DESC LIMIT 1
"""
_SHOWN = "s.tweet_id, s.content, s.created_at, s.lang, s.source, s.topic"
_UNCERTAIN = sa.text(
    f"""
    WITH pool AS MATERIALIZED (
        SELECT {_SHOWN} FROM tweet_staging s WHERE {_SAMPLED} AND {_OPEN}
        ORDER BY s.tweet_id DESC LIMIT :pool
    ), doubted AS (
        SELECT pool.*, -(p_negative * ln(greatest(p_negative, 1e-12))
            + p_neutral * ln(greatest(p_neutral, 1e-12))
            + p_positive * ln(greatest(p_positive, 1e-12))) AS doubt
        FROM pool JOIN LATERAL ({_PREDICTION.format(tweet_id="pool.tweet_id")}) p ON p.voice
        ORDER BY doubt DESC, tweet_id LIMIT :limit OFFSET :offset
    )
    SELECT d.*, t.name FROM doubted d LEFT JOIN topic t ON t.topic_id = d.topic
    ORDER BY d.doubt DESC, d.tweet_id
    """,  # noqa: S608 - no input
)
# Only ids are sorted, out of the index; all else is looked up for the first few.
_RANDOM = sa.text(
    f"""
    SELECT {_SHOWN}, t.name
    FROM (
        SELECT s.tweet_id AS id, {labelling.PLACE} AS place FROM tweet_staging s WHERE {_SAMPLED}
        ORDER BY place, s.tweet_id OFFSET 0
    ) d
    JOIN tweet_staging s ON s.tweet_id = d.id
    JOIN LATERAL ({_PREDICTION.format(tweet_id="d.id")}) p ON p.voice
    LEFT JOIN topic t ON t.topic_id = s.topic
    WHERE {_OPEN}
    ORDER BY d.place, d.id LIMIT :limit OFFSET :offset
    """,  # noqa: S608
)
_FIND = sa.text("SELECT sample, source FROM tweet_staging WHERE tweet_id = :tweet_id")
_SAID = sa.text(_PREDICTION.format(tweet_id=":tweet_id"))
_OTHERS = sa.text(
    "SELECT labeller, kind, label, share FROM tweet_label WHERE tweet_id = :tweet_id AND kind <> 'human'"
    " ORDER BY array_position(ARRAY['file', 'llm'], kind), created_at DESC LIMIT 5",
)
_WITHDRAW = sa.text(
    "DELETE FROM tweet_label WHERE tweet_id = :tweet_id AND labeller = :labeller AND prompt_version = ''"
    " AND kind = 'human' RETURNING tweet_id",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a person wants to see.

    Attributes:
        mode: ``uncertain`` or ``random``.
        labeller: Who asks; what they could not tell is not shown to them again.
        version: The champion, whose probabilities count; None takes each tweet's newest prediction.
        allow_x: Whether tweets of the real X may be labelled.
        limit: Most tweets.
    """

    mode: Mode
    labeller: str
    version: str | None
    allow_x: bool
    limit: int


class Candidate(NamedTuple):
    """A tweet to be labelled. ``topic`` is the name under which it was first seen."""

    tweet_id: int
    text: str
    created_at: datetime
    lang: str
    source: str
    topic: str


class Answer(NamedTuple):
    """What a person said; ``label`` is None when they could not tell."""

    tweet_id: int
    labeller: str
    label: int | None
    mode: Mode


class Sampled(NamedTuple):
    """Why a tweet is kept, and where it is from."""

    sample: str | None
    source: str


class Said(NamedTuple):
    """The model's answer."""

    label: int
    p: tuple[float, float, float]
    model_version: str


class Other(NamedTuple):
    """The label of an LLM or a file; None when it abstained."""

    labeller: str
    kind: str
    label: int | None
    share: float


def candidates(connection: Connection, wanted: Wanted, *, now: datetime) -> list[Candidate]:
    """Unlabelled voices of the last ``WINDOW``, in the order of the mode.

    Wordings that are kept for judging models teach nobody, so the uncertain ones leave them out.
    """
    statement = _RANDOM if wanted.mode == "random" else _UNCERTAIN
    since = snowflake.floor(int((now - WINDOW).timestamp() * 1000))
    parameters: dict[str, Any] = {
        "sample": SAMPLE_OF[wanted.mode],
        "since": since,
        "x": wanted.allow_x,
        "labeller": wanted.labeller,
        "version": wanted.version,
        "limit": _PAGE,
    }
    if wanted.mode == "uncertain":
        parameters["pool"] = POOL
    found: list[Candidate] = []
    for offset in range(0, POOL, _PAGE):
        rows = connection.execute(statement, parameters | {"offset": offset}).all()
        found += [_candidate(row) for row in rows if wanted.mode == "random" or not held_out(row.content)]
        if len(found) >= wanted.limit or len(rows) < _PAGE:
            break
    return found[: wanted.limit]


def _candidate(row: sa.Row[Any]) -> Candidate:
    return Candidate(row.tweet_id, row.content, row.created_at, row.lang, row.source, row.name or "")


def sampled(connection: Connection, tweet_id: int) -> Sampled | None:
    """The tweet; None when it is not known (or was forgotten)."""
    row = connection.execute(_FIND, {"tweet_id": tweet_id}).one_or_none()
    return None if row is None else Sampled(*row)


def said(connection: Connection, tweet_id: int, version: str | None) -> Said | None:
    """What the champion (without its word: the newest model) says; None before the tweet is scored."""
    row = connection.execute(_SAID, {"tweet_id": tweet_id, "version": version}).one_or_none()
    if row is None:
        return None
    return Said(row.predicted_sentiment, (row.p_negative, row.p_neutral, row.p_positive), row.model_version)


def others(connection: Connection, tweet_id: int) -> list[Other]:
    """What files and LLMs said, at most five; files first, newest first."""
    return [Other(*row) for row in connection.execute(_OTHERS, {"tweet_id": tweet_id})]


def answer(connection: Connection, given: Answer, *, now: datetime) -> bool:
    """Store what a person said; False when the tweet was forgotten meanwhile."""
    row = labels.LabelRow(
        tweet_id=given.tweet_id,
        labeller=given.labeller,
        prompt_version="",
        label=given.label,
        votes=1,
        kind="human",
        share=1.0,
        at_random=given.mode == "random",
    )
    return labels.write(connection, [row], now=now) == 1


def withdraw(connection: Connection, tweet_id: int, labeller: str) -> bool:
    """Delete a person's own label and count without it; whether there was one."""
    staging.guard(connection)
    staging.lock(connection, [tweet_id])
    parameters = {"tweet_id": tweet_id, "labeller": labeller}
    if connection.execute(_WITHDRAW, parameters).one_or_none() is None:
        return False
    label_rollups.refresh(connection, [tweet_id])
    return True
