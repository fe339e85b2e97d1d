"""One run of the demo: emulator, collector, runner and API as children, and a probe that watches them."""

from __future__ import annotations

import json
import shutil
import socket
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2
import psutil
import sqlalchemy as sa
from rich.console import Console

from trendvane.bootstrap import configure_logging
from trendvane.demo import screen
from trendvane.demo.probe import Probe, ages, quantile
from trendvane.domain import snowflake
from trendvane.domain.errors import ConfigurationError, RetryableError
from trendvane.processes import Child, Supervisor, stop_event
from trendvane.settings import Settings
from trendvane.warehouse import embedded, engine, migrate
from trendvane.warehouse.tables import tweet_product

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOOPBACK = "127.0.0.1"
_READY_SECONDS = 120.0
_TABLE_SECONDS = 15.0
# Before the first minute is over, the backlog of history is still being read; live ages start after it.
_HISTORY_HOURS = 6.0


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What ``trendvane demo`` was asked for; see its help."""

    replay: Path | None = None
    over: float = 60.0
    seconds: float = 0.0
    port: int = 8080
    seed: int = 7
    keep: bool = False
    as_json: bool = False


def run_demo(options: DemoOptions) -> None:
    """Run until Ctrl-C, or for ``options.seconds``; print what was seen."""
    began = time.monotonic()
    if options.replay is not None and not options.replay.is_file():
        raise ConfigurationError(f"There is no file {options.replay}.", remedy="Give the path of a CSV.")
    console = Console(stderr=options.as_json)
    settings = Settings.load()
    configure_logging(settings)
    home = (settings.data_dir / "demo").resolve()
    stop = stop_event()
    with _sole(home) as kept, ExitStack() as stack:
        start_ms = _session(home, options, kept=kept)
        console.print("Starting PostgreSQL, emulator, collector, runner and API ...")
        server = embedded.start(home)
        stack.callback(server.stop)
        warehouse = engine.open(server.url, application_name="trendvane-demo")
        stack.callback(warehouse.close)
        migrate.upgrade(warehouse)
        port, source = _free_port(options.port), f"http://{_LOOPBACK}:{_free_port(0)}"
        url = f"http://{_LOOPBACK}:{port}"
        _remember(home, start_ms=start_ms, seed=options.seed, page=url, source=source)
        supervisor = Supervisor(_children(options, home, server.url, start_ms, port, source), home / "logs")
        stack.callback(supervisor.stop)
        supervisor.start()
        live_from = _wait_until_shown(url, supervisor, stop.is_set)
        console.print(
            f"[bold]The page is up: {url}/[/]  (scored tweets after {time.monotonic() - began:.0f} s)"
        )
        console.print(f"Demo data, invented here. Logs: {home / 'logs'}. Ctrl-C stops.", markup=False)
        probe = Probe(url)
        stack.callback(probe.close)
        probe.start()
        deadline = began + options.seconds if options.seconds else float("inf")
        next_table = time.monotonic() + _TABLE_SECONDS
        while not stop.wait(0.5) and time.monotonic() < deadline:
            supervisor.watch()
            if time.monotonic() >= next_table and probe.snapshot and not options.as_json:
                next_table = time.monotonic() + _TABLE_SECONDS
                console.print(screen.topics_table(probe.snapshot))
                console.print(_latency_line(_latency(warehouse, probe, live_from)))
        _report(
            console, options, probe, _latency(warehouse, probe, live_from), _memory(supervisor, server.pgdata)
        )


@contextmanager
def _sole(home: Path) -> Iterator[bool]:
    """Hold the demo's directory for this process; yields whether it held an earlier session."""
    import fcntl  # noqa: PLC0415  absent on Windows, where the demo runs without the guard

    home.parent.mkdir(parents=True, exist_ok=True)
    with (home.parent / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigurationError(
                "A demo already runs here.", remedy="Stop it, or set TRENDVANE_DATA_DIR to another directory."
            ) from error
        yield (home / "session.json").exists()


def _session(home: Path, options: DemoOptions, *, kept: bool) -> int:
    """Begin a session, or go on with the last one; returns the emulator's start, Unix ms."""
    path = home / "session.json"
    if options.keep and kept:
        return int(json.loads(path.read_text())["start_ms"])
    if home.exists():
        embedded.start(home).stop()  # a server left by a killed demo must not lose its files under its feet
        shutil.rmtree(home)
    home.mkdir(parents=True)
    start_ms = time.time_ns() // 1_000_000
    _remember(home, start_ms=start_ms, seed=options.seed)
    return start_ms


def _remember(home: Path, **facts: Any) -> None:
    """Write down what a later ``--keep``, or a script, must know of this session."""
    temporary = home / "session.tmp"
    temporary.write_text(json.dumps(facts))
    temporary.rename(home / "session.json")


def _children(
    options: DemoOptions, home: Path, url: str, start_ms: int, port: int, source: str
) -> list[Child]:
    shared = {
        "DATA_DIR": str(home),
        "WAREHOUSE__URL": url,
        "X__BASE_URL": source,
        "X__BEARER_TOKEN": "demo",
        "X__SOURCE": "replay" if options.replay else "emulator",
        # The emulator's dollars are not real; the books are kept all the same.
        "X__DOLLARS_PER_DAY": "1000000",
        "X__DOLLARS_PER_MONTH": "1000000",
        "COLLECT__POLL_SECONDS": "1",
        "COLLECT__TRENDS_SECONDS": "20",
        "COLLECT__TRENDS": "12",
        "COLLECT__LOOKBACK_SECONDS": str(_HISTORY_HOURS * 3600 + 60),
        "COLLECT__OVERLAP_SECONDS": "2",
        "COLLECT__LANGUAGES": "",
        "LAKE__PUSH_SECONDS": "0.4",
        "RUNNER__STAGE_SECONDS": "0.25",
        "RUNNER__SCORE_SECONDS": "0.25",
        "SERVE__PORT": str(port),
        "SERVE__TRUTH_URL": source,
        "SERVE__STALE_SECONDS": "20",
    }
    feed = (
        ("--replay", str(options.replay.resolve()), "--over", str(options.over), "--history-hours", "0")
        if options.replay
        else ("--seed", str(options.seed), "--history-hours", str(_HISTORY_HOURS))
    )
    emulator = ("emulator", "--port", source.rpartition(":")[2], "--start-ms", str(start_ms), *feed)
    return [
        Child("emulator", (*emulator, "--index-lag", "0", "--rate-limit-factor", "1000"), {}),
        Child("collect", ("collect",), shared),
        Child("runner", ("run", "flow"), shared),
        Child("serve", ("serve",), shared),
    ]


def _free_port(wanted: int) -> int:
    """``wanted`` if nobody listens there, else any free port."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ConfigurationError("No port is free on loopback.", remedy="Close a program that listens on many.")


def _wait_until_shown(url: str, supervisor: Supervisor, stopped: Any) -> float:
    """Wait for the first scored tweets on the page; returns the Unix time of that."""
    deadline = time.monotonic() + _READY_SECONDS
    with httpx2.Client(base_url=url, timeout=5.0) as client:
        while time.monotonic() < deadline and not stopped():
            supervisor.watch()
            try:
                answer = client.get("/v1/topics", params={"window": "24h"})
                if answer.is_success and any(t["voices"] for t in answer.json()["topics"]):
                    return time.time()
            except httpx2.HTTPError:
                pass
            time.sleep(0.25)
    raise RetryableError("The demo did not come up in time.", remedy="Read the logs in the data directory.")


def _latency(warehouse: engine.Warehouse, probe: Probe, live_from: float) -> list[float]:
    """Seconds from publication to page, of the tweets published while the probe was watching."""
    if not probe.seen:
        return []
    floor = snowflake.floor(int(max(live_from, probe.seen[0].arrived_at) * 1000))
    query = sa.select(
        tweet_product.c.tweet_id, tweet_product.c.topic, sa.extract("epoch", tweet_product.c.processed_at)
    ).where(tweet_product.c.tweet_id > floor)
    with warehouse.begin() as connection:
        rows = [(row[0], row[1], float(row[2])) for row in connection.execute(query)]
    return ages(rows, probe.seen)


def _latency_line(values: list[float]) -> str:
    if not values:
        return "From publication to page: no live tweet yet."
    p50, p95 = quantile(values, 0.5), quantile(values, 0.95)
    return f"From publication to page: p50 {p50:.1f} s, p95 {p95:.1f} s over {len(values):,} live tweets."


def _memory(supervisor: Supervisor, pgdata: Path) -> dict[str, int]:
    """Resident bytes of every process of the demo; PostgreSQL's shared buffers are counted once."""
    sizes = supervisor.memory_bytes() | {"demo": psutil.Process().memory_info().rss, "postgres": 0}
    for process in psutil.process_iter(["name", "cmdline"]):
        if process.info["name"] == "postgres":
            try:
                if str(pgdata) in process.cmdline() or str(pgdata) in " ".join(
                    process.parents()[0].cmdline()
                ):
                    sizes["postgres"] += process.memory_full_info().pss
            except (psutil.Error, IndexError):
                continue
    return sizes


def _report(
    console: Console, options: DemoOptions, probe: Probe, latency: list[float], memory: dict[str, int]
) -> None:
    result = {
        **screen.summary(probe.snapshot),
        "tweets": sum(t["tweets"] for t in (probe.snapshot or {"topics": []})["topics"]),
        "live_tweets": len(latency),
        "latency_p50_s": quantile(latency, 0.5),
        "latency_p95_s": quantile(latency, 0.95),
        "memory_mb": {name: round(size / 2**20) for name, size in memory.items()},
        "memory_total_mb": round(sum(memory.values()) / 2**20),
    }
    if options.as_json:
        print(json.dumps(result))  # noqa: T201  the one thing a script reads
        return
    if probe.snapshot:
        console.print(screen.topics_table(probe.snapshot))
    console.print(_latency_line(latency))
    if result["topics"]:
        console.print(
            f"Against the demo's own truth, {result['topics']} topics: mean absolute error "
            f"{result['mean_absolute_error']:.3f}, {result['covered']:.0%} of the 90 % intervals hold it."
        )
    console.print(f"Memory of all processes: {result['memory_total_mb']} MB.")
