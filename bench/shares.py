"""How far from the truth are the shares, and do their intervals hold it? Prints a table; runs in seconds.

``bench/data/shares_crossfit.npz`` holds, for every tweet of 200 judged topics, the class people gave it
and the probabilities of a model that never saw its collection (no text, no ids). Topics are split into
folds: constants are fitted on the others, judged on the fold. ``python bench/crossfit.py`` makes the
file again from the data set. ``shares_foreign.npz`` holds the same for four topics of 2011 that other people
labelled, predicted by the shipped model (``python bench/foreign.py``).
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from trendvane.domain.sentiment import LABELS
from trendvane.insight.prior import JudgedTopic, SharePrior, fit
from trendvane.insight.shares import Counts, LabelledPairs, estimate
from trendvane.model.crossfit import JudgedPredictions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trendvane.domain.sentiment import Shares

    Floats = NDArray[np.float64]

DATA = Path(__file__).parent / "data" / "shares_crossfit.npz"
FOREIGN = Path(__file__).parent / "data" / "shares_foreign.npz"
COMMAND = "python bench/shares.py --fit"
LEVEL = 0.9
LABELS_A_TOPIC = 50
DRAWS = 5
FOLDS = 10
SPLITS = 4


@dataclass
class Scores:
    """Errors, hits and widths of one method, a row of three classes for each topic judged."""

    errors: list[Floats] = field(default_factory=list)
    inside: list[Floats] = field(default_factory=list)
    widths: list[Floats] = field(default_factory=list)

    def add(self, truth: Floats, value: Floats, low: Floats, high: Floats) -> None:
        """Note one estimate of one topic's shares (3)."""
        self.errors.append(np.abs(value - truth))
        self.inside.append(((low <= truth) & (truth <= high)).astype(float))
        self.widths.append(high - low)

    def row(self, name: str) -> str:
        """Line of the table."""
        error, inside, width = (np.mean(x, axis=0) for x in (self.errors, self.inside, self.widths))
        cells = [f"{error.mean():.3f}", *(f"{100 * c:.0f} %" for c in inside), f"{width.mean():.2f}"]
        return f"| {name} | " + " | ".join(cells) + " |"


def load_topics(path: Path) -> list[JudgedTopic]:
    data = JudgedPredictions.load(path)
    return [JudgedTopic(data.truth[data.topic == t], data.p[data.topic == t]) for t in np.unique(data.topic)]


def counts_of(topic: JudgedTopic) -> Counts:
    predicted = np.bincount(topic.p.argmax(axis=1), minlength=3)
    sums = topic.p.sum(axis=0, dtype=np.float64)
    return Counts(
        (int(predicted[0]), int(predicted[1]), int(predicted[2])),
        (float(sums[0]), float(sums[1]), float(sums[2])),
    )


def shares_of(classes: NDArray[np.integer]) -> Floats:
    return np.bincount(classes, minlength=3) / len(classes)


def binomial(value: Floats, n: float) -> tuple[Floats, Floats, Floats]:
    half = NormalDist().inv_cdf(0.5 + LEVEL / 2) * np.sqrt(value * (1 - value) / n)
    return value, value - half, value + half


def intervals(shares: Shares) -> tuple[Floats, Floats, Floats]:
    rows = np.array([[i.value, i.low, i.high] for i in (shares.negative, shares.neutral, shares.positive)])
    return rows[:, 0], rows[:, 1], rows[:, 2]


def adjusted_count(predicted: Floats, confusion: Floats) -> Floats:
    """Invert the confusion matrix, then clip to shares (Forman 2008)."""
    solved = np.linalg.lstsq(confusion.T, predicted, rcond=None)[0]
    clipped = np.clip(solved, 0, None)
    return np.asarray(clipped / clipped.sum())


def expectation(p: Floats, prior: Floats) -> Floats:
    """Expectation-maximisation on the class shares (Saerens, Latinne and Decaestecker 2002)."""
    shares = prior.copy()
    for _ in range(200):
        weighted = p * (shares / prior)
        shares = (weighted / weighted.sum(axis=1, keepdims=True)).mean(axis=0)
    return shares


