"""Shares as the page and the API show them: estimated once per distinct counts, then remembered."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from trendvane.domain.sentiment import Interval, Shares
    from trendvane.warehouse.reading import Counts

# Bins of the past do not change, so nearly every estimate of a refresh is already known.
_REMEMBERED = 20_000


class Estimator(Protocol):
    """Turns counts of predicted classes into shares with intervals.

    ``key`` changes whenever the same counts would give another answer (another model, another prior).
    """

    @property
    def key(self) -> Hashable:
        """Names the model and the prior behind the answers."""

    @property
    def method(self) -> str:
        """How intervals are made, in one plain sentence."""

    @property
    def languages(self) -> Sequence[str]:
        """Languages whose tweets are counted as voices."""

    def __call__(self, counts: Counts) -> Shares | None:
        """Estimate from counts with at least one voice; None while no model is loaded."""


class Estimates:
    """A memory in front of an estimator; safe to share between threads."""

    def __init__(self, estimator: Estimator) -> None:
        self._estimator = estimator
        self._known: dict[Hashable, Shares | None] = {}
        self._lock = threading.Lock()

    @property
    def method(self) -> str:
        """How intervals are made, in one plain sentence."""
        return self._estimator.method

    @property
    def languages(self) -> Sequence[str]:
        """Languages whose tweets are counted as voices."""
        return self._estimator.languages

    def of(self, counts: Counts) -> Shares | None:
        """Shares for ``counts``; None when there is no voice at all."""
        if counts.voices == 0:
            return None
        # A float sum may differ in its last digits from one query plan to the next; that is no new question.
        known = counts[1:] if counts.labelled else counts[1:7]
        key = (self._estimator.key, *(round(part, 3) for part in known))
        with self._lock:
            if key in self._known:
                return self._known[key]
        shares = self._estimator(counts)
        with self._lock:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = shares
        return shares


def interval_json(interval: Interval) -> dict[str, float]:
    """Four decimals: finer than any interval here is narrow."""
    return {
        "value": round(interval.value, 4),
        "low": round(interval.low, 4),
        "high": round(interval.high, 4),
    }


def shares_json(shares: Shares | None) -> dict[str, dict[str, float]] | None:
    """The four estimates by name; None stays None."""
    if shares is None:
        return None
    return {
        "negative": interval_json(shares.negative),
        "neutral": interval_json(shares.neutral),
        "positive": interval_json(shares.positive),
        "net": interval_json(shares.net),
    }
