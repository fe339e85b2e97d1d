"""Figures of a classifier: confusion, recall, F1, calibration. The model card prints these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trendvane.domain.sentiment import LABELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GOLDEN_SECTION = (5**0.5 - 1) / 2


def confusion_of(truth: NDArray[np.integer[Any]], predicted: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Counts (3 x 3), truth in rows, of two arrays (n) of class indices."""
    size = len(LABELS)
    flat = np.asarray(truth, dtype=np.int64) * size + np.asarray(predicted, dtype=np.int64)
    return np.bincount(flat, minlength=size * size).reshape(size, size).astype(np.int64)


def average_recall(confusion: NDArray[np.int64]) -> float:
    """Mean of the three recalls: SemEval's measure, which no share of labels can flatter."""
    return float(np.mean(np.diag(confusion) / np.maximum(confusion.sum(axis=1), 1)))


def report(confusion: NDArray[np.int64]) -> dict[str, Any]:
    """Accuracy, average recall, macro F1 and, by class, precision, recall, F1 and support."""
    hits = np.diag(confusion).astype(float)
    recall = hits / np.maximum(confusion.sum(axis=1), 1)
    precision = hits / np.maximum(confusion.sum(axis=0), 1)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    classes = {
        label: {
            "precision": round(float(precision[i]), 4),
            "recall": round(float(recall[i]), 4),
            "f1": round(float(f1[i]), 4),
            "support": int(confusion[i].sum()),
        }
        for i, label in enumerate(LABELS)
    }
    return {
        "n": int(confusion.sum()),
        "accuracy": round(float(hits.sum() / max(confusion.sum(), 1)), 4),
        "average_recall": round(average_recall(confusion), 4),
        "macro_f1": round(float(f1.mean()), 4),
        "classes": classes,
    }


def softmax(logits: NDArray[Any], temperature: float = 1.0) -> NDArray[np.float64]:
    """Probabilities (n x 3) of logits (n x 3) divided by ``temperature``."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    scaled = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(scaled / scaled.sum(axis=1, keepdims=True))


def log_loss(
    logits: NDArray[Any], truth: NDArray[np.integer[Any]], temperature: float, weights: NDArray[np.float64]
) -> float:
    """Weighted mean of -log p(truth)."""
    p = softmax(logits, temperature)[np.arange(len(truth)), truth]
    return float(np.average(-np.log(np.maximum(p, 1e-12)), weights=weights))


def fit_temperature(logits: NDArray[Any], truth: NDArray[np.integer[Any]]) -> float:
    """Temperature in [0.3, 5] of least log loss (Guo et al. 2017), each class weighing the same.

    Equal weights because the model is balanced: the labels of one collection must not sharpen or dull it.
    """
    counts = np.maximum(np.bincount(truth, minlength=len(LABELS)), 1)
    weights = (1.0 / counts)[truth]
    low, high = np.log(0.3), np.log(5.0)
    for _ in range(60):
        left = high - _GOLDEN_SECTION * (high - low)
        right = low + _GOLDEN_SECTION * (high - low)
        if log_loss(logits, truth, float(np.exp(left)), weights) < log_loss(
            logits, truth, float(np.exp(right)), weights
        ):
            high = right
        else:
            low = left
    return round(float(np.exp((low + high) / 2)), 4)


def calibration_error(p: NDArray[np.float64], truth: NDArray[np.integer[Any]], bins: int = 15) -> float:
    """Expected calibration error of the predicted class: mean gap of confidence and accuracy over bins."""
    confidence, hit = p.max(axis=1), p.argmax(axis=1) == truth
    cell = np.minimum((confidence * bins).astype(int), bins - 1)
    n = np.maximum(np.bincount(cell, minlength=bins), 1)
    gap = np.abs(np.bincount(cell, confidence, bins) / n - np.bincount(cell, hit, bins) / n)
    return float((gap * np.bincount(cell, minlength=bins)).sum() / len(truth))
