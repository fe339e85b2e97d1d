"""What was said about tweets: one row for each tweet, labeller and prompt, abstentions included."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from trendvane.warehouse import label_rollups, staging
from trendvane.warehouse.engine import int8s

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

# Joined with the staged tweets: a label that comes after its tweet was forgotten is not kept. Once chance
# chose a tweet it stays chosen, whoever labels it again and for whatever reason.
_WRITE = sa.text(
    """
    INSERT INTO tweet_label (tweet_id, labeller, prompt_version, label, votes, kind, share, at_random,
        created_at)
    SELECT v.tweet_id, v.labeller, v.prompt_version, v.label, v.votes, v.kind, v.share, v.at_random, :now
    FROM unnest(CAST(:tweet_ids AS bigint[]), CAST(:labellers AS text[]), CAST(:prompts AS text[]),
                CAST(:labels AS smallint[]), CAST(:votes AS integer[]), CAST(:kinds AS text[]),
                CAST(:shares AS float8[]), CAST(:chances AS boolean[]))
        AS v(tweet_id, labeller, prompt_version, label, votes, kind, share, at_random)
    JOIN tweet_staging s ON s.tweet_id = v.tweet_id
    ORDER BY v.tweet_id, v.labeller, v.prompt_version
    ON CONFLICT (tweet_id, labeller, prompt_version) DO UPDATE SET
        label = excluded.label, votes = excluded.votes, kind = excluded.kind, share = excluded.share,
        at_random = tweet_label.at_random OR excluded.at_random, created_at = excluded.created_at
    RETURNING tweet_id
    """,
)
_CHANCE = sa.text(
    """
    UPDATE tweet_label SET at_random = true
    WHERE tweet_id = ANY(CAST(:ids AS bigint[])) AND labeller = :labeller AND prompt_version = :prompt
      AND NOT at_random
    RETURNING tweet_id
    """,
)


class LabelRow(NamedTuple):
    """What one labeller said about one tweet.

    Attributes:
        tweet_id: Of a staged tweet.
        labeller: Who said it: a person's name, ``llm:<model>``, ``file:<name>``.
        prompt_version: Of what the model was asked; empty for people and files.
        label: Class index 0 to 2; None when the labeller abstained.
        votes: Times the labeller was asked.
        kind: ``human``, ``file`` or ``llm``.
        share: Of the votes, for the label.
        at_random: Whether chance chose the tweet; only such labels measure anything.
    """

    tweet_id: int
    labeller: str
    prompt_version: str
    label: int | None
    votes: int
    kind: str
    share: float
    at_random: bool


def write(connection: Connection, rows: Sequence[LabelRow], *, now: datetime) -> int:
    """Store labels in the caller's transaction, and bring the counts that follow from them up to date.

    A second label of the same labeller and prompt takes the place of the first; among ``rows`` the last one
    counts.

    Returns:
        Rows stored; fewer than given when tweets were forgotten or never known.
    """
    kept = list({row[:3]: row for row in rows}.values())
    if not kept:
        return 0
    staging.guard(connection)
    # Of two that label a tweet at once, the later one waits here and then counts what the earlier one wrote.
    staging.lock(connection, sorted({row.tweet_id for row in kept}))
    columns = dict(
        zip(
            ("tweet_ids", "labellers", "prompts", "labels", "votes", "kinds", "shares", "chances"),
            map(list, zip(*kept, strict=True)),
            strict=True,
        )
    )
    written = list(connection.execute(_WRITE, {**columns, "now": now}).scalars())
    label_rollups.refresh(connection, sorted(set(written)))
    return len(written)


def chosen_by_chance(
    connection: Connection, tweet_ids: Sequence[int], *, labeller: str, prompt_version: str
) -> int:
    """Note that the turn of these tweets has come, though the labeller was asked about them before.

    Returns:
        Labels that measure something from now on.
    """
    if not tweet_ids:
        return 0
    staging.guard(connection)
    staging.lock(connection, sorted(tweet_ids))
    parameters = {"ids": int8s(tweet_ids), "labeller": labeller, "prompt": prompt_version}
    noted = list(connection.execute(_CHANCE, parameters).scalars())
    label_rollups.refresh(connection, sorted(noted))
    return len(noted)
