"""Endpoints that read the warehouse, with a real one and with one that went away."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from trendvane.model.batcher import Batcher
from trendvane.model.holder import ModelHolder
from trendvane.serve.app import create_app
from trendvane.serve.ports import Ports, ServeConfig
from trendvane.warehouse.engine import Warehouse
from trendvane.warehouse.tables import tweet_product, tweet_staging, tweet_topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BIG = 2**63 - 10  # beyond what a JavaScript number holds


def open_app(warehouse: Warehouse, package: Path) -> TestClient:
    holder = ModelHolder(package)
    config = ServeConfig(allowed_hosts=("testserver",))
    ports = Ports(holder=holder, batcher=Batcher(holder), warehouse=warehouse, config=config, now=lambda: NOW)
    holder.poll()
    return TestClient(create_app(ports), raise_server_exceptions=False)


@pytest.fixture
def client(warehouse: Warehouse, make_package: Callable[..., Path]) -> Iterator[TestClient]:
    with open_app(warehouse, make_package()) as opened:
        yield opened


def add_tweet(warehouse: Warehouse, tweet_id: int, *versions: str) -> None:
    common: dict[str, Any] = {"topic": "a" * 16, "type": "hashtag", "created_at": NOW}
    staged = common | {
        "tweet_id": tweet_id,
        "content": 'so <b>good</b> 🙂 "quoted"',
        "crawl_at": NOW,
        "lang": "en",
        "cluster_id": tweet_id,
        "source": "emulator",
        "raw_ref": "raw/v1/dt=2026-01-01/x.json.zst#1",
    }
    with warehouse.begin() as connection:
        connection.execute(sa.insert(tweet_staging).values(staged))
        for topic in ("b" * 16, "a" * 16):
            connection.execute(
                sa.insert(tweet_topic).values(tweet_id=tweet_id, topic_id=topic, created_at=NOW)
            )
        for minute, version in enumerate(versions):
            scored = common | {
                "staging_id": tweet_id,
                "tweet_id": tweet_id,
                "predicted_sentiment": 2,
                "sentiment_score": 0.7,
                "processed_at": NOW.replace(minute=minute),
                "p_negative": 0.1,
                "p_neutral": 0.2,
                "p_positive": 0.7,
                "model_version": version,
            }
            connection.execute(sa.insert(tweet_product).values(scored))


def test_a_tweet_comes_with_its_newest_prediction_and_its_origin(
    client: TestClient, warehouse: Warehouse
) -> None:
    add_tweet(warehouse, BIG, "old-1", "new-2")
    tweet = client.get(f"/v1/tweets/{BIG}").json()
    assert tweet["id"] == tweet["cluster_id"] == str(BIG)
    assert tweet["content"] == 'so <b>good</b> 🙂 "quoted"'
    assert tweet["topics"] == ["a" * 16, "b" * 16]
    assert tweet["raw_ref"].startswith("raw/v1/")
    assert tweet["prediction"]["model_version"] == "new-2"
    assert tweet["prediction"]["label"] == "positive"
    assert tweet["prediction"]["probabilities"] == {"negative": 0.1, "neutral": 0.2, "positive": 0.7}


def test_a_tweet_that_is_not_scored_yet_has_no_prediction(client: TestClient, warehouse: Warehouse) -> None:
    add_tweet(warehouse, 77)
    assert client.get("/v1/tweets/77").json()["prediction"] is None


@pytest.mark.parametrize("tweet_id", ["1", "0", "9" * 19])
def test_an_unknown_tweet_is_404(client: TestClient, tweet_id: str) -> None:
    assert client.get(f"/v1/tweets/{tweet_id}").status_code == 404


def test_ready_and_all_endpoints_together(client: TestClient) -> None:
    assert client.get("/readyz").json() == {"ready": True, "reasons": []}
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/v1/predict", "/v1/model", "/v1/topics", "/v1/live", "/livez", "/readyz"} <= paths.keys()


def test_a_warehouse_that_went_away_is_503_with_a_remedy(make_package: Callable[..., Path]) -> None:
    # Port 1 answers nothing: as if PostgreSQL had stopped after we started.
    gone = Warehouse(sa.create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none?connect_timeout=2"))
    with open_app(gone, make_package()) as client:
        answer = client.get("/v1/tweets/77")
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert "PostgreSQL" in answer.json()["remedy"]
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert "warehouse" in ready.json()["reasons"][0]
        # What needs no warehouse goes on.
        assert client.post("/v1/predict", json={"texts": ["good"]}).status_code == 200
    gone.close()
