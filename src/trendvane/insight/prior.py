"""What many judged topics teach about a classifier's error on a whole topic.

A classifier that is right on seven tweets of ten is not wrong at random on the rest: on one topic it takes
jokes for anger, on another news for joy. Two regressions say what can be learned from judged topics. With
``s_t`` the true shares of topic ``t`` and ``f_t`` the classifier's view of it (shares of predicted classes,
mean probabilities), and ``y_i`` and ``f_i`` the same of a single tweet,

    over topics        s_t = b + W f_t + error,                variance topic_cov + noise_cov / n
    within a topic     y_i - s_t = G (f_i - f_t) + error,      variance tweet_cov

The first gives the centre and width of a topic without labels: ``noise_cov / n`` is chance,
``topic_cov`` the bias that more tweets do not cure. The second is what a label adds to a prediction. All
of it lives in two coordinates, negative and positive; neutral is the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from trendvane.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# Rows: negative, neutral, positive, net, as combinations of (negative, positive).
CONTRASTS = np.array([[1.0, 0.0], [-1.0, -1.0], [0.0, 1.0], [-1.0, 1.0]])
MIN_TOPICS = 20
_MIN_TWEETS = 2  # a covariance needs two
_FEATURES = 4
_RIDGES = tuple(float(r) for r in np.logspace(-3, 1, 17))
# Plain view of a topic: half the share of predicted classes, half the mean probability.
_PLAIN = np.array([[0.0, 0.0], [0.5, 0.0], [0.0, 0.5], [0.5, 0.0], [0.0, 0.5]])
# How far the fitted map replaces the plain view. Inside one collection of tweets the whole map is best; on
# tweets that other people labelled in another year it does harm, because most of what it learns is how common
# each class was there. A quarter was the most that cost next to nothing there (`bench/shares.py`).
TRUST = 0.25
_SPREAD_LEVEL = 0.9  # where the tails are matched to the judged topics
_SHAPES = {
    "weights": (_FEATURES + 1, 2),
    "topic_cov": (2, 2),
    "noise_cov": (2, 2),
    "slope": (_FEATURES, 2),
    "tweet_cov": (2, 2),
    "mean_share": (2,),
    "share_cov": (2, 2),
    "spread": (4,),
}


@dataclass(frozen=True, slots=True)
class JudgedTopic:
    """A topic of which people judged every tweet.

    Attributes:
        truth: (n) Class index each tweet was given.
        p: (n x 3) Probabilities by a model that has not seen the topic.
    """

    truth: NDArray[np.integer[Any]]
    p: NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class SharePrior:
    """Constants of ``insight.shares``.

    Attributes:
        weights: (5 x 2) Intercept; shares of predicted negative and positive; mean probabilities of both.
        topic_cov: (2 x 2) Of the topic's own bias.
        noise_cov: (2 x 2) Of the chance part, for one tweet.
        slope: (4 x 2) From a tweet's features to its class, within a topic.
        tweet_cov: (2 x 2) Of what the slope leaves open about a tweet.
        mean_share, share_cov: (2), (2 x 2) Of true shares over topics; all there is to say without tweets.
        spread: (4) Interval half widths (negative, neutral, positive, net) relative to the normal ones.
        topics: Judged topics it was fitted on.
        command: What made it.
    """

    weights: Floats
    topic_cov: Floats
    noise_cov: Floats
    slope: Floats
    tweet_cov: Floats
    mean_share: Floats
    share_cov: Floats
    spread: Floats
    topics: int
    command: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, for ``package.json``."""
        arrays = {name: np.round(getattr(self, name), 7).tolist() for name in _SHAPES}
        return {**arrays, "topics": self.topics, "command": self.command}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SharePrior:
        """Read ``to_dict``'s output.

        Raises:
            ConfigurationError: a constant is missing, has another shape, or is not a finite number.
        """
        arrays = {}
        for name, shape in _SHAPES.items():
            try:
                array = np.array(data[name], dtype=np.float64)
            except (KeyError, TypeError, ValueError) as error:
                raise _unusable(name) from error
            if array.shape != shape or not np.isfinite(array).all():
                raise _unusable(name)
            arrays[name] = array
        return cls(**arrays, topics=int(data.get("topics", 0)), command=str(data.get("command", "")))


def features(predicted: Floats, p: Floats) -> Floats:
    """(... x 4) From shares or one-hot of the predicted class and probabilities, both (... x 3)."""
    return np.concatenate([predicted[..., [0, 2]], p[..., [0, 2]]], axis=-1)


