"""Agreement of two labellers: Cohen's kappa with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

from trendvane.domain.sentiment import Interval

if TYPE_CHECKING:
    from collections.abc import Sequence

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two labellers agree.

    Attributes:
        confusion: Counts; rows are the first labeller (people), columns the second (the model).
        n: Tweets labelled by both.
        accuracy: Share labelled alike.
        kappa: The same beyond what chance would give, at most 1; None when it is not defined, because there
            is no tweet or both always say the same class.
    """

    confusion: tuple[tuple[int, ...], ...]
    n: int
    accuracy: float
    kappa: Interval | None


def agreement(confusion: Sequence[Sequence[int]], *, level: float = LEVEL) -> Agreement:
    """Cohen's kappa of a square table of counts.

    kappa = (po - pe) / (1 - pe), with po the share on the diagonal and pe what two independent labellers with
    these margins would share (Cohen 1960). The interval is normal, with the large-sample variance of Fleiss,
    Cohen and Everitt (1969), cut at -1 and 1; it is too narrow below some thirty tweets.
    """
    table = tuple(tuple(row) for row in confusion)
    n = sum(map(sum, table))
    if not n:
        return Agreement(table, 0, 0.0, None)
    p = [[count / n for count in row] for row in table]
    rows = [sum(row) for row in p]
    columns = [sum(column) for column in zip(*p, strict=True)]
    observed = math.fsum(p[i][i] for i in range(len(p)))
    expected = math.fsum(r * c for r, c in zip(rows, columns, strict=True))
    if math.isclose(expected, 1.0, abs_tol=1e-12):
        return Agreement(table, n, observed, None)
    kappa = (observed - expected) / (1 - expected)
    deviation = math.sqrt(max(_variance(p, rows, columns, kappa) / n, 0.0))
    half = NormalDist().inv_cdf((1 + level) / 2) * deviation
    low, high = max(kappa - half, -1.0), min(kappa + half, 1.0)
    return Agreement(table, n, observed, Interval(kappa, min(low, kappa), max(high, kappa)))


def _variance(p: list[list[float]], rows: list[float], columns: list[float], kappa: float) -> float:
    """Of kappa, times n: equation 13 of Fleiss, Cohen and Everitt, Psychological Bulletin 72 (1969)."""
    classes = range(len(p))
    expected = sum(r * c for r, c in zip(rows, columns, strict=True))
    rest = 1 - kappa
    alike = sum(p[i][i] * (1 - (rows[i] + columns[i]) * rest) ** 2 for i in classes)
    apart = sum(p[i][j] * (columns[i] + rows[j]) ** 2 for i in classes for j in classes if i != j)
    return (alike + rest**2 * apart - (kappa - expected * rest) ** 2) / (1 - expected) ** 2
