import numpy as np
import pytest

from trendvane.insight.prior import JudgedTopic, fit


def topics(count, *, seed, bias=0.7, size=(80, 250)):
    """Topics whose classifier errs in a direction of each topic's own, of size ``bias`` in logits."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        n = int(rng.integers(*size))
        truth = rng.choice(3, n, p=rng.dirichlet([2, 4, 4]))
        logits = rng.normal(0, 1.2, (n, 3)) + 1.7 * np.eye(3)[truth] + rng.normal(0, bias, 3)
        p = np.exp(logits)
        made.append(JudgedTopic(truth, p / p.sum(axis=1, keepdims=True)))
    return made


@pytest.fixture(scope="session")
def simulated():
    return topics


@pytest.fixture(scope="session")
def fitted():
    return fit(topics(150, seed=0), "a test")
