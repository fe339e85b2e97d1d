"""Invented labelled tweets, and a warehouse without any."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trendvane.domain.holdout import held_out
from trendvane.model.snapshots import DataRow, Snapshots
from trendvane.steps.curate import CurateConfig, CurateReport, curate
from trendvane.steps.curate.gathering import Columns, Gathered

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAMES = ("negative", "neutral", "positive")


class _Nothing:
    def scalars(self) -> Iterator[int]:
        return iter(())

    def __iter__(self) -> Iterator[Any]:
        return iter(())


class EmptyWarehouse:
    """Answers every question with no row."""

    @contextmanager
    def begin(self) -> Iterator[EmptyWarehouse]:
        yield self

    def execute(self, *_args: Any, **_more: Any) -> _Nothing:
        return _Nothing()


def text(number: int) -> str:
    """A wording of its own for each number; fingerprints do not look at digits."""
    letters = [chr(ord("a") + int(digit)) for digit in f"{number:05d}"]
    return "an invented opinion of " + " ".join(letter * 3 + "xy"[number % 2] for letter in letters)


def training_text(number: int) -> str:
    """One whose wording is not held out."""
    return next(t for n in range(number * 50, number * 50 + 50) if not held_out(t := text(n)))


def judging_text(number: int) -> str:
    """One whose wording is held out."""
    return next(t for n in range(number * 500, number * 500 + 500) if held_out(t := text(n)))


def columns_of(rows: Sequence[DataRow]) -> Columns:
    """What curation looks at, of these rows."""
    with tempfile.TemporaryDirectory() as folder, Gathered(Path(folder) / "rows") as gathered:
        for row in rows:
            gathered.add(row)
        return gathered.columns()


def write_csv(path: Path, lines: Sequence[str], head: str = "tweet_id,text,label") -> Path:
    path.write_text("\n".join([head, *lines, ""]))
    return path


def run(root: Path, *files: Path, **more: Any) -> tuple[CurateReport, Snapshots]:
    """Curate files alone."""
    store = Snapshots(root / "datasets")
    config = CurateConfig(files=files, **{"min_train_rows": 10, "min_test_rows": 3, **more})
    warehouse: Any = EmptyWarehouse()
    return curate(warehouse, store, config, now=lambda: datetime(2026, 1, 5, tzinfo=UTC)), store
