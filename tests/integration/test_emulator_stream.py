"""The filtered stream over real sockets, and every way in which it breaks."""

import json
import time

import httpx2
import pytest

from trendvane.emulator.config import EmulatorConfig
from trendvane.emulator.server import running

pytestmark = pytest.mark.integration
TOKEN = {"Authorization": "Bearer emulator"}
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


def add_rule(client, value="skylark OR lumora OR #skylarkdown") -> None:
    client.post(f"{STREAM}/rules", json={"add": [{"value": value, "tag": "both"}]}).raise_for_status()


def read(client, count, **params) -> list[dict]:
    found = []
    with client.stream("GET", STREAM, params=params) as reply:
        assert reply.status_code == 200
        for line in reply.iter_lines():
            if line.strip():
                found.append(json.loads(line))
            if len(found) == count:
                break
    return found


def test_a_stream_without_rules_is_409(client) -> None:
    assert client.get(STREAM).status_code == 409
    add_rule(client)
    assert client.get(STREAM, params={"backfill_minutes": 2}).status_code == 403


def test_the_stream_delivers_matches_retweets_included(client) -> None:
    add_rule(client)
    rows = read(client, 120, **{"tweet.fields": "referenced_tweets,author_id"})
    assert all(row["matching_rules"][0]["tag"] == "both" for row in rows)
    kinds = {ref["type"] for row in rows for ref in row["data"].get("referenced_tweets", [])}
    assert "retweeted" in kinds


def test_heartbeats_when_nothing_matches(client) -> None:
    add_rule(client, "nobodyeversaysthis")
    began = time.monotonic()
    with client.stream("GET", STREAM) as reply:
        chunks = reply.iter_raw()
        beats = [next(chunks) for _ in range(4)]
    assert beats == [b"\r\n"] * 4
    assert time.monotonic() - began > 0.6


def test_one_connection_until_it_is_killed(client) -> None:
    add_rule(client)
    with client.stream("GET", STREAM) as reply:
        chunks = reply.iter_raw()
        next(chunks)
        second = client.get(STREAM)
        assert second.status_code == 429
        assert second.json()["connection_issue"] == "TooManyConnections"
        listed = client.get("/2/connections").json()["data"]
        assert [row["endpoint_name"] for row in listed] == ["tweets/search/stream"]
        killed = client.delete("/2/connections/all").json()["data"]
        assert killed["successful_kills"] == 1
        for _ in chunks:  # the server closes cleanly
            pass
    assert client.get("/2/connections").json()["meta"]["result_count"] == 0
    past = client.get("/2/connections", params={"status": "inactive"}).json()["data"]
    assert past[0]["disconnect_reason"] == "ForceDisconnect"


def test_a_client_that_leaves_frees_its_place(client, emulator_url) -> None:
    add_rule(client)
    read(client, 1)
    with httpx2.Client(base_url=emulator_url, headers=TOKEN, timeout=5) as another:
        deadline = time.monotonic() + 30
        while another.get("/2/connections").json()["meta"]["result_count"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert len(read(another, 1)) == 1


def test_broken_streams(client) -> None:
    add_rule(client)
    arm(client, kind="duplicates", endpoint="stream", times=3)
    ids = [row["data"]["id"] for row in read(client, 6)]
    assert len(set(ids)) == 3
    client.delete("/2/connections/all")
    arm(client, kind="out_of_order", endpoint="stream")
    ids = [int(row["data"]["id"]) for row in read(client, 2)]
    assert ids[0] > ids[1]
    client.delete("/2/connections/all")
    arm(client, kind="clean_close", endpoint="stream", skip=2)
    assert len(read(client, 99)) == 2
    arm(client, kind="disconnect_notice", endpoint="stream")
    assert read(client, 99)[-1]["errors"][0]["disconnect_type"] == "UpstreamOperationalDisconnect"
    arm(client, kind="reset", endpoint="stream", skip=1)
    with pytest.raises(httpx2.TransportError):
        read(client, 99)


def test_a_stalled_stream_sends_not_even_heartbeats(emulator_url) -> None:
    with httpx2.Client(base_url=emulator_url, headers=TOKEN, timeout=10) as client:
        client.delete("/2/connections/all")
        add_rule(client, "skylark")
        arm(client, kind="stall", endpoint="stream", seconds=3)
        client.timeout = httpx2.Timeout(10, read=1.0)
        with pytest.raises(httpx2.ReadTimeout):
            read(client, 99)
