"""Labels from a CSV file: each bad line is counted with its reason and takes no neighbour with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trendvane.domain.errors import ConfigurationError
from trendvane.domain.sentiment import LABELS
from trendvane.steps.label.rows import rows
from trendvane.warehouse import labelling, labels
from trendvane.warehouse.labels import LabelRow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from trendvane.warehouse.engine import Warehouse

_BATCH = 500
_NAMED = 5  # bad lines named in the report
_MAX_ID = 2**63 - 1
_CLASSES = {name: i for i, name in enumerate(LABELS)} | {str(i): i for i in range(len(LABELS))}


@dataclass(frozen=True, slots=True)
class ImportConfig:
    """How a file is read.

    Attributes:
        labeller: Who labelled rows that do not say so.
        random_sample: Whether chance alone chose the file's tweets, so that they may measure a model.
        allow_x_content: Whether tweets of the real X may be labelled.
    """

    labeller: str
    random_sample: bool = False
    allow_x_content: bool = False


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of a file's rows.

    Attributes:
        rows: Read, the header not counted.
        stored: Labels written.
        refused: Rows that were not, by reason.
        examples: The first of them, with their line.
    """

    rows: int = 0
    stored: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    examples: tuple[str, ...] = ()


def import_labels(
    warehouse: Warehouse, path: Path, config: ImportConfig, *, now: Callable[[], datetime]
) -> ImportReport:
    """Store the labels of a CSV with the columns ``tweet_id``, ``label`` and, if wanted, ``labeller``.

    Labels are class names or 0 to 2. Of two rows for one tweet and labeller the first counts. Reading the
    same file again changes nothing.

    Raises:
        ConfigurationError: The file cannot be read, or lacks a column.
        StorageUnavailableError: The warehouse did not answer; what was written before stays.
    """
    importing = _Import(warehouse, config, now)
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            for number, values in rows(file, path):
                importing.take(number, values)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.", remedy="Check it.") from error
    importing.flush()
    return importing.report()


class _Import:
    """One file on its way into the warehouse."""

    def __init__(self, warehouse: Warehouse, config: ImportConfig, now: Callable[[], datetime]) -> None:
        self._warehouse = warehouse
        self._config = config
        self._now = now
        self._rows = self._stored = 0
        self._refused: Counter[str] = Counter()
        self._examples: list[str] = []
        self._seen: set[tuple[int, str]] = set()
        self._waiting: list[tuple[int, LabelRow]] = []

    def take(self, number: int, values: Mapping[str, str] | None) -> None:
        """Read the row that begins in line ``number``; write when enough are waiting."""
        self._rows += 1
        found = self._parse(values)
        if isinstance(found, str):
            self._refuse(number, found)
            return
        key = (found.tweet_id, found.labeller)
        if key in self._seen:
            self._refuse(number, "duplicate")
            return
        self._seen.add(key)
        self._waiting.append((number, found))
        if len(self._waiting) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Write what is waiting."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        with self._warehouse.begin() as connection:
            sources = labelling.sources(connection, [row.tweet_id for _, row in waiting])
            kept = []
            for number, row in waiting:
                source = sources.get(row.tweet_id)
                if source is None:
                    self._refuse(number, "unknown_tweet")
                elif source == "x" and not self._config.allow_x_content:
                    self._refuse(number, "x_content")
                else:
                    kept.append(row)
            self._stored += labels.write(connection, kept, now=self._now())

    def report(self) -> ImportReport:
        """What became of the rows so far."""
        return ImportReport(self._rows, self._stored, dict(self._refused), tuple(self._examples))

    def _parse(self, values: Mapping[str, str] | None) -> LabelRow | str:
        """A label, or the reason why it is none."""
        if values is None:
            return "broken_row"
        tweet_id = values["tweet_id"]
        digits = tweet_id.isascii() and tweet_id.isdecimal() and len(tweet_id) <= len(str(_MAX_ID))
        if not digits or not 0 < int(tweet_id) <= _MAX_ID:
            return "bad_id"
        label = _CLASSES.get(values["label"].lower())
        if label is None:
            return "bad_label"
        labeller = f"file:{values.get('labeller') or self._config.labeller}".replace("\0", "\ufffd")
        chance = self._config.random_sample
        return LabelRow(int(tweet_id), labeller, "", label, 1, "file", 1.0, chance)

    def _refuse(self, number: int, reason: str) -> None:
        self._refused[reason] += 1
        if len(self._examples) < _NAMED:
            self._examples.append(f"line {number}: {reason}")
