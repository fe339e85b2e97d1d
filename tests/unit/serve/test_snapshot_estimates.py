from trendvane.domain.sentiment import Interval, Shares
from trendvane.serve.snapshot_estimates import Estimates, shares_json
from trendvane.warehouse.reading import Counts


class CountingEstimator:
    method = "counting"
    languages = ("en",)

    def __init__(self):
        self.key = "m-1"
        self.calls = []

    def __call__(self, counts):
        self.calls.append(counts)
        whole = Interval(1 / 3, 0.2, 0.4)
        return Shares(whole, whole, whole, Interval(0.123456, -0.1, 0.3), counts.voices, 0, 0.9)


COUNTS = Counts(10, 1, 2, 3, 0.5, 2.5, 3.0)


def test_the_same_counts_are_estimated_once():
    estimator = CountingEstimator()
    estimates = Estimates(estimator)
    assert estimates.of(COUNTS) is estimates.of(COUNTS._replace(tweets=99, p_negative=0.5 + 1e-12))
    assert len(estimator.calls) == 1


def test_a_new_model_asks_again():
    estimator = CountingEstimator()
    estimates = Estimates(estimator)
    estimates.of(COUNTS)
    estimator.key = "m-2"
    estimates.of(COUNTS)
    assert len(estimator.calls) == 2


def test_nobody_spoke_is_no_share():
    estimator = CountingEstimator()
    assert Estimates(estimator).of(Counts(tweets=5)) is None
    assert not estimator.calls


def test_json_rounds_and_keeps_none():
    assert shares_json(None) is None
    shares = shares_json(CountingEstimator()(COUNTS))
    assert shares is not None
    assert shares["net"] == {"value": 0.1235, "low": -0.1, "high": 0.3}
