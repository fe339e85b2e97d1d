import numpy as np
import pytest

from trendvane.domain.errors import ConfigurationError
from trendvane.insight.prior import MIN_TOPICS, JudgedTopic, SharePrior, fit


def test_constants_survive_the_manifest(fitted):
    read = SharePrior.from_dict(fitted.to_dict())
    assert np.allclose(read.weights, fitted.weights, atol=1e-6)
    assert np.allclose(read.spread, fitted.spread, atol=1e-6)
    assert (read.topics, read.command) == (fitted.topics, fitted.command)


def test_covariances_are_covariances(fitted):
    for cov in (fitted.topic_cov, fitted.noise_cov, fitted.tweet_cov, fitted.share_cov):
        assert np.allclose(cov, cov.T)
        assert (np.linalg.eigvalsh(cov) > 0).all()


def test_what_the_slope_explains_is_not_left_open(fitted):
    assert np.trace(fitted.tweet_cov) < np.trace(fitted.noise_cov) + 1e-9


@pytest.mark.parametrize(
    "change",
    [
        {"weights": [[0.0, 0.0]]},
        {"spread": [1.0, 1.0, 1.0, float("nan")]},
        {"topic_cov": "wide"},
        {"tweet_cov": None},
        {"slope": [[0, 0], [0, 0], [0, 0], [0]]},
    ],
)
def test_unusable_constants_are_refused(fitted, change):
    with pytest.raises(ConfigurationError, match=next(iter(change))):
        SharePrior.from_dict({**fitted.to_dict(), **change})


def test_a_missing_constant_is_refused(fitted):
    data = fitted.to_dict()
    del data["spread"]
    with pytest.raises(ConfigurationError, match="spread"):
        SharePrior.from_dict(data)


def test_few_topics_teach_nothing(simulated):
    with pytest.raises(ConfigurationError, match="too few"):
        fit(simulated(MIN_TOPICS - 1, seed=1))
    with pytest.raises(ConfigurationError):
        fit([*simulated(MIN_TOPICS, seed=1), JudgedTopic(np.array([1]), np.array([[0.2, 0.6, 0.2]]))])


def test_topics_without_a_bias_are_seen_to_have_none(simulated):
    biased, fair = fit(simulated(150, seed=2, bias=0.8)), fit(simulated(150, seed=2, bias=0.0))
    assert np.trace(fair.topic_cov) < np.trace(biased.topic_cov) / 4
