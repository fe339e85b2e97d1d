"""How often a model is right, read off a confusion matrix of labelled voices, with intervals.

Accuracy is one proportion: Wilson's score interval (Wilson 1927; recommended for small samples by Brown, Cai
and DasGupta 2001). Average recall (the mean of the three classes' recalls, SemEval's measure) is a mean of
proportions over samples whose sizes chance gave: the method of variance estimates recovery (MOVER; Zou and
Donner 2008) joins the classes' Wilson intervals into one, which stays inside [0, 1] and stays honest when
every answer of a class was right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

from trendvane.domain.sentiment import Interval

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class LiveAccuracy:
    """Figures of one model over some labelled voices.

    Attributes:
        n: Labelled voices.
        right: Of these, how many the model called as the label does.
        accuracy: None without voices.
        average_recall: Over all classes; None while a class has no labelled voice, because its recall is
            unknown.
        recalls: By class, in the order of ``LABELS``; None for a class without labelled voices.
        level: Coverage the intervals aim at.
    """

    n: int
    right: int
    accuracy: Interval | None
    average_recall: Interval | None
    recalls: tuple[Interval | None, ...]
    level: float


def interval(confusion: Sequence[Sequence[int]], level: float = 0.9) -> LiveAccuracy:
    """Accuracy and average recall from a square matrix of counts, labels in rows, predictions in columns.

    Raises:
        ValueError: The matrix is not square, holds a negative count, or ``level`` is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError("level must lie between 0 and 1")
    size = len(confusion)
    if not size or any(len(row) != size or min(row) < 0 for row in confusion):
        raise ValueError("a confusion matrix is square and counts")
    z = NormalDist().inv_cdf(0.5 + level / 2)
    n, right = sum(map(sum, confusion)), sum(confusion[k][k] for k in range(size))
    recalls = tuple(wilson(row[k], sum(row), z) for k, row in enumerate(confusion))
    return LiveAccuracy(n, right, wilson(right, n, z), _mean(recalls), recalls, level)


def wilson(hits: int, n: int, z: float) -> Interval | None:
    """Wilson's interval of a proportion, ``z`` normal deviations wide; None when ``n`` is 0."""
    if n == 0:
        return None
    share, weight = hits / n, z * z / n
    centre = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(share * (1 - share) / n + weight / (4 * n))
    # At the ends the bound is the share itself but for rounding.
    return Interval(share, max(min(centre - half, share), 0.0), min(max(centre + half, share), 1.0))


def _mean(parts: Sequence[Interval | None]) -> Interval | None:
    """Mean of independent proportions (MOVER): distances to the bounds add up as squares."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    value = sum(part.value for part in known) / len(known)
    below = math.sqrt(sum((part.value - part.low) ** 2 for part in known)) / len(known)
    above = math.sqrt(sum((part.high - part.value) ** 2 for part in known)) / len(known)
    return Interval(value, max(value - below, 0.0), min(value + above, 1.0))
