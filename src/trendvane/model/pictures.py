"""A confusion matrix as people and spreadsheets read it. The picture needs the extra ``train``."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from trendvane.domain.sentiment import LABELS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_DARK = 0.55  # share of a row above which its figure is written in white


def confusion_table(confusion: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Counts by true class, then by predicted class."""
    rows = {
        true: dict(zip(LABELS, map(int, row), strict=True))
        for true, row in zip(LABELS, confusion, strict=True)
    }
    return {"rows": "true", "columns": "predicted", "counts": rows}


def confusion_csv(confusion: Sequence[Sequence[int]]) -> str:
    """The same as CSV, true classes in rows."""
    out = io.StringIO()
    out.write(",".join(["true \\ predicted", *LABELS]) + "\n")
    for name, row in zip(LABELS, confusion, strict=True):
        out.write(",".join([name, *map(str, row)]) + "\n")
    return out.getvalue()


def draw_confusion(confusion: Sequence[Sequence[int]], title: str, target: Path) -> None:
    """Write a PNG: rows true, columns predicted; counts, and shares of their row as colour and percentage."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - optional extra
    from matplotlib.figure import Figure  # noqa: PLC0415

    counts = np.array(confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(5.2, 4.4), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        share = shares[row, column]
        axes.text(
            column,
            row,
            f"{count:,}\n{share:.0%}",
            ha="center",
            va="center",
            color="white" if share > _DARK else "black",
        )
    axes.set_xticks(range(len(LABELS)), LABELS)
    axes.set_yticks(range(len(LABELS)), LABELS)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(title, fontsize=10)
    figure.colorbar(image, ax=axes, label="share of the true class", fraction=0.046)
    figure.savefig(target)
