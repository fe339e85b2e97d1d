"""Kill -9 of the whole process tree in the middle of a replay, many times: nothing lost, nothing twice."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import random
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx2
import psutil
import pytest
import sqlalchemy as sa

from trendvane.warehouse import embedded, engine
from trendvane.warehouse.tables import tweet_product

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.integration, pytest.mark.crash, pytest.mark.timeout(840)]

KILLS = 25
TWEETS = 1500
REPLAY_SECONDS = 150.0
TOPICS = ("northwind", "riverbend", "#harvestmoon", "opening night")
OPINIONS = ("cannot stand", "am not sure about", "simply adore", "keep waiting for", "just read about")


def write_replay(path: Path) -> None:
    """Synthetic tweets in the shape of a replay file."""
    rng = random.Random(11)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["tweet_id", "topic", "created_at", "text", "label"])
        for i in range(TWEETS):
            topic = rng.choice(TOPICS)
            words = f"{rng.getrandbits(40):x} of {rng.getrandbits(40):x}"
            text = f"I {rng.choice(OPINIONS)} {topic}, word {words} today"
            writer.writerow([1000 + i, topic, (start + timedelta(seconds=i)).isoformat(), text, "neutral"])


class Tree:
    """The demo as a user starts it, and the means to kill all of it."""

    def __init__(self, home: Path, replay: Path) -> None:
        self.home, self.replay = home, replay
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "trendvane", "demo", "--keep", "--port", "0"]
        command += ["--replay", str(self.replay), "--over", str(REPLAY_SECONDS)]
        environment = {**os.environ, "TRENDVANE_DATA_DIR": str(self.home)}  # noqa: TID251
        output = (self.home / "demo.out").open("ab")
        self.process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        output.close()

    def kill(self, *, postgres: bool) -> None:
        """SIGKILL to every process of the tree at once; with ``postgres``, to the database server as well."""
        assert self.process is not None
        victims = [
            psutil.Process(self.process.pid),
            *psutil.Process(self.process.pid).children(recursive=True),
        ]
        if postgres:
            victims += list(self.postgres())
        for victim in victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.kill()
        self.process.wait()
        psutil.wait_procs(victims, timeout=10)

    def postgres(self) -> Iterator[psutil.Process]:
        pid_file = self.home / "demo" / "pgdata" / "postmaster.pid"
        with contextlib.suppress(OSError, ValueError, psutil.NoSuchProcess):
            server = psutil.Process(int(pid_file.read_text().splitlines()[0]))
            yield from [*server.children(recursive=True), server]

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        assert self.process.wait(60) == 0, (self.home / "demo.out").read_text()[-4000:]


def published(home: Path) -> dict[int, str]:
    """What the emulator says it has published, by id; empty while it cannot be asked."""
    try:
        source = json.loads((home / "demo" / "session.json").read_text())["source"]
        found: dict[int, str] = {}
        since = 0
        while True:
            answer = httpx2.get(
                f"{source}/emulator/published", params={"since_id": since, "limit": 1000}, timeout=10
            )
            rows = answer.json()["data"]
            found |= {int(row["id"]): row["topic"] for row in rows}
            if not rows:
                return found
            since = max(found)
    except (OSError, KeyError, ValueError, httpx2.HTTPError):
        return {}


def scored(home: Path) -> set[int]:
    server = embedded.start(home / "demo")
    warehouse = engine.open(server.url)
    try:
        with warehouse.begin() as connection:
            return set(connection.execute(sa.select(tweet_product.c.tweet_id)).scalars())
    finally:
        warehouse.close()


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    replay = tmp_path / "replay.csv"
    write_replay(replay)
    tree = Tree(tmp_path, replay)
    yield tree
    with contextlib.suppress(psutil.NoSuchProcess):
        tree.kill(postgres=True)


def test_nothing_is_lost_and_nothing_counted_twice(tree: Tree) -> None:
    rng = random.Random(5)
    for kill in range(KILLS):
        tree.start()
        time.sleep(rng.uniform(1.0, 7.0))
        tree.kill(postgres=kill % 3 == 0)
    tree.start()
    deadline = time.monotonic() + 240
    ids: dict[int, str] = {}
    done: set[int] = set()
    while time.monotonic() < deadline and not (len(ids) == TWEETS and set(ids) <= done):
        time.sleep(2)
        ids, done = published(tree.home), scored(tree.home)
    assert len(ids) == TWEETS
    assert set(ids) == done, f"lost {len(set(ids) - done)}, invented {len(done - set(ids))}"
    tree.stop()
    environment = {**os.environ, "TRENDVANE_DATA_DIR": str(tree.home / "demo")}  # noqa: TID251
    audit = subprocess.run(
        [sys.executable, "-m", "trendvane", "audit", "--json"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert audit.returncode == 0, audit.stdout + audit.stderr
    report = json.loads(audit.stdout)
    assert report["seen"] == TWEETS
    assert report["product"] == TWEETS
