"""Predictions on judged topics by models that have never seen them. Running it needs the extra ``train``.

``insight.shares`` learns how wrong the classifier is on a whole topic. Learned on tweets that the
classifier was trained on, the errors would look far too small, so each collection of topics is predicted
by a model fine-tuned on all the others, less every tweet that shares an id or a fingerprint with the
collection held out.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from trendvane.domain.errors import ConfigurationError
from trendvane.model import measures
from trendvane.model.finetune import Example, fine_tune, trainable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from trendvane.model.finetune import Recipe

# Five-point scale to three classes.
_FIVE_POINTS = {"-2": 0, "-1": 0, "0": 1, "1": 2, "2": 2}
_ASIDE = 1_000  # training rows of a fold kept back for its temperature


@dataclass(frozen=True, slots=True)
class JudgedTweet:
    """A tweet whose topic and opinion people judged; ``label`` indexes ``domain.sentiment.LABELS``."""

    tweet_id: str
    topic: str
    collection: str
    text: str
    label: int


@dataclass(frozen=True, slots=True)
class JudgedPredictions:
    """Predictions without text or ids, fit to be published.

    Attributes:
        topic: (n) Index of the topic, by order of first appearance.
        truth: (n) Class that people gave.
        p: (n x 3) Calibrated probabilities of a model that saw nothing of the topic.
    """

    topic: NDArray[np.int16]
    truth: NDArray[np.int8]
    p: NDArray[np.float32]

    def save(self, path: Path) -> None:
        """Write a compressed ``.npz`` of plain arrays; probabilities keep three digits."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            np.savez_compressed(
                file, topic=self.topic, truth=self.truth, p=np.round(self.p * 1000).astype(np.uint16)
            )

    @classmethod
    def load(cls, path: Path) -> JudgedPredictions:
        """Read what ``save`` wrote."""
        with np.load(path, allow_pickle=False) as data:
            p = data["p"].astype(np.float32)
            return cls(data["topic"], data["truth"], p / p.sum(axis=1, keepdims=True))


def read_judged(path: Path) -> list[JudgedTweet]:
    """Read a CSV with the columns ``tweet_id, topic, label, text, split``; labels from -2 to 2.

    Raises:
        ConfigurationError: a column is missing or a label is unknown.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [
                JudgedTweet(r["tweet_id"], r["topic"], r["split"], r["text"], _FIVE_POINTS[r["label"]])
                for r in csv.DictReader(file)
            ]
    except KeyError as error:
        raise ConfigurationError(
            f"{path} lacks {error}.", remedy="Give tweet_id, topic, label (-2 to 2), text and split."
        ) from error


def cross_fit(
    recipe: Recipe,
    rows: Sequence[Example],
    judged: Sequence[JudgedTweet],
    folds: Sequence[frozenset[str]],
    work: Path,
) -> JudgedPredictions:
    """Predict every judged tweet by a model trained without its fold.

    Args:
        recipe: How to train each fold's model.
        rows: All labelled tweets, those of the judged topics included.
        judged: The topics; tweets of a collection that no fold names are left out.
        folds: Collections held out together.
        work: Folder for checkpoints and logits; a finished fold found there is not trained again.
    """
    judged = [t for t in judged if any(t.collection in fold for fold in folds)]
    order = {name: i for i, name in enumerate(dict.fromkeys(t.topic for t in judged))}
    p = np.empty((len(judged), 3), dtype=np.float32)
    for number, fold in enumerate(folds):
        inside = [i for i, t in enumerate(judged) if t.collection in fold]
        p[inside] = _predict_fold(recipe, rows, [judged[i] for i in inside], work / f"fold-{number}")
    return JudgedPredictions(
        np.array([order[t.topic] for t in judged], dtype=np.int16),
        np.array([t.label for t in judged], dtype=np.int8),
        p,
    )


def _predict_fold(
    recipe: Recipe, rows: Sequence[Example], held_out: Sequence[JudgedTweet], work: Path
) -> NDArray[np.float64]:
    pool = trainable(rows, [Example(t.tweet_id, t.text, t.label) for t in held_out])
    shuffled = np.random.default_rng(recipe.seed).permutation(len(pool))
    aside = [pool[i] for i in shuffled[:_ASIDE]]
    training = [pool[i] for i in shuffled[_ASIDE:]]
    cache = work / "logits.npz"
    if not cache.exists():
        fine_tune(replace(recipe, prior_adjustment=0.0), training, aside, work)
        held = torch_logits(work, recipe, [t.text for t in held_out])
        np.savez(cache, held_out=held, aside=torch_logits(work, recipe, [e.text for e in aside]))
    with np.load(cache, allow_pickle=False) as data:
        log_share = np.log(np.bincount([e.label for e in training], minlength=3) / len(training))
        shift = recipe.prior_adjustment * log_share
        temperature = measures.fit_temperature(data["aside"] - shift, np.array([e.label for e in aside]))
        return measures.softmax(data["held_out"] - shift, temperature)


def torch_logits(trained: Path, recipe: Recipe, texts: Sequence[str]) -> NDArray[np.float32]:
    """Logits (n x 3) of raw ``texts`` by the fine-tuned model in the folder ``trained``, in their order."""
    import torch  # noqa: PLC0415 - optional extra

    from trendvane.model.network import encode, trained_classifier  # noqa: PLC0415

    model = trained_classifier(trained, recipe)
    logits = np.empty((len(texts), 3), dtype=np.float32)
    with torch.inference_mode():
        for rows, inputs in encode(trained, texts, recipe.max_length):
            logits[rows] = model(**inputs)["logits"].numpy()
    return logits
