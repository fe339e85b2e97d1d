"""Do two sets of rows know each other? Asked of train against dev, and of a snapshot against the test set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trendvane.domain.holdout import wording
from trendvane.model.snapshots import DEV, TRAIN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trendvane.model.snapshots import DataRow, Snapshot, TestSet

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Leaks:
    """Rows of one set that the other set knows; true when there is any.

    Attributes:
        ids: Rows with the id of a row of the other set.
        wordings: Rows that are copies, or near copies, of a row of the other set.
        authors: Rows by an author of the other set.
        examples: Ids of the first few such rows.
    """

    ids: int = 0
    wordings: int = 0
    authors: int = 0
    examples: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.ids or self.wordings or self.authors)

    def __str__(self) -> str:
        return (
            f"{self.ids} rows by id, {self.wordings} by wording, {self.authors} by author"
            f" (such as {', '.join(self.examples) or 'none'})"
        )


def leaks(snapshot: Snapshot, test_set: TestSet) -> Leaks:
    """Rows of a snapshot, train or dev, that the test set knows."""
    return overlap(snapshot.rows(), test_set.rows())


def split_leaks(snapshot: Snapshot) -> Leaks:
    """Training rows of a snapshot that its development rows know."""
    return overlap(snapshot.rows(TRAIN), snapshot.rows(DEV))


def overlap(rows: Iterable[DataRow], others: Iterable[DataRow]) -> Leaks:
    """Rows that ``others``, which should be the smaller set and is held in memory, know."""
    ids: set[str] = set()
    keys: set[int] = set()
    authors: set[str] = set()
    for row in others:
        ids.add(row.tweet_id)
        keys.update(wording(row.text).keys)
        authors.add(row.author_hash)
    authors.discard("")
    found = (0, 0, 0)
    examples: list[str] = []
    for row in rows:
        shared = (
            row.tweet_id in ids,
            not keys.isdisjoint(wording(row.text).keys),
            row.author_hash in authors,
        )
        if any(shared):
            found = (found[0] + shared[0], found[1] + shared[1], found[2] + shared[2])
            if len(examples) < _SHOWN:
                examples.append(row.tweet_id)
    return Leaks(*found, examples=tuple(examples))
