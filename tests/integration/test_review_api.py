"""Labelling by people, on a real warehouse."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from page_support import add_topic, add_tweet, build_app
from starlette.testclient import TestClient

from trendvane.domain.holdout import held_out
from trendvane.warehouse import labels
from trendvane.warehouse.tables import tweet_staging
from trendvane.warehouse.tables_learning import label_rollup, tweet_label

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trendvane.warehouse.engine import Warehouse

pytestmark = pytest.mark.integration
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
KEY = "the key of this test"
# What the model thinks of each, from nearly sure to torn; none of these wordings is kept for judging.
DOUBTS = {"Rain again at the pier": 0.95, "They moved the fair": 0.55, "So much for the new bus": 0.36}


@pytest.fixture
def topic(warehouse: Warehouse) -> str:
    with warehouse.begin() as connection:
        return add_topic(connection, "#Pier", NOW)


@pytest.fixture
def tweets(warehouse: Warehouse, topic: str) -> dict[str, list[int]]:
    """Three tweets of each sample, and one of none, with the same words."""
    found: dict[str, list[int]] = {}
    with warehouse.begin() as connection:
        for place, sample in enumerate(("training", "validation", None)):
            found[str(sample)] = [
                add_tweet(
                    connection, topic, NOW - timedelta(minutes=serial), 2, text,
                    score=score, serial=place, sample=sample,
                )
                for serial, (text, score) in enumerate(DOUBTS.items())
            ]  # fmt: skip
    return found


def open_client(warehouse: Warehouse, **config: Any) -> TestClient:
    app = build_app(warehouse, now=lambda: NOW, allowed_hosts=("testserver",), **config)
    return TestClient(app, raise_server_exceptions=False)


@pytest.fixture
def client(warehouse: Warehouse) -> Iterator[TestClient]:
    with open_client(warehouse) as opened:
        yield opened


def following(client: TestClient, mode: str, labeller: str = "Ada", **more: Any) -> list[dict[str, Any]]:
    answer = client.get("/v1/review/next", params={"mode": mode, "labeller": labeller, **more})
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["tweets"]
    return rows


def say(client: TestClient, tweet_id: int | str, **body: Any) -> Any:
    return client.put(
        f"/v1/review/{tweet_id}", json={"label": "negative", "labeller": "Ada", "mode": "random"} | body
    )


def stored(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    c = tweet_label.c
    with warehouse.begin() as connection:
        rows = connection.execute(
            sa.select(c.tweet_id, c.labeller, c.label, c.kind, c.at_random, c.votes, c.share)
        )
        return [tuple(row) for row in rows]


def counted(warehouse: Warehouse) -> int:
    with warehouse.begin() as connection:
        return int(
            connection.execute(sa.select(sa.func.coalesce(sa.func.sum(label_rollup.c.n), 0))).scalar_one()
        )


def test_the_most_uncertain_come_first_and_only_from_the_training_sample(
    client: TestClient, tweets: dict[str, list[int]]
) -> None:
    rows = following(client, "uncertain")
    assert [row["id"] for row in rows] == [str(tweet_id) for tweet_id in reversed(tweets["training"])]
    assert rows[0] == {
        "id": str(tweets["training"][2]),
        "text": "So much for the new bus",
        "topic": "#Pier",
        "lang": "en",
        "created_at": "2026-05-04T11:58:00.000Z",
        "source": "emulator",
    }


def test_at_random_is_a_fixed_order_over_the_validation_sample(
    client: TestClient, tweets: dict[str, list[int]], warehouse: Warehouse, topic: str
) -> None:
    with warehouse.begin() as connection:
        more = [
            add_tweet(connection, topic, NOW - timedelta(seconds=n), n % 3, f"word {n}", sample="validation")
            for n in range(1, 30)
        ]
    ids = [int(row["id"]) for row in following(client, "random", limit=50)]
    assert sorted(ids) == sorted(tweets["validation"] + more)
    assert ids != sorted(ids)
    assert ids != sorted(ids, reverse=True)
    assert [int(row["id"]) for row in following(client, "random", "Somebody else", limit=7)] == ids[:7]


def test_a_label_is_stored_counted_and_answered_with_what_others_said(
    client: TestClient, tweets: dict[str, list[int]], warehouse: Warehouse
) -> None:
    tweet_id = tweets["validation"][0]
    row = labels.LabelRow(tweet_id, "llm:tiny", "v1", 1, 3, "llm", 0.67, at_random=False)
    with warehouse.begin() as connection:
        labels.write(connection, [row], now=NOW)
    assert counted(warehouse) == 0
    body = say(client, tweet_id).json()
    assert (body["label"], body["at_random"]) == ("negative", True)
    assert body["model"] == {
        "label": "positive",
        "score": 0.95,
        "probabilities": {
            "negative": pytest.approx(0.025),
            "neutral": pytest.approx(0.025),
            "positive": 0.95,
        },
        "model_version": "starter-1",
    }
    assert body["others"] == [{"labeller": "llm:tiny", "kind": "llm", "label": "neutral", "share": 0.67}]
    assert (tweet_id, "Ada", 0, "human", True, 1, 1.0) in stored(warehouse)
    assert counted(warehouse) == 1
    assert str(tweet_id) not in {row["id"] for row in following(client, "random", "Grace")}


def test_uncertain_labels_are_never_a_measurement(
    client: TestClient, tweets: dict[str, list[int]], warehouse: Warehouse
) -> None:
    assert say(client, tweets["training"][0], mode="uncertain").json()["at_random"] is False
    assert stored(warehouse) == [(tweets["training"][0], "Ada", 0, "human", False, 1, 1.0)]
    assert counted(warehouse) == 0


@pytest.mark.parametrize(("sample", "mode"), [("training", "random"), ("validation", "uncertain")])
def test_a_tweet_of_the_other_sample_is_refused(
    client: TestClient, tweets: dict[str, list[int]], warehouse: Warehouse, sample: str, mode: str
) -> None:
    assert say(client, tweets[sample][0], mode=mode).status_code == 409
    assert say(client, tweets["None"][0], mode=mode).status_code == 409
    assert stored(warehouse) == []


def test_saying_it_again_changes_it_and_undo_takes_it_back(
    client: TestClient, tweets: dict[str, list[int]], warehouse: Warehouse
) -> None:
    tweet_id = tweets["validation"][1]
    for label in ("negative", "positive", "positive"):
        assert say(client, tweet_id, label=label).status_code == 200
    assert stored(warehouse) == [(tweet_id, "Ada", 2, "human", True, 1, 1.0)]
    assert counted(warehouse) == 1
    path = f"/v1/review/{tweet_id}"
    assert client.delete(path, params={"labeller": "Grace"}).status_code == 404
    assert client.delete(path, params={"labeller": "Ada"}).status_code == 204
    assert client.delete(path, params={"labeller": "Ada"}).status_code == 404
    assert (stored(warehouse), counted(warehouse)) == ([], 0)
    assert str(tweet_id) in {row["id"] for row in following(client, "random")}


def test_who_cannot_tell_is_not_asked_again_but_others_are(
    client: TestClient, tweets: dict[str, list[int]]
) -> None:
    tweet_id = tweets["validation"][2]
    assert say(client, tweet_id, label=None).json()["label"] is None
    assert str(tweet_id) not in {row["id"] for row in following(client, "random", "Ada")}
    assert str(tweet_id) in {row["id"] for row in following(client, "random", "Grace")}


def test_copies_old_tweets_and_unscored_ones_are_not_shown(
    client: TestClient, warehouse: Warehouse, topic: str
) -> None:
    with warehouse.begin() as connection:
        for sample in ("training", "validation"):
            add_tweet(connection, topic, NOW, 0, "a copy", voice=False, sample=sample, serial=len(sample))
            add_tweet(
                connection, topic, NOW - timedelta(days=40), 0, "old", sample=sample, serial=len(sample)
            )
    assert following(client, "uncertain") == following(client, "random") == []


def test_wordings_kept_for_judging_are_not_asked_for_training(
    client: TestClient, warehouse: Warehouse, topic: str
) -> None:
    # More than a page of the query, and all more doubtful than the one that may be shown.
    wordings = (" ".join(3 * "abcdefghij"[int(digit)] for digit in f"{n:05d}") for n in range(9000))
    kept = [text for text in wordings if held_out(text)]
    with warehouse.begin() as connection:
        for n, text in enumerate(kept[:120]):
            add_tweet(connection, topic, NOW - timedelta(seconds=n), 0, text, score=0.34, sample="training")
        add_tweet(connection, topic, NOW, 0, "The ferry was late", score=0.9, sample="training", serial=1)
    assert len(kept) >= 120
    assert [row["text"] for row in following(client, "uncertain")] == ["The ferry was late"]


def test_tweets_of_the_real_x_are_left_alone_unless_allowed(
    client: TestClient, tweets: dict[str, list[int]], warehouse: Warehouse
) -> None:
    with warehouse.begin() as connection:
        connection.execute(sa.update(tweet_staging).values(source="x"))
    assert following(client, "random") == following(client, "uncertain") == []
    assert say(client, tweets["validation"][0]).status_code == 403
    assert stored(warehouse) == []
    with open_client(warehouse, allow_x_content=True) as allowed:
        assert len(following(allowed, "random")) == 3
        assert say(allowed, tweets["validation"][0]).status_code == 200


def test_a_key_is_asked_for(warehouse: Warehouse, tweets: dict[str, list[int]]) -> None:
    hashes = (hashlib.sha256(KEY.encode()).hexdigest(),)
    with open_client(warehouse, key_hashes=hashes) as client:
        path = f"/v1/review/{tweets['validation'][0]}"
        for method, where in (("GET", "/v1/review/next"), ("PUT", path), ("DELETE", path)):
            assert client.request(method, where).status_code == 401
        client.headers["X-API-Key"] = KEY
        assert say(client, tweets["validation"][0]).status_code == 200


ORIGINS: list[tuple[dict[str, str], int]] = [
    ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Sec-Fetch-Site": "same-site"}, 403),  # another port of this machine
    ({"Sec-Fetch-Site": "none"}, 403),
    ({"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"}, 403),
    ({"Origin": "https://evil.example"}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": ""}, 403),
    ({"Origin": "http://testserver.evil.example"}, 403),
    ({"Origin": "http://testserver:81"}, 403),
    ({"Sec-Fetch-Site": "same-origin", "Origin": "http://testserver"}, 200),
    ({"Origin": "http://testserver"}, 200),
    ({}, 200),
]


def test_only_own_pages_and_programs_may_write(
    client: TestClient, tweets: dict[str, list[int]], warehouse: Warehouse
) -> None:
    path = f"/v1/review/{tweets['validation'][0]}"
    body = {"label": "negative", "labeller": "Ada", "mode": "random"}
    for headers, status in ORIGINS:
        assert client.put(path, json=body, headers=headers).status_code == status, headers
        assert len(stored(warehouse)) == (status == 200), headers
        gone = client.delete(path, params={"labeller": "Ada"}, headers=headers)
        assert gone.status_code == (204 if status == 200 else 403), headers


HOSTILE: list[tuple[str, bytes, str, int]] = [
    ("form", b"label=negative", "application/x-www-form-urlencoded", 415),
    ("plain text", b'{"label":"negative","labeller":"Ada","mode":"random"}', "text/plain", 415),
    ("no type", b'{"label":"negative","labeller":"Ada","mode":"random"}', "", 415),
    ("empty", b"", "application/json", 400),
    ("cut", b'{"label":', "application/json", 400),
    ("not UTF-8", b'{"label":"\xff"}', "application/json", 400),
    ("deep", b"[" * 5000, "application/json", 413),
    ("list", b"[]", "application/json", 422),
    ("no keys", b"{}", "application/json", 422),
    (
        "a key too many",
        b'{"label":"negative","labeller":"Ada","mode":"random","x":1}',
        "application/json",
        422,
    ),
    ("a key twice", b'{"label":null,"label":null,"labeller":"Ada","mode":"random"}', "application/json", 400),
    ("number", b'{"label":0,"labeller":"Ada","mode":"random"}', "application/json", 422),
    ("object", b'{"label":{},"labeller":"Ada","mode":"random"}', "application/json", 422),
    ("fourth class", b'{"label":"mixed","labeller":"Ada","mode":"random"}', "application/json", 422),
    ("mode of another kind", b'{"label":null,"labeller":"Ada","mode":[]}', "application/json", 422),
    ("no name", b'{"label":null,"labeller":" ","mode":"random"}', "application/json", 422),
    ("an LLM's name", b'{"label":null,"labeller":"llm:tiny","mode":"random"}', "application/json", 422),
    ("NUL", b'{"label":null,"labeller":"A\\u0000","mode":"random"}', "application/json", 422),
    ("lone surrogate", b'{"label":null,"labeller":"A\\ud800","mode":"random"}', "application/json", 400),
    ("long", b'{"label":null,"labeller":"' + b"a" * 41 + b'","mode":"random"}', "application/json", 422),
    ("large", b'{"label":null,"labeller":"' + b"a" * 3000 + b'","mode":"random"}', "application/json", 413),
]


def test_hostile_bodies_are_refused(
    client: TestClient, tweets: dict[str, list[int]], warehouse: Warehouse
) -> None:
    path = f"/v1/review/{tweets['validation'][0]}"
    for name, body, kind, status in HOSTILE:
        answer = client.put(path, content=body, headers={"Content-Type": kind} if kind else {})
        assert answer.status_code == status, name
        assert answer.headers["content-type"] == "application/problem+json", name
    assert stored(warehouse) == []


def test_bad_questions_get_problems(client: TestClient) -> None:
    for query in (
        "",
        "mode=best&labeller=Ada",
        "mode=random&labeller=",
        "mode=random&labeller=%00",
        "mode=random&labeller=llm:tiny",
        "mode=random&labeller=Ada&limit=0",
        "mode=random&labeller=Ada&limit=51",
    ):
        answer = client.get(f"/v1/review/next?{query}")
        assert answer.status_code == 422, query
        assert answer.headers["content-type"] == "application/problem+json", query


def test_unknown_tweets(client: TestClient) -> None:
    for tweet_id, status in (("1", 404), ("9" * 19, 404), ("x", 422), ("-1", 422)):
        assert say(client, tweet_id).status_code == status
        assert client.delete(f"/v1/review/{tweet_id}", params={"labeller": "Ada"}).status_code == status
