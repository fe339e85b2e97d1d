from dataclasses import replace
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trendvane.insight.prior import fit
from trendvane.insight.shares import Counts, Labelled, LabelledPairs, estimate

COUNT = st.integers(0, 5_000)
Z90 = NormalDist().inv_cdf(0.95)


def counts_of(topic):
    return Counts(
        tuple(np.bincount(topic.p.argmax(axis=1), minlength=3).tolist()), tuple(topic.p.sum(axis=0).tolist())
    )


def pairs_of(topic, m, seed=0):
    drawn = np.random.default_rng(seed).choice(len(topic.truth), m, replace=False)
    return LabelledPairs(topic.truth[drawn], topic.p[drawn])


def parts(shares):
    return (shares.negative, shares.neutral, shares.positive)


def widths(shares):
    return np.array([i.high - i.low for i in (*parts(shares), shares.net)])


def truth_of(topic):
    return np.bincount(topic.truth, minlength=3) / len(topic.truth)


@given(COUNT, COUNT, COUNT, st.floats(0.01, 0.99))
def test_values_are_shares_and_lie_in_their_intervals(fitted, negative, neutral, positive, level):
    n = negative + neutral + positive
    shares = estimate(Counts((negative, neutral, positive), (n * 0.2, n * 0.5, n * 0.3)), fitted, level=level)
    assert sum(i.value for i in parts(shares)) == pytest.approx(1)
    assert all(0 <= i.low <= i.value <= i.high <= 1 for i in parts(shares))
    assert -1 <= shares.net.low <= shares.net.value <= shares.net.high <= 1
    assert shares.net.value == pytest.approx(shares.positive.value - shares.negative.value)
    assert (shares.n, shares.labelled, shares.level) == (n, 0, level)


@given(st.integers(0, 80), st.integers(0, 200))
@settings(max_examples=40)
def test_labels_keep_the_bounds_too(fitted, simulated, m, seed):
    topic = simulated(1, seed=seed)[0]
    shares = estimate(counts_of(topic), fitted, pairs_of(topic, m, seed))
    assert sum(i.value for i in parts(shares)) == pytest.approx(1)
    assert all(0 <= i.low <= i.value <= i.high <= 1 for i in parts(shares))
    assert shares.labelled == m


def test_more_voices_never_widen(fitted):
    found = [
        widths(estimate(Counts((k, 2 * k, 2 * k), (k, 2 * k, 2 * k)), fitted)) for k in (1, 5, 50, 5_000)
    ]
    assert all((wide > narrow).all() for wide, narrow in pairwise(found))


def test_a_million_voices_do_not_cure_the_bias(fitted):
    million = widths(estimate(Counts((200_000, 400_000, 400_000), (2e5, 4e5, 4e5)), fitted))
    binomial = 2 * Z90 * np.sqrt(0.24 / 1e6)
    assert (million > 20 * binomial).all()


def test_labels_narrow(fitted, simulated):
    topic = simulated(1, seed=5, size=(200, 201))[0]
    found = [widths(estimate(counts_of(topic), fitted, pairs_of(topic, m))) for m in (0, 10, 50, 150)]
    assert all((wide > narrow).all() for wide, narrow in pairwise(found))


def test_all_labelled_is_exact(fitted, simulated):
    for topic in simulated(10, seed=6):
        shares = estimate(counts_of(topic), fitted, LabelledPairs(topic.truth, topic.p))
        assert [i.value for i in parts(shares)] == pytest.approx(truth_of(topic))
        assert widths(shares) == pytest.approx(0, abs=1e-6)


def test_no_labels_is_the_same_as_none(fitted):
    counts = Counts((10, 20, 30), (12.0, 20.0, 28.0))
    empty = LabelledPairs(np.array([], dtype=int), np.empty((0, 3)))
    assert estimate(counts, fitted, empty) == estimate(counts, fitted)


def test_without_voices_the_average_topic_is_all_we_know(fitted):
    shares = estimate(Counts((0, 0, 0), (0.0, 0.0, 0.0)), fitted)
    assert shares.negative.value == pytest.approx(fitted.mean_share[0])
    assert (widths(shares) > widths(estimate(Counts((20, 40, 40), (20, 40, 40)), fitted))).all()


def test_a_higher_level_is_wider(fitted):
    counts = Counts((10, 20, 30), (12.0, 20.0, 28.0))
    assert (widths(estimate(counts, fitted, level=0.95)) > widths(estimate(counts, fitted, level=0.5))).all()


def test_the_order_of_the_labels_is_nothing(fitted, simulated):
    topic = simulated(1, seed=7)[0]
    pairs = pairs_of(topic, 40)
    turned = LabelledPairs(pairs.truth[::-1], pairs.p[::-1])
    for one, other in zip(
        parts(estimate(counts_of(topic), fitted, pairs)),
        parts(estimate(counts_of(topic), fitted, turned)),
        strict=True,
    ):
        assert one.value == pytest.approx(other.value)
        assert one.low == pytest.approx(other.low)


