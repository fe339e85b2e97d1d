"""Two models on the same rows: how sure it is that one is better.

The paired bootstrap of Efron and Tibshirani (1993, chapter 13), as Berg-Kirkpatrick, Burkett and Klein
(EMNLP 2012) recommend it for comparing systems: rows are drawn anew, each with both models' answers, and the
measure is worked out again each time. What counts about a row is its cell (truth, first answer, second
answer), one of 27; drawing rows anew is drawing counts of cells from a multinomial, so a resample costs 27
numbers whatever the size of the set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trendvane.domain.sentiment import LABELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Classes = NDArray[np.integer[Any]]

ROUNDS = 10_000  # resamples; the tail of a bound shared by twenty slices still holds twenty-five of them
_SIZE = len(LABELS)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What re-scoring says of two models on the same rows.

    Attributes:
        n: Rows.
        first, second: Macro F1 of each.
        low, high: One-sided bounds of ``second - first``: it is above ``low`` at the level asked for, and
            below ``high`` at the same level.
        better: Share of the resamples in which the second is higher.
    """

    n: int
    first: float
    second: float
    low: float
    high: float
    better: float

    @property
    def difference(self) -> float:
        """Of macro F1; positive when the second is better."""
        return self.second - self.first


def macro_f1(confusion: NDArray[Any], present: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """Mean F1 over classes, for confusions (... x 3 x 3, truth in rows).

    Args:
        confusion: Counts.
        present: (3) Classes that count; a slice may have no row of one of them. Default: all.
    """
    counts = np.asarray(confusion, dtype=np.float64)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    either = counts.sum(axis=-1) + counts.sum(axis=-2)
    f1 = 2.0 * hits / np.maximum(either, 1.0)
    weights = np.ones(_SIZE) if present is None else present.astype(np.float64)
    return np.asarray((f1 * weights).sum(axis=-1) / max(weights.sum(), 1.0))


def compare(
    truth: Classes,
    first: Classes,
    second: Classes,
    *,
    level: float,
    rng: np.random.Generator,
    rounds: int = ROUNDS,
) -> Comparison:
    """Compare the answers of two models to the same rows by macro F1 over the classes that occur.

    Args:
        truth: (n) Class indices; n above 0.
        first: (n) Answers of the one.
        second: (n) Answers of the other.
        level: Of each one-sided bound, such as 0.95.
        rng: Draws the resamples.
        rounds: How many.
    """
    n = len(truth)
    code = (np.asarray(truth, np.int64) * _SIZE + first) * _SIZE + second
    cells = np.bincount(code, minlength=_SIZE**3)
    present = np.bincount(truth, minlength=_SIZE) > 0
    point = _both(cells[None], present)[0]
    drawn = _both(_resamples(cells, rounds, rng), present)
    differences = drawn[:, 1] - drawn[:, 0]
    low, high = np.quantile(differences, [1.0 - level, level])
    return Comparison(
        n=n,
        first=float(point[0]),
        second=float(point[1]),
        low=float(low),
        high=float(high),
        better=float(np.mean(differences > 0)),
    )


def _resamples(cells: NDArray[np.int64], rounds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Counts of cells (rounds x 27) of as many rows drawn anew; cells without a row cost nothing."""
    drawn = np.zeros((rounds, len(cells)), np.int64)
    occurring = np.flatnonzero(cells)
    n = cells.sum()
    drawn[:, occurring] = rng.multinomial(n, cells[occurring] / n, size=rounds)
    return drawn


def _both(cells: NDArray[np.int64], present: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Macro F1 of both models (m x 2) for counts of cells (m x 27)."""
    cube = cells.reshape(-1, _SIZE, _SIZE, _SIZE)
    return np.stack([macro_f1(cube.sum(axis=3), present), macro_f1(cube.sum(axis=2), present)], axis=1)
