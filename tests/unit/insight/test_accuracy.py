import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trendvane.insight.accuracy import interval

ROW = st.tuples(*[st.integers(0, 10_000)] * 3)
RECALLS = (0.85, 0.6, 0.72)


@given(ROW, ROW, ROW, st.floats(0.01, 0.99))
def test_bounds_are_shares_around_the_value(a, b, c, level):
    found = interval((a, b, c), level)
    for part in (found.accuracy, found.average_recall, *found.recalls):
        assert part is None or 0 <= part.low <= part.value <= part.high <= 1
    assert found.n == sum(map(sum, (a, b, c)))
    assert (found.accuracy is None) == (found.n == 0)
    assert (found.average_recall is None) == (0 in map(sum, (a, b, c)))


@given(st.tuples(*[st.integers(1, 200)] * 3), st.integers(2, 50))
def test_more_labels_narrow_both(hits, times):
    few = [[hits[k] if k == j else 7 for j in range(3)] for k in range(3)]
    once, more = interval(few), interval([[n * times for n in row] for row in few])
    assert once.accuracy
    assert once.average_recall
    assert more.accuracy
    assert more.average_recall
    for a, b in ((once.accuracy, more.accuracy), (once.average_recall, more.average_recall)):
        assert b.value == pytest.approx(a.value)
        assert b.high - b.low < a.high - a.low


def test_figures_of_a_small_matrix():
    found = interval([[8, 1, 1], [0, 5, 5], [1, 1, 2]])
    assert (found.n, found.right) == (24, 15)
    assert found.accuracy
    assert found.average_recall
    assert found.accuracy.value == pytest.approx(15 / 24)
    assert found.average_recall.value == pytest.approx((0.8 + 0.5 + 0.5) / 3)
    # Wilson's example: 15 of 24 at 90 %.
    assert (found.accuracy.low, found.accuracy.high) == pytest.approx((0.4573, 0.7668), abs=5e-4)


def test_all_right_is_not_certain():
    found = interval([[3, 0, 0], [0, 3, 0], [0, 0, 3]])
    assert found.accuracy
    assert found.average_recall
    assert found.accuracy.high == found.average_recall.high == 1.0
    assert found.average_recall.low < 0.85


@pytest.mark.parametrize("size", [60, 600])
def test_intervals_hold_the_truth_about_as_often_as_they_say(size):
    rng = np.random.default_rng(5)
    shares = np.array([0.25, 0.45, 0.3])
    draws, hits = 2_000, np.zeros(2)
    for _ in range(draws):
        sizes = rng.multinomial(size, shares)
        right = rng.binomial(sizes, RECALLS)
        found = interval(
            [
                [right[k] if k == j else (sizes[k] - right[k]) * (j == (k + 1) % 3) for j in range(3)]
                for k in range(3)
            ]
        )
        truths = (float(shares @ RECALLS), float(np.mean(RECALLS)))
        for place, (part, truth) in enumerate(
            zip((found.accuracy, found.average_recall), truths, strict=True)
        ):
            hits[place] += part is None or part.low <= truth <= part.high
    assert hits / draws == pytest.approx([0.9, 0.9], abs=0.04)  # counts are whole: coverage jumps


@pytest.mark.parametrize("matrix", [[], [[1, 2]], [[1, -1], [0, 1]]])
def test_what_is_no_confusion_matrix_is_refused(matrix):
    with pytest.raises(ValueError, match="square"):
        interval(matrix)


def test_a_level_outside_zero_and_one_is_refused():
    with pytest.raises(ValueError, match="level"):
        interval([[1]], level=1.0)
