"""From votes to a verdict."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trendvane.llm.answers import Vote


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the labeller says about one text.

    Attributes:
        label: Class index; None when it abstains.
        votes: Votes cast.
        share: Of these, for the label; of an abstention, for the label that came closest.
        reasons: Why votes had no label, one each.
    """

    label: int | None
    votes: int
    share: float
    reasons: tuple[str, ...]


def decide(votes: Sequence[Vote], most: int, min_share: float) -> Verdict | None:
    """The verdict, as soon as no further vote could change it; None when another vote is needed.

    A label wins when at least ``min_share`` of ``most`` votes are for it and no other has as many. An
    abstention is a vote for nobody.
    """
    needed = max(1, math.ceil(min_share * most - 1e-9))
    left = most - len(votes)
    first, second = _leaders(votes)
    label, count = first
    won = count >= needed and count > second + left
    lost = count + left < needed or (not left and not won)
    if not won and not lost:
        return None
    reasons = tuple(vote.reason for vote in votes if vote.label is None)
    share = count / len(votes) if votes else 0.0
    return Verdict(label if won else None, len(votes), share, reasons)


def _leaders(votes: Sequence[Vote]) -> tuple[tuple[int | None, int], int]:
    """The label with most votes with their number, and the number of the next."""
    counts = Counter(_labels(votes)).most_common(2)
    first = counts[0] if counts else (None, 0)
    return first, counts[1][1] if len(counts) > 1 else 0


def _labels(votes: Sequence[Vote]) -> Iterator[int]:
    return (vote.label for vote in votes if vote.label is not None)
