"""The emulator over real sockets: tokens, windows, faults, and a stream that breaks in every way."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import orjson
import pytest

from trendvane.domain.errors import ConfigurationError
from trendvane.emulator.config import EmulatorConfig, Replay
from trendvane.emulator.faults import Fault
from trendvane.emulator.server import running, serve

pytestmark = pytest.mark.integration
TOKEN = {"Authorization": "Bearer emulator"}
SEARCH = "/2/tweets/search/recent"
STREAM = "/2/tweets/search/stream"
BUSY = EmulatorConfig(
    topics=("#SkylarkDown", "Lumora Lens"),
    history_hours=0.5,
    rate=40.0,
    heartbeat_s=0.3,
    rate_limit_factor=100,
)


@pytest.fixture(scope="module")
def emulator_url():
    with running(BUSY) as url:
        yield url


@pytest.fixture
def client(emulator_url):
    with httpx2.Client(base_url=emulator_url, headers=TOKEN, timeout=10) as client:
        client.delete("/emulator/faults")
        client.delete("/2/connections/all")
        client.post(f"{STREAM}/rules", params={"delete_all": "true"}, json={})
        yield client


def arm(client, **fault) -> None:
    client.post("/emulator/faults", json=fault).raise_for_status()


def search(client, **params):
    return client.get(SEARCH, params={"query": "skylark", **params})


def test_tokens(client) -> None:
    assert search(client).status_code == 200
    for header in ("", "Bearer wrong", "Basic emulator", "Bearer"):
        refused = client.get(SEARCH, params={"query": "tea"}, headers={"Authorization": header})
        assert refused.status_code == 401
        assert int(refused.headers["x-rate-limit-remaining"]) > 0
        body = refused.json()
        assert body == {
            "title": "Unauthorized",
            "type": "about:blank",
            "status": 401,
            "detail": "Unauthorized",
        }


def test_unknown_routes_and_methods(client) -> None:
    assert client.get("/2/nothing").json()["title"] == "Not Found"
    assert client.put(SEARCH).status_code == 405
    assert (
        client.get("/2/tweets/compliance/stream", params={"partition": 1}).json()["title"]
        == "Client Forbidden"
    )


def test_the_window_closes_with_a_reset_time() -> None:
    with running(EmulatorConfig(topics=("Orvo S9",), history_hours=0.01)) as url:
        limits = []
        with httpx2.Client(base_url=url, headers=TOKEN) as client:
            for _ in range(51):
                reply = client.get("/2/usage/credits")
                limits.append((reply.status_code, reply.headers["x-rate-limit-remaining"]))
            assert limits[0] == (200, "49")
            assert limits[-1] == (429, "0")
            assert 800 < int(reply.headers["x-rate-limit-reset"]) - time.time() <= 901


@pytest.mark.parametrize(
    ("kind", "status", "last_segment"),
    [
        ("credits", 402, "credits"),
        ("cap", 429, "usage-capped"),
        ("window", 429, "about:blank"),
        ("unavailable", 503, "about:blank"),
        ("unauthorized", 401, "about:blank"),
        ("forbidden", 403, "client-forbidden"),
    ],
)
def test_refusals(client, kind, status, last_segment) -> None:
    arm(client, kind=kind, endpoint="search_recent", seconds=90)
    reply = search(client)
    assert reply.status_code == status
    assert reply.json()["type"].rsplit("/", 1)[-1] == last_segment
    if kind == "window":
        assert 0 < int(reply.headers["x-rate-limit-reset"]) - time.time() < 92
    assert search(client).status_code == 200


def test_html_where_json_belongs(client) -> None:
    for kind, status in (("unavailable_html", 503), ("html_ok", 200)):
        arm(client, kind=kind, endpoint="search_recent")
        reply = search(client)
        assert reply.status_code == status
        assert reply.headers["content-type"].startswith("text/html")


def test_spoilt_pages(client) -> None:
    clean = search(client, max_results=20).json()
    arm(client, kind="truncated")
    with pytest.raises(json.JSONDecodeError):
        search(client).json()
    arm(client, kind="duplicates")
    assert len(search(client, max_results=20).json()["data"]) == 40
    arm(client, kind="out_of_order")
    ids = [row["id"] for row in search(client, max_results=20).json()["data"]]
    assert ids != sorted(ids, reverse=True)
    arm(client, kind="empty_page")
    empty = search(client).json()
    assert "data" not in empty
    assert empty["meta"]["next_token"]
    arm(client, kind="endless_token", times=2)
    token = search(client, until_id=clean["meta"]["newest_id"]).json()["meta"]["next_token"]
    again = search(client, until_id=clean["meta"]["newest_id"], next_token=token).json()
    assert again["meta"]["next_token"] == token
    for host, name in (("twitter", "api.twitter.com"), ("x", "api.x.com")):
        arm(client, kind="partial_errors", host=host)
        both = search(client).json()
        assert both["data"]
        assert all(name in error["type"] for error in both["errors"])


def test_poison_rows(client) -> None:
    arm(client, kind="poison")
    raw = search(client, max_results=20).content
    assert b"\\u0000" in raw
    assert b"\\ud83d " in raw
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(raw)
    rows = json.loads(raw)["data"]
    assert any(isinstance(row["id"], int) for row in rows)
    assert any(len(row["text"]) == 25_000 for row in rows)
    assert any("hologram" in row for row in rows)


def test_slow_stalled_and_reset_replies(client) -> None:
    for kind in ("slow", "stall"):
        arm(client, kind=kind, endpoint="search_recent", seconds=0.4)
        began = time.monotonic()
        assert search(client).status_code == 200
        assert time.monotonic() - began > 0.3
    arm(client, kind="reset", endpoint="search_recent")
    with pytest.raises(httpx2.TransportError):
        search(client)
    assert search(client).status_code == 200


def test_money_runs_out() -> None:
    config = EmulatorConfig(topics=("Orvo S9",), history_hours=0.5, history_rate=3, credits_usd=0.06)
    with running(config) as url, httpx2.Client(base_url=url, headers=TOKEN) as client:
        assert client.get(SEARCH, params={"query": "S9", "max_results": 12}).status_code == 200
        broke = client.get(SEARCH, params={"query": "S9"})
        assert (broke.status_code, broke.json()["title"]) == (402, "CreditsDepleted")
        assert int(broke.headers["x-rate-limit-remaining"]) > 400  # two independent meters
        assert client.get("/2/usage/credits").json()["data"]["total_balance"] == 0


def test_rapid_polls_are_all_answered(emulator_url) -> None:
    with httpx2.Client(base_url=emulator_url, headers=TOKEN, timeout=10) as client:
        newest = search(client).json()["meta"]["newest_id"]
        for _ in range(100):
            assert search(client, since_id=newest, max_results=100).status_code == 200


def test_parallel_clients_agree(emulator_url) -> None:
    with httpx2.Client(base_url=emulator_url, headers=TOKEN, timeout=10) as client:
        until = search(client).json()["meta"]["oldest_id"]
        with ThreadPoolExecutor(4) as pool:
            bodies = set(pool.map(lambda _: search(client, until_id=until).content, range(8)))
    assert len({body[:300] for body in bodies}) == 1


def test_a_replay_flows_through_the_same_door(tmp_path: Path) -> None:
    rows = ["tweet_id,topic,created_at,text,label"]
    for i in range(120):
        topic = ("apples", "pears")[i % 2]
        rows.append(
            f"{1000 + i},{topic},2011-10-15T05:{i // 60:02}:{i % 60:02}Z,nothing but pears no {i} &,positive"
        )
    path = tmp_path / "replay.csv"
    path.write_text("\n".join(rows), encoding="utf-8")
    config = EmulatorConfig(
        replay=Replay(path, spread_s=10.0), speed=20.0, index_lag_s=0, rate_limit_factor=100
    )
    with running(config) as url, httpx2.Client(base_url=url, headers=TOKEN) as client:
        published: dict[str, str] = {}
        while len(published) < 120:  # pytest's timeout ends a wait that would never end
            time.sleep(0.05)
            published = {row["id"]: row["topic"] for row in client.get("/emulator/published").json()["data"]}
        names = {row["trend_name"] for row in client.get("/2/trends/by/woeid/1").json()["data"]}
        assert names == {"apples", "pears"}
        for topic in names:
            body = client.get(SEARCH, params={"query": f'"{topic}" lang:en', "max_results": 100}).json()
            assert {row["id"] for row in body["data"]} == {i for i, t in published.items() if t == topic}
            assert body["data"][0]["text"].endswith("&amp;")
        truth = client.get("/emulator/truth", params={"topic": "apples"}).json()
        assert truth["counts"]["positive"] == 60


def test_faults_can_be_configured(tmp_path: Path) -> None:
    config = EmulatorConfig(topics=("Orvo S9",), history_hours=0.01, faults=(Fault("credits"),))
    with running(config) as url, httpx2.Client(base_url=url, headers=TOKEN) as client:
        assert client.get("/2/usage/credits").status_code == 402
        assert client.get("/2/usage/credits").status_code == 200


def test_other_machines_are_not_served() -> None:
    with pytest.raises(ConfigurationError, match="terms"):
        serve(BUSY, "0.0.0.0", 0)


def test_a_taken_port_is_a_configuration_error(emulator_url) -> None:
    port = int(emulator_url.rsplit(":", 1)[1])
    with pytest.raises(ConfigurationError, match="taken"), running(BUSY, port):
        pass
