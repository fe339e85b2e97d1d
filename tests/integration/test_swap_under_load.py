"""Promotion and rollback by the command line while a real server answers many clients."""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx2
import pytest
from promotion_support import Court

from trendvane.bootstrap import Systems
from trendvane.model.registry import Registry
from trendvane.settings import MlflowSettings, Settings, prepare_mlflow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from trendvane.warehouse.engine import Warehouse

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore"),  # MLflow's own
]
CLIENTS = 8
PAUSE_S = 0.02  # between two requests of a client: the machine must have time for the command, too
WEAK = {"good": "great", "awful": "table", "bad": "awful"}


class Load:
    """Clients that ask again and again and note who answered, each in its own order."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._stop = threading.Event()
        self.answers: list[list[tuple[int, str]]] = [[] for _ in range(CLIENTS)]
        self._pool = ThreadPoolExecutor(CLIENTS)
        self._clients = [self._pool.submit(self._ask, number) for number in range(CLIENTS)]

    def _ask(self, number: int) -> None:
        with httpx2.Client(base_url=self._base, timeout=60) as client:
            while not self._stop.wait(PAUSE_S):
                answer = client.post("/v1/predict", json={"texts": ["good", "bad"]})
                version = answer.json()["predictions"][0]["model_version"] if answer.is_success else ""
                self.answers[number].append((answer.status_code, version))

    def wait_for(self, version: str) -> None:
        """Until every client was answered by ``version``."""
        until(lambda: all(any(v == version for _, v in seen[-3:]) for seen in self.answers))

    def stop(self) -> None:
        self._stop.set()
        for client in self._clients:
            client.result(60)
        self._pool.shutdown()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "waited for two minutes"
        time.sleep(0.05)


@pytest.fixture
def court(tmp_path: Path, warehouse: Warehouse, make_package: Callable[..., Path]) -> Court:
    """A champion and the one before it, in a real registry."""
    prepare_mlflow()
    registry = Registry("", tmp_path / "mlflow", experiment="SentimentAnalysisExp", name="tweet-sentiment")
    weak = make_package("starter", version="0", reads=WEAK)
    made = Court(tmp_path, warehouse, weak, registry=registry)
    made.promote()
    made.add(make_package("better", version="1"), "tiny-1")
    made.promote()
    assert made.in_step() == "tiny-1"
    return made


@pytest.fixture
def environment(tmp_path: Path, warehouse: Warehouse) -> dict[str, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TRENDVANE_")}  # noqa: TID251
    return kept | {
        "TRENDVANE_DATA_DIR": str(tmp_path),
        "TRENDVANE_WAREHOUSE__URL": warehouse.engine.url.render_as_string(hide_password=False),
        "TRENDVANE_SERVE__PORT": str(port),
        "COLUMNS": "200",
    }


@pytest.fixture
def base(court: Court, environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    address = f"http://127.0.0.1:{environment['TRENDVANE_SERVE__PORT']}"
    with (tmp_path / "serve.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "trendvane", "serve"], env=environment, cwd=tmp_path, stderr=log
        )

    def ready() -> bool:
        assert server.poll() is None
        try:
            return httpx2.get(f"{address}/readyz", timeout=10).status_code == 200
        except httpx2.TransportError:
            return False

    try:
        until(ready)
        yield address
    finally:
        server.terminate()
        server.wait(60)


def trendvane(environment: dict[str, str], home: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "trendvane", *arguments],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.timeout(600)  # MLflow alone takes a minute to set up where the cores are busy
def test_no_request_fails_while_the_champion_is_rolled_back_and_promoted_again(
    court: Court, base: str, environment: dict[str, str], tmp_path: Path
) -> None:
    load = Load(base)
    try:
        load.wait_for("tiny-1")
        told = trendvane(
            environment, tmp_path, "model", "rollback", "--reason", "it misreads irony", "--actor", "anna"
        )
        assert "tiny-0 is champion again" in told
        load.wait_for("tiny-0")
        court.promote(version="tiny-1")
        load.wait_for("tiny-1")
    finally:
        load.stop()
    answers = list(itertools.chain.from_iterable(load.answers))
    assert len(answers) > 10 * CLIENTS
    assert {status for status, _ in answers} == {200}
    for seen in load.answers:
        order = [version for version, _ in itertools.groupby(version for _, version in seen)]
        assert order == ["tiny-1", "tiny-0", "tiny-1"]
    book = json.loads(trendvane(environment, tmp_path, "model", "history", "--json"))
    assert [line["action"] for line in book] == ["adopt", "promote", "rollback", "promote"]
    assert (book[2]["actor"], book[2]["reason"]) == ("anna", "it misreads irony")
    assert book[2]["previous"] == "tiny-1"
    tell_the_same_story(environment, tmp_path)
    scoring_elsewhere_follows(court, tmp_path)


def tell_the_same_story(environment: dict[str, str], tmp_path: Path) -> None:
    versions = json.loads(trendvane(environment, tmp_path, "model", "list", "--json"))
    assert [(v["identity"], v["champion"], v["last_decision"]) for v in versions] == [
        ("tiny-1", True, "promoted"),
        ("tiny-0", False, "brought back"),
    ]


def scoring_elsewhere_follows(court: Court, tmp_path: Path) -> None:
    """A machine that only scores: its server is the other machine's database, which speaks the same way."""
    uri = f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}"
    settings = Settings(data_dir=tmp_path / "elsewhere", mlflow=MlflowSettings(tracking_uri=uri))
    with Systems(settings) as systems:
        assert systems.predictor.version == "tiny-1"
        assert systems.follower is not None
        court.rollback()
        systems.follower.follow()
        assert systems.predictor.version == "tiny-0"


def test_scoring_takes_each_champion_from_the_next_batch_on(
    tmp_path: Path, warehouse: Warehouse, make_package: Callable[..., Path]
) -> None:
    court = Court(tmp_path, warehouse, make_package("starter", version="0", reads=WEAK))
    court.promote()
    court.add(make_package("better", version="1"), "tiny-1")
    court.promote()
    with Systems(Settings(data_dir=tmp_path)) as systems:
        engine = systems.predictor
        assert engine.version == "tiny-1"
        court.rollback()
        assert systems.predictor.version == "tiny-0"
        assert engine.predict(["bad"])[0].argmax() == 0  # a batch that was under way ends with its own model
        court.rollback(to="tiny-1")
        assert systems.predictor.version == "tiny-1"
