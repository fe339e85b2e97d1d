"""Labels reach the page: an interval narrows as a sample is labelled, and its centre moves to the truth."""

from __future__ import annotations

import random
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from page_support import add_topic
from pipeline_support import START, Pipeline, page, row, tweet_id

from trendvane.insight.prior import SharePrior
from trendvane.serve.estimator import ModelEstimator
from trendvane.serve.snapshot import PageOptions, Snapshots
from trendvane.serve.snapshot_estimates import Estimates
from trendvane.serve.snapshot_series import WINDOWS
from trendvane.steps.forget import ForgetConfig, forget
from trendvane.warehouse.labels import LabelRow, write

if TYPE_CHECKING:
    from pathlib import Path

    from trendvane.warehouse.engine import Warehouse

pytestmark = pytest.mark.integration
COUNT = 240
NOW = START + timedelta(minutes=30)
PRIOR = SharePrior(
    weights=np.array([[0.25, -0.3], [0.5, 0], [0, 0.5], [0.5, 0], [0, 0.5]], float),
    topic_cov=np.eye(2) * 0.02,
    noise_cov=np.eye(2) * 0.2,
    slope=np.zeros((4, 2)),
    tweet_cov=np.eye(2) * 0.24,
    mean_share=np.array([0.3, 0.3]),
    share_cov=np.eye(2) * 0.05,
    spread=np.full(4, 0.9),
    topics=40,
)


@pytest.fixture
def pipe(tmp_path: Path, warehouse: Warehouse) -> Pipeline:
    """A topic of which the model calls everything positive, and people would call half of it negative."""
    made = Pipeline(tmp_path, warehouse)
    made.take(page(1, [row(i) for i in range(COUNT)]))
    made.score()
    with warehouse.begin() as connection:
        add_topic(connection, "#a", NOW)
    return made


def seen(pipe: Pipeline) -> dict[str, Any]:
    package = SimpleNamespace(identity="m-1", sha256={}, share_prior=PRIOR.to_dict(), languages=("en",))
    holder = cast("Any", SimpleNamespace(current=SimpleNamespace(package=package)))
    estimates = Estimates(ModelEstimator(holder, 0.9))
    (topic,) = Snapshots(pipe.warehouse, estimates, PageOptions(), lambda: NOW).overview(WINDOWS["1h"])[
        "topics"
    ]
    return cast("dict[str, Any]", topic)


def label(pipe: Pipeline, numbers: list[int], *, at_random: bool = True) -> None:
    rows = [LabelRow(tweet_id(i), "ann", "", 2 * (i % 2), 1, "human", 1.0, at_random) for i in numbers]
    with pipe.warehouse.begin() as connection:
        write(connection, rows, now=NOW)


def test_a_topic_gets_surer_as_its_sample_is_labelled(pipe: Pipeline) -> None:
    order = random.Random(3).sample(range(COUNT), COUNT)
    found = [seen(pipe)]
    assert found[0]["voices"] == COUNT
    for done in (6, 24, 96, COUNT):
        label(pipe, order[:done])
        found.append(seen(pipe))
    assert [topic["labelled"] for topic in found] == [0, 6, 24, 96, COUNT]
    shares = [topic["shares"]["negative"] for topic in found]
    widths = [share["high"] - share["low"] for share in shares]
    assert widths == sorted(widths, reverse=True)
    assert widths[2] < widths[0] * 0.75
    assert abs(shares[3]["value"] - 0.5) < abs(shares[1]["value"] - 0.5) < abs(shares[0]["value"] - 0.5)
    assert shares[4] == {"value": 0.5, "low": 0.5, "high": 0.5}


def test_labels_that_chance_did_not_ask_for_teach_nothing(pipe: Pipeline) -> None:
    before = seen(pipe)
    label(pipe, list(range(0, 60, 2)), at_random=False)
    assert seen(pipe) == before


def test_forgotten_tweets_take_their_labels_with_them(pipe: Pipeline) -> None:
    label(pipe, list(range(COUNT)))
    doomed = [(tweet_id(i), "deleted") for i in range(0, COUNT, 2)]
    forget(pipe.spool, pipe.lake, pipe.warehouse, ForgetConfig(), now=pipe.now, requests=doomed)
    topic = seen(pipe)
    assert (topic["labelled"], topic["voices"]) == (COUNT // 2, COUNT // 2)
    assert topic["shares"]["positive"]["low"] == 1.0
