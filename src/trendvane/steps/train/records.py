"""What a training run writes into MLflow."""

from __future__ import annotations

import platform
import tempfile
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trendvane.domain.sentiment import LABELS
from trendvane.domain.text import TEXT_VERSION
from trendvane.model.pictures import confusion_csv, confusion_table, draw_confusion
from trendvane.model.runs import DataInput, RunRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trendvane.model.finetune import Recipe
    from trendvane.model.package import ModelPackage
    from trendvane.model.snapshots import Snapshot

_LIBRARIES = ("torch", "transformers", "tokenizers", "onnxruntime", "trendvane")
# Facts about the data and its card go with the run; the tweets do not, so that forgetting one need not reach
# into MLflow, and content of X never leaves the data folder.
_DATA_FILES = ("snapshot.json", "DATA_CARD.md")


def beginning(recipe: Recipe, snapshot: Snapshot, identity: str, key: str) -> RunRecord:
    """What is known before the first step."""
    return RunRecord(
        name=identity,
        key=key,
        params={
            **asdict(recipe),
            "snapshot": snapshot.id,
            "text_version": TEXT_VERSION,
            "python": platform.python_version(),
            **{f"version_{name}": _version(name) for name in _LIBRARIES},
        },
        tags={"recipe": recipe.name, "snapshot": snapshot.id, "identity": identity},
        data=DataInput(
            snapshot.id,
            snapshot.sha256,
            str(snapshot.csv_path),
            {f"{split}_{name}": n for split, of in snapshot.counts.items() for name, n in of.items()},
        ),
        files={
            f"data/{name}": snapshot.folder / name
            for name in _DATA_FILES
            if (snapshot.folder / name).is_file()
        },
    )


@contextmanager
def ending(made: ModelPackage, trained: Path, *, max_weights: int) -> Iterator[RunRecord]:
    """What is known when the package is made; its files exist within the block.

    Args:
        made: The package.
        trained: Folder of the weights.
        max_weights: Bytes of weights that are stored as well.
    """
    weights = {f.name: f for f in trained.iterdir() if f.is_file() and not f.name.startswith(".")}
    stored = sum(f.stat().st_size for f in weights.values()) <= max_weights
    with tempfile.TemporaryDirectory() as scratch:
        picture = Path(scratch) / "confusion_matrix.png"
        draw_confusion(made.confusion, f"{made.identity}, development rows", picture)
        yield RunRecord(
            name=made.identity,
            metrics=headline(made.metrics),
            tags={"weights_folder": str(trained), "weights_stored": str(stored).lower()},
            files={"confusion_matrix.png": picture}
            | ({f"weights/{name}": path for name, path in weights.items()} if stored else {}),
            documents={
                "confusion_matrix.json": confusion_table(made.confusion),
                "confusion_matrix.csv": confusion_csv(made.confusion),
                "metrics.json": dict(made.metrics),
            },
        )


def headline(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Figures by flat names: macro precision, recall and F1, accuracy, average recall, and each class's."""
    classes = metrics["classes"]
    flat = {
        f"{name}_{label}": float(classes[label][name])
        for label in LABELS
        for name in ("precision", "recall", "f1")
    }
    return {
        "accuracy": float(metrics["accuracy"]),
        "average_recall": float(metrics["average_recall"]),
        "macro_f1": float(metrics["macro_f1"]),
        "f1": float(metrics["macro_f1"]),
        **{
            name: sum(flat[f"{name}_{label}"] for label in LABELS) / len(LABELS)
            for name in ("precision", "recall")
        },
        "calibration_error": float(metrics["calibration_error"]),
        **flat,
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