def tweet_features(p: NDArray[np.floating[Any]]) -> Floats:
    """(n x 4) Of single tweets; the predicted class is the likeliest."""
    values = np.asarray(p, dtype=np.float64)
    return features(np.eye(3)[values.argmax(axis=1)], values)


def outcomes(truth: NDArray[np.integer[Any]]) -> Floats:
    """(n x 2) One-hot of the true class, without neutral."""
    return np.asarray(np.eye(3)[np.asarray(truth, dtype=np.int64)][:, [0, 2]])


def fit(topics: Sequence[JudgedTopic], command: str = "", *, trust: float = TRUST) -> SharePrior:
    """Learn the constants from judged topics.

    What the map leaves open, a bias common to all of them included, is taken for the topic's own bias: the
    next collection may err the other way.

    Raises:
        ConfigurationError: there are fewer than ``MIN_TOPICS`` topics, or a topic has fewer than two tweets.
    """
    if len(topics) < MIN_TOPICS or any(len(t.truth) < _MIN_TWEETS for t in topics):
        raise ConfigurationError(
            f"{len(topics)} judged topics are too few, or one has no tweets.",
            remedy=f"Judge at least {MIN_TOPICS} topics of at least two tweets.",
        )
    x = np.array([tweet_features(t.p).mean(axis=0) for t in topics])
    y = np.array([outcomes(t.truth).mean(axis=0) for t in topics])
    n = np.array([len(t.truth) for t in topics], dtype=np.float64)
    weights, errors = _ridge(x, y)
    weights = (1 - trust) * _PLAIN + trust * weights
    errors = (1 - trust) * (y - x @ _PLAIN[1:]) + trust * errors
    inner_x = np.concatenate([_centred(tweet_features(t.p)) for t in topics])
    inner_y = np.concatenate([_centred(outcomes(t.truth)) for t in topics])
    slope = np.linalg.lstsq(inner_x, inner_y, rcond=None)[0]
    freedom = len(inner_x) - len(topics)
    noise_cov = _covariance(inner_y - inner_x @ weights[1:], freedom)
    topic_cov = _positive(errors.T @ errors / len(errors) - noise_cov * float(np.mean(1 / n)))
    return SharePrior(
        weights=weights,
        topic_cov=topic_cov,
        noise_cov=noise_cov,
        slope=slope,
        tweet_cov=_covariance(inner_y - inner_x @ slope, freedom),
        mean_share=y.mean(axis=0),
        share_cov=np.cov(y.T),
        spread=_spread(errors, topic_cov + noise_cov / n[:, None, None]),
        topics=len(topics),
        command=command,
    )


def _ridge(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Weights (5 x 2) by the penalty of least leave-one-topic-out error, and those errors (topics x 2)."""
    centred, mean = x - x.mean(axis=0), y.mean(axis=0)
    best: tuple[float, Floats, Floats] | None = None
    for ridge in _RIDGES:
        solve = np.linalg.solve(centred.T @ centred + ridge * np.eye(x.shape[1]), centred.T)
        slope = solve @ (y - mean)
        leverage = np.einsum("ij,ji->i", centred, solve) + 1 / len(x)
        errors = (y - mean - centred @ slope) / (1 - leverage)[:, None]
        score = float((errors**2).sum())
        if best is None or score < best[0]:
            best = (score, np.vstack([mean - x.mean(axis=0) @ slope, slope]), errors)
    assert best is not None
    return best[1], best[2]


def _centred(values: Floats) -> Floats:
    return np.asarray(values - values.mean(axis=0))


def _covariance(residuals: Floats, freedom: int) -> Floats:
    return np.asarray(residuals.T @ residuals / freedom)


def _positive(cov: Floats, floor: float = 1e-5) -> Floats:
    """The nearest covariance whose variances are at least ``floor``: a topic is never without a bias."""
    values, vectors = np.linalg.eigh(cov)
    return np.asarray((vectors * np.maximum(values, floor)) @ vectors.T)


def _spread(errors: Floats, cov: Floats) -> Floats:
    """Ratio (4) of the judged topics' 90 % error to the normal's, allowing for one more topic (conformal)."""
    deviation = np.sqrt(np.einsum("ki,tij,kj->tk", CONTRASTS, cov, CONTRASTS))
    ratio = np.sort(np.abs(errors @ CONTRASTS.T) / deviation, axis=0)
    rank = min(int(np.ceil(_SPREAD_LEVEL * (len(errors) + 1))), len(errors)) - 1
    return np.asarray(ratio[rank] / NormalDist().inv_cdf(0.5 + _SPREAD_LEVEL / 2))


def _unusable(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"The share prior has no usable {name}.", remedy="Fit it again and put it into the model package."
    )
