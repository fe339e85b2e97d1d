"""Whether today's tweets still look like those a model was judged on: population stability, noise removed.

The population stability index compares two histograms, ``sum (p_i - q_i) ln (p_i / q_i)``; by the rule of
thumb of credit scoring a value below 0.1 is calm and one above 0.25 a change (Siddiqi 2006). Of two samples
of the *same* population it is not 0: over ``1/m + 1/n`` it is chi-square with one degree of freedom less than
there are bins (Yurdakul and Naranjo 2020), so that small windows seem to drift. Here its expectation,
``(bins - 1) (1/m + 1/n)``, is taken off.

Every statistic is one number a tweet, so that tweets are the sample and not their words. ``reference`` is
made once, from texts that the model was not trained on: a model is too sure of its own training texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trendvane.domain.errors import ConfigurationError
from trendvane.domain.sentiment import LABELS
from trendvane.insight.wording import Vocabulary, measures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FORMAT = 1
# What each group holds; a report gives the largest figure of each group.
GROUPS = {
    "predictions": ("predicted", "confidence"),
    "text": ("characters", "words", "capitals", "marks", "signs"),
    "vocabulary": ("unfamiliar", "longest_word"),
}
_STATISTICS = tuple(name for names in GROUPS.values() for name in names)
_CUTS = np.arange(0.1, 0.91, 0.1)  # deciles, as is the custom
_SMOOTHING = 0.5  # added to each bin: an empty one must not make the index infinite (Jeffreys)


@dataclass(frozen=True, slots=True)
class Stability:
    """How far one statistic moved.

    Attributes:
        psi: The index as it is.
        noise: What two samples of these sizes of one population would show on average.
    """

    psi: float
    noise: float

    @property
    def excess(self) -> float:
        """The index without its noise; not below 0."""
        return max(self.psi - self.noise, 0.0)


def reference(probabilities: NDArray[np.floating[Any]], texts: Sequence[str]) -> dict[str, Any]:
    """What ``compare`` needs to know of the texts a model was judged on; JSON-safe, some kilobytes.

    Args:
        probabilities: (n x 3) The model's, of these texts.
        texts: (n) Of which the model saw none in training.

    Raises:
        ValueError: The two do not match, or there are fewer than two texts.
    """
    if len(texts) < 2 or np.shape(probabilities) != (len(texts), len(LABELS)):  # noqa: PLR2004
        raise ValueError("a reference needs texts, and three probabilities for each")
    # Words known from one half, met in the other: a text must not be measured by its own words.
    vocabulary = Vocabulary.of(texts[::2])
    bins = {}
    for name, values in _values(probabilities, texts, vocabulary).items():
        seen = values[1::2] if name == "unfamiliar" else values
        edges = _edges(name, seen)
        bins[name] = {"edges": [round(float(edge), 6) for edge in edges]}
        bins[name]["counts"] = _histogram(np.round(seen, 6), np.array(bins[name]["edges"])).tolist()
    return {"format": FORMAT, "n": len(texts), "vocabulary": vocabulary.to_text(), "bins": bins}


def compare(
    known: Mapping[str, Any], probabilities: NDArray[np.floating[Any]], texts: Sequence[str]
) -> dict[str, Stability]:
    """Stability of every statistic of these tweets against ``known``, which ``reference`` made.

    Raises:
        ConfigurationError: ``known`` is not what ``reference`` makes.
        ValueError: There are no texts.
    """
    if not texts:
        raise ValueError("nothing to compare")
    vocabulary, bins = _read(known)
    values = _values(probabilities, texts, vocabulary)
    return {
        name: stability(counts, _histogram(np.round(values[name], 6), edges))
        for name, (edges, counts) in bins.items()
    }


def _read(known: Mapping[str, Any]) -> tuple[Vocabulary, dict[str, tuple[Floats, Floats]]]:
    """The words and, by statistic, edges and counts."""
    try:
        vocabulary = Vocabulary.from_text(known["vocabulary"])
        parts = {name: known["bins"][name] for name in _STATISTICS}
        bins = {
            name: (np.array(part["edges"], np.float64), np.array(part["counts"], np.float64))
            for name, part in parts.items()
        }
        sound = known["format"] == FORMAT
    except (KeyError, TypeError, ValueError) as error:
        raise _unusable() from error
    if not sound or any(
        len(counts) != len(edges) + 1 or not counts.sum() > 0 for edges, counts in bins.values()
    ):
        raise _unusable()
    return vocabulary, bins


def _unusable() -> ConfigurationError:
    return ConfigurationError(
        "The model package has no usable drift reference.",
        remedy="Export the package again with this version of trendvane.",
    )


def stability(before: NDArray[Any], after: NDArray[Any]) -> Stability:
    """Index of two histograms of counts over the same bins."""
    bins = len(before)
    m, n = float(before.sum()), float(after.sum())
    p = (before + _SMOOTHING) / (m + _SMOOTHING * bins)
    q = (after + _SMOOTHING) / (n + _SMOOTHING * bins)
    return Stability(float(((q - p) * np.log(q / p)).sum()), (bins - 1) * (1 / m + 1 / n))


def _values(
    probabilities: NDArray[np.floating[Any]], texts: Sequence[str], vocabulary: Vocabulary
) -> dict[str, Floats]:
    p = np.asarray(probabilities, np.float64)
    rows = np.array([measures(text, vocabulary) for text in texts], np.float64)
    names = (*GROUPS["text"], *GROUPS["vocabulary"])
    found = {name: rows[:, column] for column, name in enumerate(names)}
    return {"predicted": p.argmax(axis=1).astype(np.float64), "confidence": p.max(axis=1)} | found


def _edges(name: str, values: Floats) -> Floats:
    """Bins end here, the end included; classes and hashed words have a bin each."""
    if name == "predicted":
        return np.arange(len(LABELS) - 1, dtype=np.float64)
    if name == "longest_word":
        return np.arange(Vocabulary.BUCKETS - 1, dtype=np.float64)
    return np.asarray(np.unique(np.round(np.quantile(values, _CUTS), 6)), np.float64)


def _histogram(values: Floats, edges: Floats) -> NDArray[np.int64]:
    return np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
