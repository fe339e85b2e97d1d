from __future__ import annotations

import numpy as np
import pytest

from trendvane.model import measures
from trendvane.model.comparison import compare, macro_f1


def answers(truth: np.ndarray, right: float, seed: int) -> np.ndarray:
    """The truth, but for a share of rows that name another class."""
    rng = np.random.default_rng(seed)
    wrong = rng.random(len(truth)) > right
    return np.where(wrong, (truth + rng.integers(1, 3, len(truth))) % 3, truth)


def truths(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 3, n)


def test_macro_f1_is_the_one_of_the_model_card() -> None:
    truth = truths(500)
    confusion = measures.confusion_of(truth, answers(truth, 0.6, 1))
    assert float(macro_f1(confusion)) == pytest.approx(measures.report(confusion)["macro_f1"], abs=1e-4)


def test_a_class_that_does_not_occur_is_not_asked_for() -> None:
    confusion = np.array([[10, 0, 0], [0, 0, 0], [0, 0, 10]])
    assert float(macro_f1(confusion)) == pytest.approx(2 / 3)
    assert float(macro_f1(confusion, np.array([True, False, True]))) == 1.0


def test_the_bootstrap_agrees_with_drawing_the_rows_themselves() -> None:
    truth = truths(300)
    first, second = answers(truth, 0.6, 1), answers(truth, 0.7, 2)
    found = compare(truth, first, second, level=0.95, rng=np.random.default_rng(3))
    rng = np.random.default_rng(4)
    drawn = []
    for _ in range(1000):
        rows = rng.integers(0, 300, 300)
        drawn.append(
            float(macro_f1(measures.confusion_of(truth[rows], second[rows])))
            - float(macro_f1(measures.confusion_of(truth[rows], first[rows])))
        )
    assert found.low == pytest.approx(np.quantile(drawn, 0.05), abs=0.008)
    assert found.high == pytest.approx(np.quantile(drawn, 0.95), abs=0.008)
    assert found.low < found.difference < found.high
    assert found.better == pytest.approx(np.mean(np.array(drawn) > 0), abs=0.02)


def test_pairing_sees_what_two_separate_intervals_would_not() -> None:
    truth = truths(1000)
    first = answers(truth, 0.7, 1)
    wrong = np.flatnonzero(first != truth)[:20]
    second = first.copy()
    second[wrong] = truth[wrong]  # twenty rows better, none worse
    assert compare(truth, first, second, level=0.95, rng=np.random.default_rng(1)).low > 0


def test_equal_models_are_promoted_by_chance_no_more_often_than_the_level_says() -> None:
    truth = truths(400)
    lucky = sum(
        compare(
            truth,
            answers(truth, 0.65, 2 * i),
            answers(truth, 0.65, 2 * i + 1),
            level=0.95,
            rng=np.random.default_rng(i),
            rounds=400,
        ).low
        > 0
        for i in range(100)
    )
    assert lucky <= 12  # five are expected


def test_the_same_seed_gives_the_same_verdict() -> None:
    truth = truths(100)
    first, second = answers(truth, 0.6, 1), answers(truth, 0.7, 2)
    pair = [compare(truth, first, second, level=0.9, rng=np.random.default_rng(5)) for _ in range(2)]
    assert pair[0] == pair[1]
