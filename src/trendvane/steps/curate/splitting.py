"""Choose rows by chance that anybody can repeat: a limit, and the two sides of a split."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trendvane.domain.sentiment import LABELS

if TYPE_CHECKING:
    import numpy.typing as npt

    Counts = npt.NDArray[np.int64]
    Labels = npt.NDArray[np.int8]
    Mask = npt.NDArray[np.bool_]
    Order = npt.NDArray[np.uint64]
    Rows = npt.NDArray[np.intp]

_CLASSES = len(LABELS)


def order(ids: npt.NDArray[np.int64], seed: int) -> Order:
    """A place in a shuffled order for each id, which depends on the id and the seed alone (splitmix64)."""
    x = ids.view(np.uint64) ^ np.uint64(seed * 0x9E3779B97F4A7C15 % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    return x ^ (x >> np.uint64(31))


def first_rows(labels: Labels, places: Order, limit: int) -> Mask:
    """At most ``limit`` rows, the first in the shuffled order, with the class shares of all."""
    chosen = np.ones(len(labels), dtype=bool)
    if len(labels) <= limit:
        return chosen
    counts = np.bincount(labels, minlength=_CLASSES)
    exact = counts * (limit / len(labels))
    quotas = np.floor(exact).astype(np.int64)
    for index in np.argsort(quotas - exact, kind="stable")[: limit - quotas.sum()]:
        quotas[index] += 1
    for label, quota in enumerate(quotas):
        rows = np.flatnonzero(labels == label)
        chosen[rows[np.argsort(places[rows])[quota:]]] = False
    return chosen


def dev_rows(labels: Labels, groups: Rows, places: Order, share: float) -> Mask:
    """Rows for the development side: whole groups, close to ``share`` of each class.

    Groups are taken in the shuffled order, those of equal size after all larger ones, and each size is
    given its share of every class: so the big groups do not all end up on one side, and the single rows at
    the end fill every class to within half a row.

    Args:
        labels: Class index of each row.
        groups: Rows with the same number stay together.
        places: Of each row, from ``order``.
        share: Between 0 and 1.
    """
    counts, first = _per_group(labels, groups, places)
    sizes = counts.sum(axis=1)
    in_order = np.lexsort((first, -sizes))
    target = share * np.cumsum(counts[in_order], axis=0)
    last_of_size = np.searchsorted(-sizes[in_order], -sizes[in_order], side="right") - 1
    room = (target[last_of_size] + 0.5).tolist()
    taken = np.zeros(len(counts), dtype=bool)
    dev = [0] * _CLASSES
    for group, wants, most in zip(in_order.tolist(), counts[in_order].tolist(), room, strict=True):
        after = [have + more for have, more in zip(dev, wants, strict=True)]
        if all(have <= limit for have, limit in zip(after, most, strict=True)):
            dev, taken[group] = after, True
    _fill(taken, counts, in_order, share)
    return taken[groups_index(groups)]


def groups_index(groups: Rows) -> Rows:
    """The same groups, numbered from 0."""
    index: Rows = np.unique(groups, return_inverse=True)[1]
    return index


def _per_group(labels: Labels, groups: Rows, places: Order) -> tuple[Counts, Order]:
    """Rows of each class, and the earliest place, of each group."""
    index = groups_index(groups)
    number = int(index.max(initial=-1)) + 1
    counts = np.bincount(index * _CLASSES + labels, minlength=number * _CLASSES).reshape(number, _CLASSES)
    first = np.full(number, np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(first, index, places)
    return counts.astype(np.int64), first


def _fill(taken: Mask, counts: Counts, in_order: Rows, share: float) -> None:
    """Where there are too few small groups: take the smallest of those left while that comes closer."""
    lack = share * counts.sum(axis=0) - counts[taken].sum(axis=0)
    if lack.max(initial=0.0) < 1.0:
        return
    for group in in_order[::-1]:
        if not taken[group]:
            after = lack - counts[group]
            if (after**2).sum() < (lack**2).sum():
                lack, taken[group] = after, True
