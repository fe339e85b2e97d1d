"""Every usable row, read once: its text waits on disk, what decides about it stays in memory, 59 bytes a row.

So a million rows need little memory, and rows that change in the warehouse meanwhile do no harm.
"""

from __future__ import annotations

from array import array
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
import orjson

from trendvane.domain.holdout import wording
from trendvane.model.snapshots import DataRow

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]
    Bytes = npt.NDArray[np.int8]

_RANKS = {"human": 0, "file": 1, "llm": 2}
PEOPLE = 1  # the worst rank that may judge
_MOST = 1 << 63
_FIELDS = ("ids", "first_keys", "second_keys", "clusters", "authors", "digests")


class Columns(NamedTuple):
    """What decides about each row, as arrays of one length.

    Attributes:
        ids: The id itself where it is a number, else a negative hash of it.
        first_keys, second_keys: Of its wording; equal where there is one only.
        clusters: As ``ids``, of the cluster the warehouse put it in, or of itself.
        authors: Hash of its author; 0 where nobody said.
        digests: Of the whole row, so that ties are broken the same way whatever order rows come in.
        labels: Class index.
        ranks: 0 for labels by people, 1 for files, 2 for models.
        held_out: 1 where the wording is kept for judging.
    """

    ids: Ints
    first_keys: Ints
    second_keys: Ints
    clusters: Ints
    authors: Ints
    digests: Ints
    labels: Bytes
    ranks: Bytes
    held_out: Bytes

    @property
    def rows(self) -> int:
        """How many."""
        return len(self.ids)

    def of(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Columns:
        """The same for some of the rows."""
        return Columns._make(column[rows] for column in self)


class Gathered:
    """Rows on disk, and their columns.

    Args:
        file: New file in which the rows wait; whoever names it removes it.
    """

    def __init__(self, file: Path) -> None:
        self._file = file.open("x+b")
        self._offsets = array("Q", [0])
        self._numbers = {name: array("q") for name in _FIELDS}
        self._small = {name: array("b") for name in ("labels", "ranks", "held_out")}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, row: DataRow) -> None:
        """Take a row; its labeller's name begins with the kind of labeller."""
        line = orjson.dumps(list(row))
        self._file.write(line)
        self._offsets.append(self._offsets[-1] + len(line))
        keys, held_out = wording(row.text)
        number = self._numbers
        number["ids"].append(id_key(row.tweet_id))
        number["first_keys"].append(keys[0])
        number["second_keys"].append(keys[-1])
        number["clusters"].append(id_key(row.cluster_id))
        number["authors"].append(int(row.author_hash or 0))
        number["digests"].append(int.from_bytes(blake2b(line, digest_size=8).digest(), signed=True))
        self._small["labels"].append(row.label)
        self._small["ranks"].append(_RANKS[row.labeller.partition(":")[0]])
        self._small["held_out"].append(held_out)

    def columns(self) -> Columns:
        """The columns of all rows, in the order in which they came. Ends the taking of rows."""
        self._file.flush()
        numbers = [np.frombuffer(self._numbers[name], np.int64) for name in _FIELDS]
        return Columns._make([*numbers, *(np.frombuffer(column, np.int8) for column in self._small.values())])

    def row(self, index: int) -> DataRow:
        """A row, read back from disk."""
        start, end = self._offsets[index], self._offsets[index + 1]
        self._file.seek(start)
        return DataRow(*orjson.loads(self._file.read(end - start)))


def id_key(tweet_id: str) -> int:
    """A signed 64-bit number for an id: itself where it is one, and a negative hash where it is not."""
    if tweet_id.isascii() and tweet_id.isdecimal() and tweet_id[0] != "0":
        number = int(tweet_id)
        if number < _MOST:
            return number
    return -1 - int.from_bytes(blake2b(tweet_id.encode(), digest_size=8).digest()) // 2
