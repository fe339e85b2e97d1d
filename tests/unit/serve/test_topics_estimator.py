"""The estimator behind the page: which error rates it uses, and what it does without any."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from trendvane.insight.prior import SharePrior
from trendvane.serve.estimator import ModelEstimator
from trendvane.serve.snapshot_estimates import Estimates
from trendvane.warehouse.reading import Counts

COUNTS = Counts(100, 20, 30, 30, 22.0, 30.0, 28.0)


def prior(shift=0.0):
    """Believes the predicted shares, moved towards negative by ``shift``."""
    return SharePrior(
        weights=np.array([[shift, -shift], [1, 0], [0, 1], [0, 0], [0, 0]], float),
        topic_cov=np.eye(2) * 0.002,
        noise_cov=np.eye(2) * 0.1,
        slope=np.zeros((4, 2)),
        tweet_cov=np.eye(2),
        mean_share=np.array([0.3, 0.3]),
        share_cov=np.eye(2) * 0.05,
        spread=np.ones(4),
        topics=40,
        command="test",
    ).to_dict()


def engine(version, share_prior):
    package = SimpleNamespace(
        identity=f"m-{version}", sha256={"model.onnx": version}, share_prior=share_prior, languages=("en",)
    )
    return cast("Any", SimpleNamespace(package=package))


@pytest.fixture
def holder():
    return cast("Any", SimpleNamespace(current=engine("1", prior())))


def test_counts_become_shares_with_intervals(holder):
    shares = ModelEstimator(holder, 0.9)(COUNTS)
    assert shares is not None
    assert (shares.n, shares.level) == (80, 0.9)
    assert shares.negative.value == pytest.approx(0.25)
    assert shares.negative.low < 0.25 < shares.negative.high


def test_a_new_champion_brings_its_own_error_rates(holder):
    estimates = Estimates(ModelEstimator(holder, 0.9))
    before = estimates.of(COUNTS)
    holder.current = engine("2", prior(0.1))
    after = estimates.of(COUNTS)
    assert before is not None
    assert after is not None
    assert after.negative.value == pytest.approx(before.negative.value + 0.1)


def test_the_method_names_what_it_rests_on(holder):
    assert "40 topics" in ModelEstimator(holder, 0.9).method
    assert "90%" in ModelEstimator(holder, 0.9).method


def test_without_a_model_there_are_no_shares(holder):
    holder.current = None
    estimator = ModelEstimator(holder, 0.9)
    assert estimator(COUNTS) is None
    assert estimator.languages == ()
    assert "No model" in estimator.method


def test_without_error_rates_there_are_no_shares_and_the_method_says_why(holder):
    holder.current = engine("1", {})
    estimator = ModelEstimator(holder, 0.9)
    assert estimator(COUNTS) is None
    assert "prior" in estimator.method


def labelled(times=1, truth=(6, 2, 2)):
    """Ten voices' labels: the model called four of them negative, the labels call six so."""
    negative, neutral, positive = (n * times for n in truth)
    return COUNTS._replace(
        true_negative=negative, true_neutral=neutral, true_positive=positive,
        called_negative=3 * times, called_neutral=3 * times, called_positive=4 * times,
        q_negative=3.0 * times, q_neutral=4.0 * times, q_positive=3.0 * times,
    )  # fmt: skip


def test_labels_narrow_the_interval_and_move_it_to_what_they_say(holder):
    estimates = Estimates(ModelEstimator(holder, 0.9))
    found = [estimates.of(counts) for counts in (COUNTS, labelled(1), labelled(4), labelled(8))]
    shares = [one.negative for one in found if one is not None]
    assert [one.labelled for one in found if one is not None] == [0, 10, 40, 80]
    widths = [one.high - one.low for one in shares]
    assert widths == sorted(widths, reverse=True)
    assert shares[0].value < shares[1].value < shares[2].value < shares[3].value
    assert shares[3].value == pytest.approx(0.6)
    assert widths[3] == pytest.approx(0, abs=1e-9)


def test_more_labels_than_voices_are_no_labels(holder):
    estimator = ModelEstimator(holder, 0.9)
    assert estimator(labelled(9)) == estimator(COUNTS)
