"""Shares of opinion on a topic, with intervals that count the classifier's own error.

The share estimated is the one a careful reader would give to the very voices counted (a finite
population, not the whole world): the judged data can check exactly this, and nothing collected says how
X picked those voices. A share of predicted labels misses it by far more than a binomial interval admits,
because each topic has a bias of its own; ``insight.prior`` holds how large that bias is. Labels of some
of the topic's voices pin it down: prediction-powered inference (Angelopoulos et al. 2023) reads it off
the labelled voices, and the prior keeps a few labels from shouting (an empirical Bayes estimate: Efron
and Morris 1975).
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from trendvane.domain.sentiment import LABELS, Interval, Shares
from trendvane.insight.prior import CONTRASTS, SharePrior, features

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Counts", "Labelled", "LabelledPairs", "SharePrior", "estimate"]


@dataclass(frozen=True, slots=True)
class Counts:
    """What a topic's rollup holds, in the order negative, neutral, positive.

    Attributes:
        predicted: Voices (cluster heads) by predicted class; not negative.
        p: Sums of the same voices' calibrated probabilities.
    """

    predicted: tuple[int, int, int]
    p: tuple[float, float, float]

    def __post_init__(self) -> None:
        if min(self.predicted) < 0 or min(self.p) < 0 or not np.isfinite(self.p).all():
            raise ValueError("counts and probability sums must be finite and not negative")
        if self.n and not sum(self.p) > 0:
            raise ValueError("counted voices without probabilities")

    @property
    def n(self) -> int:
        """Voices counted."""
        return sum(self.predicted)


@dataclass(frozen=True, slots=True)
class Labelled:
    """What a rollup holds of voices drawn at random from those counted, which carry a label besides.

    Attributes:
        truth: Their labels, by class.
        predicted: The same voices by predicted class.
        p: Sums of their calibrated probabilities.
    """

    truth: tuple[int, int, int]
    predicted: tuple[int, int, int]
    p: tuple[float, float, float]

    def __post_init__(self) -> None:
        if min(*self.truth, *self.predicted, *self.p) < 0 or sum(self.truth) != sum(self.predicted):
            raise ValueError("labelled voices need a label and a prediction each")

    @property
    def n(self) -> int:
        """Labelled voices."""
        return sum(self.truth)


@dataclass(frozen=True, slots=True)
class LabelledPairs:
    """The same, voice by voice.

    Attributes:
        truth: (m) Class index of the label.
        p: (m x 3) Calibrated probabilities; the predicted class is the likeliest.
    """

    truth: NDArray[np.integer[Any]]
    p: NDArray[np.floating[Any]]

    def __post_init__(self) -> None:
        if self.p.shape != (len(self.truth), len(LABELS)):
            raise ValueError("labelled pairs need one row of three probabilities per label")

    def sums(self) -> Labelled:
        """All that an estimate needs of them: it is linear in labels and features."""
        size = len(LABELS)
        truth = np.bincount(np.asarray(self.truth, np.int64), minlength=size)
        called = np.bincount(self.p.argmax(axis=1), minlength=size)
        p = self.p.sum(axis=0, dtype=np.float64)
        return Labelled(
            (int(truth[0]), int(truth[1]), int(truth[2])),
            (int(called[0]), int(called[1]), int(called[2])),
            (float(p[0]), float(p[1]), float(p[2])),
        )


def estimate(
    counts: Counts,
    prior: SharePrior,
    labelled: Labelled | LabelledPairs | None = None,
    level: float = 0.9,
) -> Shares:
    """Estimate the shares of a topic, and net sentiment, with intervals at ``level``.

    Without voices (``n = 0``) the answer is the average topic, as wide as topics differ: callers show "too
    few" below a number of voices of their own choice. With every voice labelled the answer is exact. Labels
    never make an interval wider, before its bounds are cut at 0 and 1.

    Raises:
        ValueError: ``level`` is not between 0 and 1, or there are more labels than voices.
    """
    if not 0 < level < 1:
        raise ValueError("level must lie between 0 and 1")
    if isinstance(labelled, LabelledPairs):
        labelled = labelled.sums()
    m = 0 if labelled is None else labelled.n
    if m > counts.n:
        raise ValueError(f"{m} labelled voices of {counts.n} counted")
    z = NormalDist().inv_cdf(0.5 + level / 2)
    if counts.n == 0:
        # The judged topics may come from a collection unlike this one, hence the second term.
        centre, cov = prior.mean_share, prior.share_cov + prior.topic_cov
        return _present(centre, z * prior.spread * _deviations(cov), (0, 0, level))
    centre, cov = _unlabelled(counts, prior)
    half = z * prior.spread * _deviations(cov)
    if labelled is not None and m:
        centre, cov = _corrected(centre, cov, counts, prior, labelled)
        # The spread was matched to errors without labels; where it narrows, labels owe it nothing.
        half = np.minimum(half, z * np.maximum(prior.spread, 1.0) * _deviations(cov))
    return _present(centre, half, (counts.n, m, level))


def _seen(predicted: tuple[int, int, int], p: tuple[float, float, float]) -> Floats:
    """The classifier's view (4) of some voices."""
    return features(np.array(predicted) / sum(predicted), np.array(p) / sum(p))


def _unlabelled(counts: Counts, prior: SharePrior) -> tuple[Floats, Floats]:
    """Mean (2) and covariance (2 x 2) of the (negative, positive) shares of the voices counted."""
    centre = prior.weights[0] + _seen(counts.predicted, counts.p) @ prior.weights[1:]
    return centre, prior.topic_cov + prior.noise_cov / counts.n


def _corrected(
    centre: Floats, cov: Floats, counts: Counts, prior: SharePrior, labelled: Labelled
) -> tuple[Floats, Floats]:
    """The same once some of the voices carry labels."""
    n, m = counts.n, labelled.n
    # Mean label, moved to where it would be had the labelled voices looked like all of them.
    seen = _seen(counts.predicted, counts.p) - _seen(labelled.predicted, labelled.p)
    labels = np.array([labelled.truth[0], labelled.truth[2]]) / m + seen @ prior.slope
    labels_cov = prior.tweet_cov / m * (n - m) / max(n - 1, 1)
    gain = cov @ np.linalg.inv(cov + labels_cov)
    return centre + gain @ (labels - centre), cov - gain @ cov


def _deviations(cov: Floats) -> Floats:
    """Standard deviations (4) of negative, neutral, positive and net."""
    return np.asarray(np.sqrt(np.maximum(np.einsum("ki,ij,kj->k", CONTRASTS, cov, CONTRASTS), 0.0)))


def _present(centre: Floats, half: Floats, size: tuple[int, int, float]) -> Shares:
    """Clip to what a share can be: values in [0, 1] that sum to 1, bounds ``half`` (4) around them."""
    raw = CONTRASTS @ centre + np.array([0.0, 1.0, 0.0, 0.0])
    shares = np.clip(raw[:3], 0.0, None)
    shares = shares / shares.sum()
    values = [*shares, shares[2] - shares[0]]
    floors = (0.0, 0.0, 0.0, -1.0)
    negative, neutral, positive, net = (
        Interval(
            value=float(value),
            low=float(np.clip(min(raw[k] - half[k], value), floors[k], 1.0)),
            high=float(np.clip(max(raw[k] + half[k], value), floors[k], 1.0)),
        )
        for k, value in enumerate(values)
    )
    n, m, level = size
    return Shares(negative, neutral, positive, net, n=n, labelled=m, level=level)
