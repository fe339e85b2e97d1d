"""Accuracy in production, on a real warehouse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from page_support import add_topic, add_tweet, build_app
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from trendvane.serve.accuracy_gauges import AccuracyGauges
from trendvane.warehouse import labels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy import Connection

    from trendvane.warehouse.engine import Warehouse

pytestmark = pytest.mark.integration
NOW = datetime(2026, 5, 13, 12, tzinfo=UTC)  # a Wednesday
MODEL = "tiny-1"
MIN = 30


def judge(
    connection: Connection,
    topic: str,
    at: datetime,
    pairs: list[tuple[int, int]],
    *,
    model: str = MODEL,
    at_random: bool = True,
) -> None:
    """One voice for each (label, prediction), a second apart."""
    rows = []
    for n, (truth, predicted) in enumerate(pairs):
        tweet_id = add_tweet(
            connection,
            topic,
            at + timedelta(seconds=n),
            predicted,
            f"word {n}",
            model=model,
            sample="validation",
        )
        rows.append(labels.LabelRow(tweet_id, "Ada", "", truth, 1, "human", 1.0, at_random))
    labels.write(connection, rows, now=NOW)


@pytest.fixture
def topic(warehouse: Warehouse) -> str:
    """Two weeks of labels on one topic, a few on another, and some that measure nothing."""
    with warehouse.begin() as connection:
        ferry, pier = (add_topic(connection, name, NOW) for name in ("#Ferry", "#Pier"))
        last_week = [(0, 0)] * 12 + [(1, 1)] * 8 + [(2, 2)] * 12 + [(2, 1)] * 8
        judge(connection, ferry, NOW - timedelta(days=7), last_week)
        judge(connection, ferry, NOW - timedelta(hours=3), [(0, 0), (1, 0)])
        judge(connection, pier, NOW - timedelta(hours=2), [(2, 2)] * 3)
        judge(connection, ferry, NOW - timedelta(hours=1), [(0, 2)] * 5, at_random=False)
        judge(connection, ferry, NOW - timedelta(days=100), [(0, 2)] * 5)
        judge(connection, ferry, NOW - timedelta(days=2), [(0, 2)] * 4, model="older-1")
    return ferry


def open_client(warehouse: Warehouse, package: Path, **config: Any) -> TestClient:
    app = build_app(
        warehouse, now=lambda: NOW, package=package, allowed_hosts=("testserver",), docs=True, **config
    )
    return TestClient(app, raise_server_exceptions=False)


@pytest.fixture
def client(warehouse: Warehouse, make_package: Callable[..., Path]) -> Iterator[TestClient]:
    with open_client(warehouse, make_package(), accuracy_poll_s=0.05) as opened:
        yield opened


def test_the_champion_by_week_and_topic(client: TestClient, topic: str) -> None:
    body = client.get("/v1/model/accuracy").json()
    assert (body["model_version"], body["level"], body["min_labels"]) == (MODEL, 0.9, MIN)
    overall = body["overall"]
    assert (overall["labels"], overall["right"], overall["too_few"]) == (45, 36, False)
    assert overall["confusion"] == [[13, 0, 0], [1, 8, 0], [0, 8, 15]]
    assert overall["accuracy"]["value"] == pytest.approx(0.8)
    assert 0.6 < overall["accuracy"]["low"] < 0.8 < overall["accuracy"]["high"] < 0.9
    assert overall["average_recall"]["value"] == pytest.approx((1 + 8 / 9 + 15 / 23) / 3, abs=1e-4)
    assert overall["recalls"]["positive"]["value"] == pytest.approx(15 / 23, abs=1e-4)
    assert [(week["week"], week["labels"], week["right"]) for week in body["weeks"]] == [
        ("2026-05-04T00:00:00.000Z", 40, 32),
        ("2026-05-11T00:00:00.000Z", 5, 4),
    ]
    assert body["weeks"][1]["too_few"]
    found = [(each["name"], each["labels"], each["too_few"]) for each in body["topics"]]
    assert found == [("#Ferry", 42, False), ("#Pier", 3, True)]
    assert body["topics"][1]["average_recall"] is None
    assert [(other["version"], other["labels"], other["right"]) for other in body["others"]] == [
        ("older-1", 4, 0)
    ]


def test_without_labels_nothing_is_claimed(client: TestClient) -> None:
    body = client.get("/v1/model/accuracy").json()
    assert (body["weeks"], body["topics"], body["others"]) == ([], [], [])
    assert (body["overall"]["labels"], body["overall"]["accuracy"]) == (0, None)
    assert body["overall"]["too_few"]


def test_without_a_model_there_is_nobody_to_judge(warehouse: Warehouse, topic: str, tmp_path: Path) -> None:
    with open_client(warehouse, tmp_path / "none") as client:
        body = client.get("/v1/model/accuracy").json()
        assert (body["model_version"], body["overall"]["labels"], body["weeks"]) == (None, 0, [])
        assert {other["version"] for other in body["others"]} == {MODEL, "older-1"}


def test_gauges_follow_the_labels(warehouse: Warehouse, client: TestClient, topic: str) -> None:
    app: Any = client.app
    gauges = AccuracyGauges(app.state.ports, warehouse)
    assert {metric.name: metric.samples for metric in gauges.collect()}["trendvane_live_labels"] == []
    gauges.refresh()
    samples = {
        (sample.name, sample.labels.get("truth")): sample.value
        for metric in gauges.collect()
        for sample in metric.samples
        if sample.labels["model_version"] == MODEL
    }
    assert samples["trendvane_live_labels", "positive"] == 23
    assert samples["trendvane_live_accuracy_ratio", None] == pytest.approx(0.8)
    low, high = (samples[f"trendvane_live_accuracy_{end}_ratio", None] for end in ("low", "high"))
    assert 0.6 < low < 0.8 < high < 0.9
    assert samples["trendvane_live_average_recall_ratio", None] == pytest.approx(0.8470, abs=1e-4)
    assert len(samples) == 3 + 6


def test_scrapes_show_them_by_and_by(client: TestClient, topic: str) -> None:
    text = ""
    while 'trendvane_live_labels{model_version="tiny-1",truth="neutral"} 9.0' not in text:
        text = client.get("/metrics").text
    families = {family.name for family in text_string_to_metric_families(text)}
    assert {"trendvane_live_accuracy_ratio", "trendvane_live_average_recall_high_ratio"} <= families
