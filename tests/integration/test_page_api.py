"""The read-only API on a real warehouse."""

import io
import json
from datetime import UTC, datetime, timedelta

import httpx2
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from page_support import add_minute, add_topic, add_tweet, build_app, serving

from trendvane.serve.live import LiveOptions
from trendvane.warehouse import tables
from trendvane.warehouse.tables import topic

pytestmark = pytest.mark.integration


@pytest.fixture
def now():
    return datetime.now(UTC)


@pytest.fixture
def ids(warehouse, now):
    with warehouse.begin() as connection:
        found = [add_topic(connection, name, now) for name in ("=Bridge", "#Cup", "Quiet")]
        for topic, counts in zip(found, ((30, 10, 10), (5, 5, 30), (1, 0, 1)), strict=True):
            add_minute(connection, topic, now - timedelta(minutes=4), counts, tweets=sum(counts) + 10)
        add_tweet(connection, found[0], now - timedelta(minutes=4), 0, "<script>alert(1)</script>")
    return found


@pytest.fixture
def client(warehouse, ids):
    app = build_app(warehouse, live=LiveOptions(max_viewers=1))
    with serving(app) as address, httpx2.Client(base_url=address) as client:
        yield client


def test_the_overview_has_shares_intervals_and_what_they_rest_on(client, ids):
    body = client.get("/v1/topics").raise_for_status().json()
    assert (body["source"], body["demo"], body["source_state"], body["level"]) == (
        "emulator",
        True,
        "live",
        0.9,
    )
    first = body["topics"][0]
    assert first["id"] == ids[0]
    assert (first["tweets"], first["voices"], first["folded"]) == (60, 50, 10)
    negative = first["shares"]["negative"]
    assert negative["low"] < negative["value"] < negative["high"]
    assert isinstance(first["newest_tweet_id"], str)
    assert first["newest_at"].endswith("Z")
    quiet = body["topics"][2]
    assert quiet["too_few"]
    assert quiet["shares"] is not None


def test_one_topic_in_full(client, ids):
    body = client.get(f"/v1/topics/{ids[0]}", params={"window": "1h"}).raise_for_status().json()
    example = body["examples"]["negative"][0]
    assert (example["id"], example["url"]) == (body["newest_tweet_id"], None)  # invented: not on X
    assert sum(point["tweets"] or 0 for point in body["series"]["points"]) == 60
    assert body["provenance"]["models"] == [{"version": "starter-1", "voices": 50}]
    assert body["provenance"]["predicted"] == {"negative": 30, "neutral": 10, "positive": 10}
    assert body["truth"] is None


def test_a_comparison_keeps_order_and_shares_the_voice(client, ids):
    body = client.get("/v1/topics/compare", params={"ids": f"{ids[1]},{ids[0]}"}).raise_for_status().json()
    assert [topic["id"] for topic in body["topics"]] == [ids[1], ids[0]]
    assert sum(topic["share_of_voice"] for topic in body["topics"]) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/topics?window=2h", 422),
        ("/v1/topics?limit=0", 422),
        ("/v1/topics?limit=x", 422),
        ("/v1/topics/zz", 422),
        ("/v1/topics/ffffffffffffffff", 404),
        ("/v1/topics/ffffffffffffffff/export.csv", 404),
        ("/v1/topics/zz/export.parquet", 422),
        ("/v1/topics/ffffffffffffffff?examples=best", 422),
        ("/v1/topics/compare?ids=ffffffffffffffff", 422),
        ("/v1/topics/compare?ids=ffffffffffffffff,eeeeeeeeeeeeeeee", 404),
        ("/v1/topics/compare", 422),
        ("/v1/live?window=%00", 422),
    ],
)
def test_bad_questions_get_problems(client, path, status):
    response = client.get(path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == status


def test_exports(client, ids):
    csv = client.get(f"/v1/topics/{ids[0]}/export.csv").raise_for_status()
    assert "attachment" in csv.headers["content-disposition"]
    lines = csv.text.splitlines()
    assert len(lines) == 2
    assert "'=Bridge" in lines[1]
    assert "script" not in csv.text
    parquet = client.get(f"/v1/topics/{ids[0]}/export.parquet", params={"ids": False}).raise_for_status()
    (row,) = pq.read_table(io.BytesIO(parquet.content)).to_pylist()
    assert (row["voices"], "tweet_ids" in row) == (50, False)


def events(response):
    for line in response.iter_lines():
        if line.startswith("data:"):
            yield json.loads(line[5:])


def test_live_pushes_a_change_within_two_seconds(client, warehouse, ids, now):
    with client.stream("GET", "/v1/live", timeout=10) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        stream = events(response)
        assert next(stream)["topics"][0]["voices"] == 50
        started = datetime.now(UTC)
        with warehouse.begin() as connection:
            add_minute(connection, ids[0], now, (7, 0, 0))
        while next(stream)["topics"][0]["voices"] != 57:
            pass
        assert datetime.now(UTC) - started < timedelta(seconds=2)
        assert client.get("/v1/live").status_code == 503  # one viewer is all this server takes


def test_a_silent_source_is_down_and_its_bins_unknown(client, warehouse, ids, now):
    with warehouse.begin() as connection:
        connection.execute(sa.update(tables.topic).values(polled_at=now - timedelta(minutes=10)))
    body = client.get(f"/v1/topics/{ids[0]}", params={"window": "15m"}).raise_for_status().json()
    assert body["source_state"] == "down"
    assert body["series"]["points"][-1]["tweets"] is None


def test_what_came_from_x_links_to_it(client, warehouse, ids):
    with warehouse.begin() as connection:
        connection.execute(topic.update().where(topic.c.topic_id == ids[0]).values(source="x"))
    body = client.get(f"/v1/topics/{ids[0]}", params={"window": "1h"}).raise_for_status().json()
    assert body["examples"]["negative"][0]["url"] == f"https://x.com/i/status/{body['newest_tweet_id']}"
