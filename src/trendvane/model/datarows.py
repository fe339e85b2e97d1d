"""Labelled tweets as rows of a CSV: what a snapshot and the test set are made of.

The files are written in one exact form (UTF-8, line feeds, quotes only where needed), so that the sha256 of
the file is the sha256 of its content, on every machine.
"""

from __future__ import annotations

import csv
import hashlib
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from trendvane.domain.errors import DatasetError
from trendvane.domain.sentiment import LABELS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path


class DataRow(NamedTuple):
    """A labelled tweet.

    Attributes:
        tweet_id: As its source gives it; decimal digits for a tweet of X.
        text: Clean but raw (``domain.text.clean``): models call ``prepare`` themselves.
        label: Index into ``domain.sentiment.LABELS``.
        topic: Name of a topic, or empty.
        lang: BCP 47 tag; ``und`` where nobody said.
        author_hash: Keyed hash in decimal digits, or empty.
        cluster_id: ``tweet_id`` of the copy that stands for all; equal to ``tweet_id`` in most rows.
        source: ``x``, ``emulator`` or ``replay`` for the warehouse's tweets, ``file`` for others.
        labeller: Kind and name of who gave the label: ``human:anna``, ``file:gold.csv``, ``llm:some-model``.
    """

    tweet_id: str
    text: str
    label: int
    topic: str = ""
    lang: str = "und"
    author_hash: str = ""
    cluster_id: str = ""
    source: str = "file"
    labeller: str = ""


TEST_COLUMNS = DataRow._fields
DATA_COLUMNS = (*TEST_COLUMNS[:3], "split", *TEST_COLUMNS[3:])
SplitRow = tuple[str, DataRow]


class Counts:
    """Rows by split and class."""

    def __init__(self) -> None:
        self._counts: dict[str, list[int]] = {}

    def add(self, split: str, label: int) -> None:
        """Count a row."""
        self._counts.setdefault(split, [0] * len(LABELS))[label] += 1

    def named(self) -> dict[str, dict[str, int]]:
        """Split to name of the class to number of rows."""
        return {
            split: dict(zip(LABELS, counts, strict=True)) for split, counts in sorted(self._counts.items())
        }


class _Sink:
    """What ``csv.writer`` writes to: bytes of a new file, hashed on the way."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self.digest = hashlib.sha256()

    def write(self, text: str) -> None:
        data = text.encode()
        self.digest.update(data)
        self._write(data)


def write(path: Path, rows: Iterable[SplitRow], *, with_split: bool) -> tuple[str, Counts]:
    """Write a new CSV, whole and durable, one row at a time; returns its sha256 and what was counted."""
    counts = Counts()
    with path.open("xb") as file:
        sink = _Sink(file.write)
        writer = csv.writer(sink, lineterminator="\n")
        writer.writerow(DATA_COLUMNS if with_split else TEST_COLUMNS)
        for split, row in rows:
            counts.add(split, row.label)
            writer.writerow((*row[:3], split, *row[3:]) if with_split else row)
        file.flush()
        os.fsync(file.fileno())
    return sink.digest.hexdigest(), counts


def read(path: Path, *, with_split: bool, split: str | None = None) -> Iterator[SplitRow]:
    """Rows of a file made by ``write``, one at a time; only those of ``split`` if it is named.

    Without a split column every row is of the split ``test``.

    Raises:
        DatasetError: The file is gone or is not one of ours.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = csv.reader(file, strict=True)
            if tuple(next(lines, ())) != (DATA_COLUMNS if with_split else TEST_COLUMNS):
                raise DatasetError(f"{path} has other columns than this version writes.")
            for cells in lines:
                found = cells.pop(3) if with_split else "test"
                if split in {None, found}:
                    yield found, _row(cells)
    except (OSError, ValueError, TypeError, IndexError, csv.Error) as error:
        raise DatasetError(f"{path} cannot be read ({error}).") from error


def _row(cells: list[Any]) -> DataRow:
    cells[2] = int(cells[2])
    return DataRow(*cells)


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hex; empty when there is none."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""
