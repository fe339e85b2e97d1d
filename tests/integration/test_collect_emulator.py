"""The collector against the emulator, over real HTTP: every tweet that can be found is saved."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from trendvane.domain.errors import TerminalError
from trendvane.domain.money import Limits
from trendvane.domain.topic import Topic
from trendvane.emulator.config import EmulatorConfig
from trendvane.emulator.server import build
from trendvane.lake import pages
from trendvane.lake.spool import Spool
from trendvane.steps.collect import CollectConfig, CollectMemory, CollectReport, collect
from trendvane.warehouse.spend import WarehouseLedger
from trendvane.x.budget import Governor
from trendvane.x.client import XClient
from trendvane.x.compliance import Compliance
from trendvane.x.parse import read_page
from trendvane.x.wire import LostReplyError, Wire, XConfig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trendvane.warehouse.engine import Warehouse

pytestmark = pytest.mark.integration


def now() -> datetime:
    return datetime.now(tz=UTC)


@dataclass
class Emulator:
    url: str

    def get(self, path: str, **params: Any) -> Any:
        return httpx2.get(self.url + path, params=params, timeout=30).raise_for_status().json()

    def arm(self, kind: str, **fault: Any) -> None:
        httpx2.post(
            f"{self.url}/emulator/faults", json={"kind": kind, **fault}, timeout=30
        ).raise_for_status()

    def searchable(self, topic: str) -> set[int]:
        rows = self.get("/emulator/published")["data"]
        return {int(row["id"]) for row in rows if row["searchable"] and topic in row["topics"]}


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    config = EmulatorConfig(
        rate=20, history_hours=0.5, history_rate=1.0, index_lag_s=0.5, rate_limit_factor=100, topics=()
    )
    server = build(config, port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + 30
    while not server.started:
        assert time.monotonic() < end
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Emulator(f"http://127.0.0.1:{port}")
    server.should_exit = True
    thread.join(20)


class Collector:
    def __init__(
        self, emulator: Emulator, warehouse: Warehouse, root: Path, topic: str, **config: Any
    ) -> None:
        self.spool, self.warehouse = Spool(root), warehouse
        values: dict[str, Any] = {
            "source": "emulator", "topics": (Topic.parse(topic),), "trends": 0, "languages": (),
            "poll_every": timedelta(0), "lookback": timedelta(hours=1), "pages_per_tick": 3,
            "max_results": 50,
        }  # fmt: skip
        self.config = CollectConfig(**(values | config))
        self.emulator = emulator
        self.start()

    def restart(self) -> None:
        self.x.close()
        self.start()

    def start(self) -> None:
        self.memory = CollectMemory()
        self.governor = Governor(
            WarehouseLedger(self.warehouse, "emulator"), Limits.dollars(500, 5000), now=now
        )
        config = XConfig(self.emulator.url, "emulator", deadline=2.0)
        self.x = XClient(config, now=now)

    def tick(self) -> CollectReport:
        self.memory.search_not_before = None  # a test does not wait for X to recover
        return collect(
            self.x, self.spool, self.warehouse, self.governor, self.config, now=now, memory=self.memory
        )

    def saved(self) -> Counter[int]:
        bodies = [pages.read(path).body for group in self.spool.groups() for path in self.spool.pages(group)]
        return Counter(tweet.tweet_id for body in bodies for tweet in read_page(body).tweets)

    def catch_up(self, topic: str) -> set[int]:
        """Tick until everything that can be found now was saved; returns what is still missing."""
        wanted = self.emulator.searchable(topic)
        for _ in range(40):
            self.tick()
            missing = wanted - set(self.saved())
            if not missing:
                return set()
        return missing


def first_topic(emulator: Emulator) -> str:
    return str(emulator.get("/emulator/health")["topics"][0])


def test_every_tweet_of_a_topic_is_saved(emulator: Emulator, warehouse: Warehouse, tmp_path: Path) -> None:
    topic = first_topic(emulator)
    collector = Collector(emulator, warehouse, tmp_path, topic)
    for _ in range(3):
        assert collector.catch_up(topic) == set()
        time.sleep(0.5)
    collector.restart()
    assert collector.catch_up(topic) == set()
    assert collector.saved()
    collector.x.close()


def test_the_books_agree_with_the_emulator(emulator: Emulator, warehouse: Warehouse, tmp_path: Path) -> None:
    topic = first_topic(emulator)
    collector = Collector(emulator, warehouse, tmp_path, topic, trends=3)
    collector.catch_up(topic)
    billed = emulator.get("/emulator/health")["spent_usd"]
    ours = collector.governor.status().spent_today / 1e6
    assert ours >= billed > 0
    if abs((now() + timedelta(hours=12)).hour - 12) < 11:  # away from midnight both count alike
        assert ours == pytest.approx(billed, rel=0.02)
    collector.x.close()


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "unavailable", "times": 4},
        {"kind": "unavailable_html", "times": 4},
        {"kind": "html_ok", "times": 3},
        {"kind": "truncated", "times": 3},
        {"kind": "reset", "times": 3},
        {"kind": "window", "times": 2},
        {"kind": "duplicates", "times": 5},
        {"kind": "out_of_order", "times": 5},
        {"kind": "empty_page", "times": 3},
        {"kind": "endless_token", "times": 3},
        {"kind": "partial_errors", "times": 3},
        {"kind": "poison", "times": 3},
        {"kind": "slow", "times": 1, "seconds": 4.0},
        {"kind": "stall", "times": 1, "seconds": 4.0},
    ],
    ids=lambda fault: fault["kind"],
)
def test_faults_lose_nothing(
    emulator: Emulator, warehouse: Warehouse, tmp_path: Path, fault: dict[str, Any]
) -> None:
    topic = first_topic(emulator)
    collector = Collector(emulator, warehouse, tmp_path, topic)
    emulator.arm(
        fault["kind"],
        **{"endpoint": "search_recent", "skip": 1} | {k: v for k, v in fault.items() if k != "kind"},
    )
    assert collector.catch_up(topic) == set()
    collector.x.close()


@pytest.mark.parametrize("kind", ["credits", "cap", "unauthorized", "forbidden"])
def test_refusals_are_raised(emulator: Emulator, warehouse: Warehouse, tmp_path: Path, kind: str) -> None:
    topic = first_topic(emulator)
    collector = Collector(emulator, warehouse, tmp_path, topic)
    emulator.arm(kind=kind, endpoint="search_recent")
    with pytest.raises(TerminalError):
        collector.tick()
    assert collector.catch_up(topic) == set()
    collector.x.close()


def test_a_compliance_job(emulator: Emulator, warehouse: Warehouse, tmp_path: Path) -> None:
    topic = first_topic(emulator)
    collector = Collector(emulator, warehouse, tmp_path, topic)
    collector.tick()
    ids = sorted(collector.saved())
    httpx2.delete(f"{emulator.url}/emulator/posts/{ids[0]}", timeout=30).raise_for_status()
    compliance = Compliance(collector.x)
    job = compliance.create()
    compliance.upload(job, ids)
    for _ in range(50):
        job = compliance.get(job.job_id)
        if job.status == "complete":
            break
        time.sleep(0.1)
    assert ids[0] in {verdict.tweet_id for verdict in compliance.download(job)}
    collector.x.close()


def test_dripping_headers_meet_the_deadline() -> None:
    """A read timeout alone would never strike: each byte comes in time."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while not stop.wait(0.05):
                try:
                    connection.sendall(b"x-a: b\r\n")
                except OSError:
                    return

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    wire = Wire(XConfig(f"http://127.0.0.1:{listener.getsockname()[1]}", deadline=0.5), now=now)
    with pytest.raises(LostReplyError, match=r"within 0\.5 s"):
        wire.send("GET", "/")
    stop.set()
    thread.join(5)
    listener.close()
    wire.close()
