from __future__ import annotations

from collections import Counter

import numpy as np
from curate_support import columns_of, text
from hypothesis import given, settings
from hypothesis import strategies as st

from trendvane.model.leaks import overlap
from trendvane.model.snapshots import DataRow
from trendvane.steps.curate import splitting
from trendvane.steps.curate.deciding import Fates, decide, drop_authors
from trendvane.steps.curate.kinship import copies, kin

SHARE = 0.2
LONG = "remarkable ministry announces programme yesterday morning"


def wording(number: int) -> str:
    """Sixty wordings, a third of them near copies of others."""
    kind, which = number % 3, number // 3
    if kind == 0:
        return text(which)
    body = f"{LONG} {'abcdefghijklmnopqrstuvwxyz'[which % 26] * 9}{'qrst'[which % 4] * 3}"
    return body if kind == 1 else f"so, {body} then"


rows_of_anybody = st.lists(
    st.builds(
        lambda number, label, words, author, labeller: DataRow(
            str(1000 + number),
            wording(words),
            label,
            author_hash=str(author or ""),
            cluster_id=str(1000 + number),
            labeller=labeller,
        ),
        st.integers(0, 120),
        st.integers(0, 2),
        st.integers(0, 60),
        st.integers(0, 25),
        st.sampled_from(["human:a", "file:b", "llm:c"]),
    ),
    min_size=1,
    max_size=120,
)


def fate(rows: list[DataRow]) -> dict[str, list[DataRow]]:
    """What becomes of the rows; every row is in exactly one list."""
    columns = columns_of(rows)
    fates = Fates(len(rows))
    decide(columns, fates, None)
    drop_authors(columns, fates, None)
    left = np.flatnonzero(fates.left)
    some = columns.of(left)
    dev = splitting.dev_rows(some.labels, kin(some), splitting.order(some.ids, 7), SHARE)
    sides = {
        "train": [rows[i] for i in left[~dev]],
        "dev": [rows[i] for i in left[dev]],
        "test": [rows[i] for i in np.flatnonzero(fates.judging)],
    }
    assert sum(map(len, sides.values())) + sum(fates.dropped().values()) == len(rows)
    return sides


@settings(max_examples=60, deadline=None)
@given(rows_of_anybody, st.randoms(use_true_random=False))
def test_no_side_knows_another_and_the_order_of_rows_does_not_matter(rows: list[DataRow], chance) -> None:
    sides = fate(rows)
    for one, other in (("train", "dev"), ("train", "test"), ("dev", "test")):
        assert not overlap(sides[one], sides[other])
    assert all(not row.labeller.startswith("llm") for row in sides["test"])
    for kept in sides.values():
        assert len(set(copies(columns_of(kept)).tolist())) == len(kept)
    chance.shuffle(rows)
    assert {side: set(kept) for side, kept in fate(rows).items()} == {
        side: set(kept) for side, kept in sides.items()
    }


grouped = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 60)), min_size=1, max_size=200)


def split(labels: list[int], groups: list[int]) -> np.ndarray:
    places = splitting.order(np.arange(1, len(labels) + 1), 11)
    return splitting.dev_rows(np.array(labels, dtype=np.int8), np.array(groups), places, SHARE)


@settings(max_examples=100, deadline=None)
@given(grouped)
def test_groups_stay_whole_and_class_shares_are_near(drawn: list[tuple[int, int]]) -> None:
    labels, groups = [label for label, _ in drawn], [group for _, group in drawn]
    dev = split(labels, groups)
    sides: dict[int, set[bool]] = {}
    for group, side in zip(groups, dev.tolist(), strict=True):
        sides.setdefault(group, set()).add(side)
    assert all(len(found) == 1 for found in sides.values())
    largest = max(Counter(groups).values())
    for label in range(3):
        mask = np.array(labels) == label
        assert abs(dev[mask].sum() - SHARE * mask.sum()) <= 1.5 * largest + 1


def test_single_rows_fill_every_class_to_within_half_a_row() -> None:
    labels = [0] * 101 + [1] * 507 + [2] * 52
    dev = split(labels, list(range(len(labels))))
    counts = [int(dev[np.array(labels) == label].sum()) for label in range(3)]
    assert counts == [20, 101, 10]


def test_big_groups_are_on_both_sides_in_their_share() -> None:
    """Thirty authors of ten tweets, and three hundred of one: neither side has the one kind only."""
    labels = [i % 3 for i in range(600)]
    groups = [i // 10 for i in range(300)] + list(range(1000, 1300))
    dev = split(labels, groups)
    assert 40 <= dev[:300].sum() <= 70
    assert dev.sum() == 120


def test_two_large_groups_are_one_for_each_side() -> None:
    dev = split([0, 1, 2] * 20, [0] * 42 + [1] * 18)
    assert dev.tolist() == [False] * 42 + [True] * 18


def test_another_seed_is_another_order() -> None:
    ids = np.arange(1, 1000)
    assert (splitting.order(ids, 1) == splitting.order(ids, 1)).all()
    assert (splitting.order(ids, 1) != splitting.order(ids, 2)).all()
    assert splitting.order(np.array([5, -5]), 3).tolist() == [16279276485729455169, 6469247996314947305]


@given(st.lists(st.integers(0, 2), min_size=1, max_size=200), st.integers(1, 220))
def test_a_limit_keeps_class_shares_and_grows_by_adding(labels: list[int], limit: int) -> None:
    array = np.array(labels, dtype=np.int8)
    places = splitting.order(np.arange(1, len(labels) + 1), 5)
    chosen = splitting.first_rows(array, places, limit)
    assert chosen.sum() == min(limit, len(labels))
    for label in range(3):
        share = (array == label).sum() * min(limit / len(labels), 1.0)
        assert abs(chosen[array == label].sum() - share) < 1
    assert splitting.first_rows(array, places, len(labels)).all()
