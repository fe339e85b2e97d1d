"""Which rows belong together, found by sorting: no row is compared with each other row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from trendvane.steps.curate.gathering import Columns

    Ints = npt.NDArray[np.int64]
    Rows = npt.NDArray[np.intp]
    Edges = tuple[Rows, Rows]


def copies(columns: Columns) -> Rows:
    """For each row a number that it shares with all its copies: same id, cluster, or any key of wording."""
    return _components(columns.rows, [_equal(columns.ids), _equal(columns.clusters), _wordings(columns)])


def kin(columns: Columns) -> Rows:
    """The same for rows that must stay on one side of a split: copies, and all of one author."""
    authors = columns.authors
    named = np.flatnonzero(authors)
    first, second = _equal(authors[named])
    edges = [_equal(columns.clusters), _wordings(columns), (named[first], named[second])]
    return _components(columns.rows, edges)


def _wordings(columns: Columns) -> Edges:
    rows = np.arange(columns.rows)
    first, second = _equal(np.concatenate([columns.first_keys, columns.second_keys]))
    both = np.concatenate([rows, rows])
    return both[first], both[second]


def _equal(values: Ints) -> Edges:
    """Pairs of places with equal values: each place with the first of its value."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    again = np.zeros(len(values), dtype=bool)
    again[1:] = ordered[1:] == ordered[:-1]
    starts = np.maximum.accumulate(np.where(again, 0, np.arange(len(values))))
    return order[starts[again]], order[again]


def _components(size: int, edges: list[Edges]) -> Rows:
    """Connected components: for each node the smallest node it is connected with.

    Roots are hooked onto smaller roots until both ends of every edge have the same one.
    """
    root = np.arange(size)
    left = np.concatenate([pair[0] for pair in edges])
    right = np.concatenate([pair[1] for pair in edges])
    while True:
        a, b = root[left], root[right]
        apart = a != b
        if not apart.any():
            return root
        left, right, a, b = left[apart], right[apart], a[apart], b[apart]
        np.minimum.at(root, np.maximum(a, b), np.minimum(a, b))
        while not np.array_equal(above := root[root], root):
            root = above
