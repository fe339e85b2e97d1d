import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trendvane.model import measures

LABELS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60)


@given(LABELS)
def test_confusion_counts_every_row_once(pairs):
    truth, predicted = np.array(pairs).T
    confusion = measures.confusion_of(truth, predicted)
    assert confusion.sum() == len(pairs)
    assert all(confusion[t, p] == pairs.count((t, p)) for t in range(3) for p in range(3))
    assert 0 <= measures.average_recall(confusion) <= 1


def test_report_by_hand():
    said = measures.report(np.array([[6, 2, 2], [0, 10, 0], [3, 2, 15]]))
    assert said["classes"]["negative"] == {"precision": 0.6667, "recall": 0.6, "f1": 0.6316, "support": 10}
    assert said["average_recall"] == pytest.approx((0.6 + 1 + 0.75) / 3, abs=1e-4)
    assert said["accuracy"] == 0.775


def test_always_one_class_has_an_average_recall_of_a_third():
    assert measures.average_recall(np.array([[0, 0, 9], [0, 0, 500], [0, 0, 4]])) == pytest.approx(1 / 3)


def test_temperature_is_found_again():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1.5, (30_000, 3))
    p = measures.softmax(logits)
    truth = (p.cumsum(axis=1) < rng.random((len(p), 1))).sum(axis=1)
    for wrong_by in (0.5, 1.0, 3.0):
        assert measures.fit_temperature(logits * wrong_by, truth) == pytest.approx(wrong_by, rel=0.06)


def test_calibration_error_of_the_honest_and_of_the_boaster():
    rng = np.random.default_rng(1)
    p = measures.softmax(rng.normal(0, 1.5, (30_000, 3)))
    truth = (p.cumsum(axis=1) < rng.random((len(p), 1))).sum(axis=1)
    assert measures.calibration_error(p, truth) < 0.02
    boasting = measures.softmax(np.log(p) * 4)
    assert measures.calibration_error(boasting, truth) > 0.1


def test_softmax_of_huge_logits():
    assert measures.softmax(np.array([[1e4, 0.0, -1e4]])).tolist() == [[1.0, 0.0, 0.0]]