def test_naming_the_classes_the_other_way_round_turns_the_answer_round(simulated):
    topics = simulated(60, seed=8)
    mirrored = [type(t)(2 - t.truth, t.p[:, ::-1]) for t in topics]
    one = estimate(counts_of(topics[0]), fit(topics), pairs_of(topics[0], 30))
    other = estimate(counts_of(mirrored[0]), fit(mirrored), pairs_of(mirrored[0], 30))
    assert one.negative.value == pytest.approx(other.positive.value)
    assert one.neutral.high == pytest.approx(other.neutral.high)
    assert one.net.low == pytest.approx(-other.net.high)


@pytest.mark.parametrize("labels", [0, 50])
def test_intervals_hold_what_they_promise_where_the_binomial_one_does_not(fitted, simulated, labels):
    """Topics with a bias of their own, as the judged tweets have: the textbook interval is far too narrow."""
    ours, textbook = [], []
    for topic in simulated(300, seed=9):
        truth, counts = truth_of(topic), counts_of(topic)
        shares = estimate(counts, fitted, pairs_of(topic, labels))
        ours.append([i.low <= t <= i.high for i, t in zip(parts(shares), truth, strict=True)])
        plain = np.array(counts.predicted) / counts.n
        textbook.append(np.abs(plain - truth) <= Z90 * np.sqrt(plain * (1 - plain) / counts.n))
    assert np.mean(textbook) < 0.5
    assert (np.abs(np.mean(ours, axis=0) - 0.9) < 0.06).all()


def test_labels_bring_the_estimate_nearer(fitted, simulated):
    errors: dict[int, list] = {0: [], 50: []}
    for topic in simulated(100, seed=10):
        for m, found in errors.items():
            shares = estimate(counts_of(topic), fitted, pairs_of(topic, m))
            found.append(np.abs([i.value for i in parts(shares)] - truth_of(topic)))
    assert np.mean(errors[50]) < np.mean(errors[0]) / 2


@pytest.mark.parametrize("level", [0.0, 1.0, -0.5, 90])
def test_a_level_is_a_share(fitted, level):
    with pytest.raises(ValueError, match="level"):
        estimate(Counts((1, 1, 1), (1, 1, 1)), fitted, level=level)


def test_more_labels_than_voices_is_a_mistake(fitted, simulated):
    with pytest.raises(ValueError, match="labelled voices"):
        estimate(Counts((1, 1, 1), (1, 1, 1)), fitted, pairs_of(simulated(1, seed=1)[0], 4))


@pytest.mark.parametrize(
    ("predicted", "p"),
    [
        ((-1, 1, 1), (1, 1, 1)),
        ((1, 1, 1), (-1, 1, 1)),
        ((1, 1, 1), (float("nan"), 1, 1)),
        ((1, 1, 1), (0, 0, 0)),
    ],
)
def test_impossible_counts_are_refused(predicted, p):
    with pytest.raises(ValueError, match=r"finite|without"):
        Counts(predicted, p)


def test_pairs_need_their_probabilities():
    with pytest.raises(ValueError, match="row"):
        LabelledPairs(np.array([0, 1]), np.ones((3, 3)))


def test_sums_say_all_that_the_pairs_say(fitted, simulated):
    topic = simulated(1, seed=12)[0]
    pairs = pairs_of(topic, 40)
    by_hand = Labelled(
        tuple(np.bincount(pairs.truth, minlength=3).tolist()),
        tuple(np.bincount(pairs.p.argmax(axis=1), minlength=3).tolist()),
        tuple(pairs.p.sum(axis=0).tolist()),
    )
    assert estimate(counts_of(topic), fitted, by_hand) == estimate(counts_of(topic), fitted, pairs)


@given(st.integers(1, 80), st.integers(0, 50))
@settings(max_examples=30)
def test_labels_never_widen_even_where_the_spread_narrows(fitted, simulated, m, seed):
    """Compared before bounds are cut at 0 and 1, hence topics whose shares keep away from both."""
    narrow = replace(fitted, spread=np.full(4, 0.8))
    topic = simulated(1, seed=seed, size=(200, 201))[0]
    with_labels, without = (
        estimate(counts_of(topic), narrow, pairs, level=0.2) for pairs in (pairs_of(topic, m, seed), None)
    )
    assert (widths(with_labels) <= widths(without) + 1e-9).all()


@pytest.mark.parametrize("truth", [(1, 1, 0), (-1, 1, 3)])
def test_labelled_sums_must_agree(truth):
    with pytest.raises(ValueError, match="each"):
        Labelled(truth, (1, 1, 1), (1.0, 1.0, 1.0))