@dataclass(frozen=True)
class Learned:
    """What the methods know from the other topics."""

    prior: SharePrior
    confusion: Floats
    classes: Floats

    @classmethod
    def of(cls, topics: Sequence[JudgedTopic]) -> Learned:
        """Fit everything on ``topics``."""
        truth = np.concatenate([t.truth for t in topics])
        predicted = np.concatenate([t.p for t in topics]).argmax(axis=1)
        confusion = np.stack([shares_of(predicted[truth == k]) for k in range(3)])
        return cls(fit(topics), confusion, shares_of(truth))


def judge(topics: Sequence[JudgedTopic], rng: np.random.Generator) -> dict[str, Scores]:
    """Scores of every method over ``SPLITS`` random divisions of the topics into ``FOLDS`` folds."""
    scores: dict[str, Scores] = {}
    for _ in range(SPLITS):
        fold = rng.permutation(len(topics)) % FOLDS
        for number in range(FOLDS):
            learned = Learned.of([t for t, f in zip(topics, fold, strict=True) if f != number])
            for topic in (t for t, f in zip(topics, fold, strict=True) if f == number):
                judge_topic(topic, learned, rng, scores)
    return scores


def judge_topic(
    topic: JudgedTopic, learned: Learned, rng: np.random.Generator, scores: dict[str, Scores]
) -> None:
    truth, n = shares_of(topic.truth), len(topic.truth)
    counts = counts_of(topic)
    plain = np.array(counts.predicted) / n
    found = {
        "plain counting, binomial": [binomial(plain, n)],
        "sum of probabilities, binomial": [binomial(np.array(counts.p) / n, n)],
        "adjusted count, binomial": [binomial(adjusted_count(plain, learned.confusion), n)],
        "EM on the class shares, binomial": [
            binomial(expectation(np.asarray(topic.p, np.float64), learned.classes), n)
        ],
        "**trendvane**, no labels": [intervals(estimate(counts, learned.prior, level=LEVEL))],
    }
    for _ in range(DRAWS):
        drawn = rng.choice(n, size=LABELS_A_TOPIC, replace=False)
        pairs = LabelledPairs(topic.truth[drawn], topic.p[drawn])
        value, low, high = binomial(
            shares_of(topic.truth[drawn]), LABELS_A_TOPIC * n / max(n - LABELS_A_TOPIC, 1)
        )
        found.setdefault(f"the {LABELS_A_TOPIC} labels alone", []).append((value, low, high))
        ours = intervals(estimate(counts, learned.prior, pairs, LEVEL))
        found.setdefault(f"**trendvane**, {LABELS_A_TOPIC} labels", []).append(ours)
    for name, results in found.items():
        for value, low, high in results:
            scores.setdefault(name, Scores()).add(truth, value, low, high)


def judge_foreign(
    topics: Sequence[JudgedTopic], foreign: Sequence[JudgedTopic], rng: np.random.Generator
) -> dict[str, Scores]:
    """Scores on topics of another collection, with everything learned on ``topics``."""
    scores: dict[str, Scores] = {}
    learned = Learned.of(topics)
    for topic in foreign:
        judge_topic(topic, learned, rng, scores)
    return scores


def table(scores: dict[str, Scores]) -> str:
    head = ["method", "mean absolute error", *(f"{name} covered" for name in LABELS), "mean width"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + [s.row(name) for name, s in scores.items()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument(
        "--fit", action="store_true", help="print the constants fitted on all topics, as JSON"
    )
    arguments = parser.parse_args()
    topics = load_topics(arguments.data)
    if arguments.fit:
        print(json.dumps(fit(topics, COMMAND).to_dict(), indent=1))
        return
    sizes = [len(t.truth) for t in topics]
    print(f"{len(topics)} topics of {min(sizes)} to {max(sizes)} tweets; intervals at {LEVEL:.0%}\n")
    print(table(judge(topics, np.random.default_rng(1))))
    foreign = load_topics(FOREIGN)
    print(f"\n{len(foreign)} topics of a foreign collection: other people's labels, another year\n")
    print(table(judge_foreign(topics, foreign, np.random.default_rng(1))))


if __name__ == "__main__":
    main()
