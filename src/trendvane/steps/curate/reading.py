"""Read every labelled row there is, from the warehouse and from files."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from trendvane.model.datarows import sha256_of
from trendvane.steps.curate import csvrows
from trendvane.steps.curate.raw import Raw
from trendvane.warehouse import curating, staging

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import numpy.typing as npt

    from trendvane.steps.curate.cleaning import Cleaner
    from trendvane.steps.curate.gathering import Gathered
    from trendvane.warehouse.engine import Warehouse

_BATCH = 5000


class Reading:
    """Reads rows into ``gathered``, and remembers what was read and what was not usable."""

    def __init__(self, cleaner: Cleaner, gathered: Gathered) -> None:
        self._cleaner = cleaner
        self._gathered = gathered
        self.dropped = Counter[str]()
        self.sources: list[dict[str, Any]] = []

    @property
    def rows(self) -> int:
        """Rows read so far, usable or not."""
        return sum(source["rows"] for source in self.sources)

    def file(self, path: Path) -> None:
        """Read a CSV; see ``csvrows.read`` for what it raises."""
        number = self._take(csvrows.read(path))
        self.sources.append({"name": path.name, "rows": number, "sha256": sha256_of(path)})

    def warehouse(self, warehouse: Warehouse) -> tuple[tuple[int, ...], ...]:
        """Read labelled tweets; returns how people and models agree about them."""
        with warehouse.begin() as connection:
            number = self._take(map(_raw, curating.labelled(connection)))
            if number:
                self.sources.append({"name": "the warehouse", "rows": number})
            return curating.agreement(connection)

    def _take(self, rows: Iterable[Raw | str]) -> int:
        number = 0
        for number, row in enumerate(rows, start=1):  # noqa: B007 - the last one is the count
            found = self._cleaner.examine(row) if isinstance(row, Raw) else row
            if isinstance(found, str):
                self.dropped[found] += 1
            else:
                self._gathered.add(found)
        return number


def forgotten(warehouse: Warehouse, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
    """Places of rows whose tweet has a tombstone: a file may still hold what X has deleted."""
    found: list[int] = []
    with warehouse.begin() as connection:
        for batch in _batches(ids[ids > 0]):
            found.extend(staging.forgotten(connection, batch))
    return np.flatnonzero(np.isin(ids, np.array(found, dtype=np.int64)))


def _batches(ids: npt.NDArray[np.int64]) -> Iterator[list[int]]:
    for start in range(0, len(ids), _BATCH):
        yield ids[start : start + _BATCH].tolist()


def _raw(row: curating.Labelled) -> Raw:
    return Raw(
        str(row.tweet_id),
        row.content,
        row.label,
        row.topic,
        row.lang,
        "" if row.author_hash is None else str(row.author_hash),
        str(row.cluster_id),
        row.source,
        row.kind,
        row.labeller,
        row.measures,
    )
