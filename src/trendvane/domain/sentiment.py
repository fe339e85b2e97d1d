"""Three classes, in the order of every array, table and file in this project."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Sentiment(IntEnum):
    """Class index; the value of ``predicted_sentiment``."""

    NEGATIVE = 0
    NEUTRAL = 1
    POSITIVE = 2


LABELS: tuple[str, str, str] = ("negative", "neutral", "positive")


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its bounds, at the level the estimator was asked for."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Shares:
    """Estimated shares of opinion on a topic.

    Attributes:
        negative, neutral, positive: Shares in [0, 1]; the three values sum to 1.
        net: positive - negative, in [-1, 1].
        n: Number of independent voices (cluster heads) counted.
        labelled: Of these, how many carry a human or LLM label.
        level: Coverage the intervals aim at, such as 0.9.
    """

    negative: Interval
    neutral: Interval
    positive: Interval
    net: Interval
    n: int
    labelled: int
    level: float
