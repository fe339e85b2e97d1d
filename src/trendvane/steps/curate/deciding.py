"""What becomes of each row: kept for training, kept for judging, or dropped for a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from trendvane.domain.holdout import wording
from trendvane.domain.sentiment import LABELS
from trendvane.steps.curate import raw
from trendvane.steps.curate.gathering import PEOPLE, id_key
from trendvane.steps.curate.kinship import copies

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from trendvane.model.snapshots import DataRow
    from trendvane.steps.curate.gathering import Columns

    Mask = npt.NDArray[np.bool_]
    Rows = npt.NDArray[np.intp]

_CLASSES = len(LABELS)
_FATES = ("", "judge", *raw.REASONS)
_JUDGE = 1


class Fates:
    """One for each row; the first reason to drop a row is the one that counts.

    Args:
        number: Of rows.
    """

    def __init__(self, number: int) -> None:
        self._codes = np.zeros(number, dtype=np.uint8)

    def drop(self, rows: Rows, reason: str) -> None:
        """Drop those of ``rows`` that are not decided yet."""
        self._codes[rows[self._codes[rows] == 0]] = _FATES.index(reason)

    def judge(self, rows: Rows) -> None:
        """Keep those of ``rows`` for judging that are not decided yet."""
        self._codes[rows[self._codes[rows] == 0]] = _JUDGE

    @property
    def left(self) -> Mask:
        """Rows that nothing was decided about: in the end, those to train on."""
        left: Mask = self._codes == 0
        return left

    @property
    def judging(self) -> Mask:
        """Rows of the test set."""
        judging: Mask = self._codes == _JUDGE
        return judging

    def dropped(self) -> dict[str, int]:
        """Rows dropped for each reason."""
        counts = np.bincount(self._codes, minlength=len(_FATES))
        return {name: int(n) for name, n in zip(_FATES[2:], counts[2:], strict=True) if n}


class Known(NamedTuple):
    """What a frozen test set knows: sorted ids, keys of wordings, and authors."""

    ids: npt.NDArray[np.int64]
    keys: npt.NDArray[np.int64]
    authors: npt.NDArray[np.int64]

    @classmethod
    def of(cls, rows: Iterable[DataRow]) -> Known:
        """Of rows of a test set."""
        ids, keys, authors = set[int](), set[int](), set[int]()
        for row in rows:
            ids.add(id_key(row.tweet_id))
            keys.update(wording(row.text).keys)
            if row.author_hash:
                authors.add(int(row.author_hash))
        return cls(*(np.array(sorted(found), dtype=np.int64) for found in (ids, keys, authors)))


def decide(columns: Columns, fates: Fates, known: Known | None, *, by_wording: bool = True) -> None:
    """Keep one row of all copies of one message, with the label that counts, and hold the test set apart.

    The label of the highest rank counts (people, then files, then models); among equals the majority; where
    that is a tie, nobody knows, and all copies go. Copies of a row that is held out are never trained on.

    Args:
        columns: Of all rows.
        fates: Where it is written down.
        known: The frozen test set, from which the rows are kept apart; None to choose the rows of one.
        by_wording: Whether the wording decides what is held out; if not, every row judges.
    """
    alive = np.flatnonzero(fates.left)
    some = columns.of(alive)
    index: Rows = np.unique(copies(some), return_inverse=True)[1]
    number = int(index.max(initial=-1)) + 1
    held = some.held_out > 0 if by_wording else np.ones(some.rows, dtype=bool)
    apart = _any(index, held, number)
    if known is not None:
        fates.drop(alive[apart[index]], raw.HELD_OUT)
        fates.drop(alive[_any(index, _touches(some, known), number)[index]], raw.NEAR_TEST)
    rank, label, tie = _verdicts(index, some, number)
    fates.drop(alive[tie[index]], raw.CONFLICT)
    fit = (some.ranks == rank[index]) & (some.labels == label[index]) & ~tie[index]
    fit &= ~apart[index] | (held & (some.ranks <= PEOPLE))
    winner = _first(index, fit, some)
    fates.drop(alive[~_any(index, winner, number)[index]], raw.HELD_OUT)
    ids = np.zeros(number, dtype=np.int64)
    ids[index[winner]] = some.ids[winner]
    fates.drop(alive[~winner & (some.ids == ids[index])], raw.SAME_ID)
    fates.drop(alive[~winner], raw.COPY)
    fates.judge(alive[winner & apart[index]])


def drop_authors(columns: Columns, fates: Fates, known: Known | None) -> None:
    """Drop rows by authors of the test set: of the frozen one, or of the one just chosen."""
    authors = known.authors if known is not None else columns.authors[fates.judging]
    theirs = np.isin(columns.authors, authors) & (columns.authors != 0)
    fates.drop(np.flatnonzero(theirs), raw.TEST_AUTHOR)


def _any(index: Rows, mask: Mask, number: int) -> Mask:
    """For each group, whether any of its rows is marked."""
    found = np.zeros(number, dtype=bool)
    found[index[mask]] = True
    return found


def _touches(columns: Columns, known: Known) -> Mask:
    wordings = np.isin(columns.first_keys, known.keys) | np.isin(columns.second_keys, known.keys)
    touched: Mask = wordings | np.isin(columns.ids, known.ids) | np.isin(columns.clusters, known.ids)
    return touched


def _verdicts(index: Rows, columns: Columns, number: int) -> tuple[npt.NDArray[np.int8], Rows, Mask]:
    """For each group its highest rank, the label most rows of that rank have, and whether that is a tie."""
    rank = np.full(number, np.iinfo(np.int8).max, dtype=np.int8)
    np.minimum.at(rank, index, columns.ranks)
    heard = columns.ranks == rank[index]
    votes = np.bincount(index[heard] * _CLASSES + columns.labels[heard], minlength=number * _CLASSES)
    votes = votes.reshape(number, _CLASSES)
    return rank, votes.argmax(axis=1), (votes == votes.max(axis=1, keepdims=True)).sum(axis=1) > 1


def _first(index: Rows, fit: Mask, columns: Columns) -> Mask:
    """Of each group the fit row with the smallest id, which is the oldest; ties go by the whole row."""
    rows = np.flatnonzero(fit)
    rows = rows[np.lexsort((columns.digests[rows], columns.ids[rows]))]
    first = np.zeros(len(fit), dtype=bool)
    first[rows[np.unique(index[rows], return_index=True)[1]]] = True
    return first
