"""The drift step on a real warehouse: what it recommends, and what it leaves behind."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sqlalchemy as sa
from pipeline_support import START, Model, Pipeline, page, row, tweet_id

from trendvane.insight.drift import reference
from trendvane.steps.drift import DriftConfig, DriftReport, drift
from trendvane.warehouse import drift as reports
from trendvane.warehouse import label_rollups, staging

if TYPE_CHECKING:
    from pathlib import Path

    from trendvane.warehouse.engine import Warehouse

pytestmark = pytest.mark.integration
CONFIG = DriftConfig(min_tweets=100)
GOOD = ((80, 10, 10), (10, 80, 10), (10, 10, 80))
_COMMON = [
    "ferry",
    "timetable",
    "bridge",
    "harbour",
    "weather",
    "market",
    "concert",
    "garden",
    "river",
    "tram",
]


@dataclass
class Package:
    confusion: tuple[tuple[int, ...], ...] = GOOD
    reference: dict[str, Any] = field(default_factory=dict)


@dataclass
class Champion:
    package: Package
    version: str = Model.version


def words(number: int) -> str:
    """Words that differ enough for no two tweets to be near-duplicates; a third bad, a third plain."""
    rng = random.Random(number)
    return " ".join(
        [("bad", "plain", "fine")[number % 3], *rng.choices(_COMMON, k=8), chr(97 + number % 26) * 3]
    )


def known(texts: list[str]) -> dict[str, Any]:
    return reference(Model().predict(texts), texts)


@pytest.fixture
def pipe(tmp_path: Path, warehouse: Warehouse) -> Pipeline:
    made = Pipeline(tmp_path, warehouse)
    made.take(page(1, [row(i, words(i)) for i in range(300)]))
    made.score()
    return made


def look(pipe: Pipeline, package: Package, config: DriftConfig = CONFIG) -> DriftReport:
    return drift(pipe.warehouse, Champion(package), config, now=pipe.now)


def latest(pipe: Pipeline) -> reports.Drift | None:
    with pipe.warehouse.begin() as connection:
        return reports.latest(connection, model_version=Model.version)


def label(pipe: Pipeline, *, right: bool) -> None:
    """Labels of a hundred tweets, which the model called by their first word."""
    told = {"bad": 0, "plain": 1, "fine": 2}
    said = {tweet_id(i): (told[words(i).split()[0]] + (not right)) % 3 for i in range(100)}
    insert = sa.text(
        "INSERT INTO tweet_label (tweet_id, labeller, label, kind, at_random)"
        " VALUES (:i, 'me', :l, 'human', true)"
    )
    with pipe.warehouse.begin() as connection:
        held = sorted(staging.lock(connection, sorted(said)))
        connection.execute(insert, [{"i": i, "l": said[i]} for i in held])
        label_rollups.refresh(connection, held)


def test_tweets_like_the_reference_need_no_training(pipe: Pipeline) -> None:
    found = look(pipe, Package(reference=known([words(i) for i in range(1000, 3000)])))
    assert not found.retrain
    assert found.tweets > 200
    assert found.changed
    assert max(found.figures.values()) < 0.25
    stored = latest(pipe)
    assert stored is not None
    assert (stored.retrain, stored.reason, stored.tweets) == (False, found.reason, found.tweets)
    assert stored.to_at - stored.from_at == CONFIG.window
    assert stored.prediction_psi is not None
    assert stored.prediction_psi < 0.05


def test_other_words_and_other_opinions_recommend_training_and_say_why(pipe: Pipeline) -> None:
    foreign = [f"bad {'zeitgeist ' * (i % 7)} quixotic umbrage {i}" for i in range(500)]
    found = look(pipe, Package(reference=known(foreign)))
    assert found.retrain
    assert "unfamiliar" in found.reason
    assert "predicted" in found.reason
    stored = latest(pipe)
    assert stored is not None
    assert stored.retrain


def test_a_second_look_within_the_hour_adds_nothing(pipe: Pipeline) -> None:
    package = Package(reference=known([words(i) for i in range(1000, 1500)]))
    assert look(pipe, package).changed
    pipe.at += timedelta(minutes=20)
    assert not look(pipe, package).changed
    assert pipe.value("SELECT count(*) FROM drift_report") == 1
    pipe.at += timedelta(minutes=45)
    assert look(pipe, package).changed


def test_a_package_without_a_reference_says_so_and_recommends_nothing(pipe: Pipeline) -> None:
    found = look(pipe, Package())
    assert not found.retrain
    assert "nothing can be compared" in found.reason
    stored = latest(pipe)
    assert stored is not None
    assert stored.prediction_psi is None


def test_too_few_tweets_are_no_drift(pipe: Pipeline) -> None:
    package = Package(reference=known(["quixotic umbrage"] * 50 + ["zeitgeist"] * 50))
    found = look(pipe, package, DriftConfig(min_tweets=5000))
    assert (found.retrain, "too few" in found.reason) == (False, True)


def test_tweets_outside_the_window_are_not_looked_at(pipe: Pipeline) -> None:
    pipe.at = START + timedelta(days=3)
    assert look(pipe, Package(reference=known(["a", "b"]))).tweets == 0


@pytest.mark.parametrize(("recall", "worse"), [(1.0, False), (0.0, True)], ids=["right", "wrong"])
def test_a_model_that_is_surely_worse_than_its_package_says_needs_training(
    pipe: Pipeline,
    recall: float,
    worse: bool,  # noqa: FBT001
) -> None:
    label(pipe, right=not worse)
    found = look(pipe, Package())
    assert found.retrain is worse
    assert found.figures["labelled"] > 70
    assert ("surely below" in found.reason) is worse
    assert found.figures["average_recall"] == recall


def test_the_latest_report_is_of_the_version_asked_for(pipe: Pipeline) -> None:
    look(pipe, Package())
    with pipe.warehouse.begin() as connection:
        assert reports.latest(connection, model_version="another") is None
        newest = reports.latest(connection)
    assert newest is not None
    assert newest.model_version == Model.version
    assert np.isfinite(newest.tweets)
