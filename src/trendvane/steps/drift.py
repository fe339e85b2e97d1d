"""Drift: do today's tweets look like those the champion was judged on, and is it still right as often?

The answer is a row of ``drift_report`` with a recommendation. Nothing is trained here: whoever runs the
learning loop reads the newest row.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from trendvane.insight import accuracy
from trendvane.insight.drift import GROUPS, compare
from trendvane.warehouse import drift as reports
from trendvane.warehouse import label_rollups

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from trendvane.insight.accuracy import LiveAccuracy
    from trendvane.insight.drift import Stability
    from trendvane.warehouse.engine import Warehouse


class Manifest(Protocol):
    """What the champion's package says of itself."""

    @property
    def confusion(self) -> Sequence[Sequence[int]]:
        """Counts on the frozen set, truth in rows."""

    @property
    def reference(self) -> Mapping[str, Any]:
        """Made by ``insight.drift.reference``; empty in older packages."""


class Judged(Protocol):
    """The champion, as far as drift asks."""

    @property
    def version(self) -> str:
        """Stored with every row it wrote."""

    @property
    def package(self) -> Manifest:
        """Its package."""


@dataclass(frozen=True, slots=True)
class DriftConfig:
    """What is compared, and when training is recommended.

    Attributes:
        window: How far back tweets are looked at.
        min_tweets: Without so many, nothing is said about them.
        max_tweets: More are not looked at; some thousands tell all there is.
        psi: Stability index, without its noise, from which on training is recommended.
        labels: How far back labels are looked at.
        level: How sure both accuracies must be before the lower one is called lower.
    """

    window: timedelta = timedelta(hours=24)
    min_tweets: int = 500
    max_tweets: int = 5_000
    psi: float = 0.25
    labels: timedelta = timedelta(days=28)
    level: float = 0.95


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What was found.

    Attributes:
        model_version: Of the champion.
        tweets: Looked at.
        retrain: Whether training anew is recommended.
        reason: Sentences.
        figures: Stability index of each statistic, without its noise, and the accuracies.
        written: Whether this is news; a second look within the hour is not.
    """

    model_version: str
    tweets: int
    retrain: bool
    reason: str
    figures: Mapping[str, float] = field(default_factory=dict)
    written: bool = True

    @property
    def changed(self) -> bool:
        """Whether a report was added."""
        return self.written

    @property
    def more(self) -> bool:
        """Never: one run does all there is."""
        return False


def drift(
    warehouse: Warehouse, predictor: Judged, config: DriftConfig, *, now: Callable[[], datetime]
) -> DriftReport:
    """Compare the last full hours with the champion's reference, and its live accuracy with its own figure.

    Raises:
        ConfigurationError: The package's reference cannot be used.
        StorageUnavailableError: The warehouse did not answer.
    """
    at = now()
    until = at.replace(minute=0, second=0, microsecond=0)
    since, version = until - config.window, predictor.version
    with warehouse.begin() as connection:
        seen = reports.sample(connection, version, since, until, limit=config.max_tweets)
        live = label_rollups.confusion(
            connection, since=until - config.labels, model_version=version, by="version"
        )
    moved, calm = _stability(predictor, seen, config)
    worse, judged = _accuracy(predictor.package.confusion, live, config.level)
    groups = {
        group: max((moved[name].excess for name in names if name in moved), default=None)
        for group, names in GROUPS.items()
    }
    causes = [*_causes(groups, moved, config.psi), *worse]
    found = reports.Drift(
        model_version=version,
        from_at=since,
        to_at=until,
        tweets=len(seen),
        prediction_psi=groups["predictions"],
        text_psi=groups["text"],
        vocabulary_psi=groups["vocabulary"],
        retrain=bool(causes),
        reason=" ".join(causes or calm),
        report={"psi": {name: asdict(part) for name, part in moved.items()}, "accuracy": judged},
    )
    with warehouse.begin() as connection:
        written = reports.append(connection, found, now=at)
    figures = {name: round(part.excess, 4) for name, part in moved.items()} | judged
    return DriftReport(version, len(seen), found.retrain, found.reason, figures, written)


def _stability(
    predictor: Judged, seen: Sequence[reports.Seen], config: DriftConfig
) -> tuple[Mapping[str, Stability], list[str]]:
    """By statistic, and what to say when nothing is wrong."""
    reference = predictor.package.reference
    if not reference:
        return {}, [
            f"{predictor.version} says nothing of the texts it was judged on, so nothing can be compared."
        ]
    if len(seen) < config.min_tweets:
        return {}, [f"{len(seen)} tweets are too few to tell; {config.min_tweets} are needed."]
    probabilities = np.array([row[1:] for row in seen], np.float64)
    found = compare(reference, probabilities, [row.text for row in seen])
    return found, ["The tweets look like those the model was judged on."]


def _causes(
    groups: Mapping[str, float | None], moved: Mapping[str, Stability], threshold: float
) -> list[str]:
    causes = []
    for group, value in groups.items():
        if value is not None and value >= threshold:
            names = [name.replace("_", " ") for name in GROUPS[group] if moved[name].excess >= threshold]
            verb = "have" if group == "predictions" else "has"
            causes.append(
                f"The {group} {verb} moved by {value:.2f}, {threshold:.2f} or more ({', '.join(names)})."
            )
    return causes


def _accuracy(
    packaged: Sequence[Sequence[int]], live: Sequence[label_rollups.Confusion], level: float
) -> tuple[list[str], dict[str, float]]:
    """What to say when the model is surely right less often than its package claims; and the figures."""
    claimed: LiveAccuracy = accuracy.interval(packaged, level)
    if not live or claimed.average_recall is None:
        return [], {}
    measured = accuracy.interval(live[0].matrix, level)
    if measured.average_recall is None:
        return [], {"labelled": measured.n}
    figures = {
        "labelled": measured.n,
        "average_recall": round(measured.average_recall.value, 4),
        "packaged_average_recall": round(claimed.average_recall.value, 4),
    }
    if measured.average_recall.high >= claimed.average_recall.low:
        return [], figures
    said = (
        f"Over {measured.n} labelled tweets average recall is {measured.average_recall.value:.3f}, "
        f"surely below the {claimed.average_recall.value:.3f} of the package."
    )
    return [said], figures
