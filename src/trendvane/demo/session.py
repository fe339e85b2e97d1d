"""One run of the demo: emulator, collector, runner and API as children, and a probe that watches them."""

from __future__ import annotations

import contextlib
import json
import shutil
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
from trendvane.demo.plan import DemoOptions, plan_of
from trendvane.demo.probe import Probe, ages, quantile
from trendvane.domain import snowflake
from trendvane.domain.errors import ConfigurationError, RetryableError
from trendvane.processes import Supervisor, stop_event
from trendvane.settings import Settings
from trendvane.warehouse import embedded, engine, migrate
from trendvane.warehouse.tables import tweet_product

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator
    from pathlib import Path

_READY_SECONDS = 120.0
_TABLE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class _Live:
    """What is running."""

    supervisor: Supervisor
    probe: Probe
    warehouse: engine.Warehouse
    pgdata: Path


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
        plan = plan_of(options, home, server.url, start_ms)
        _remember(home, start_ms=start_ms, seed=options.seed, page=plan.page, source=plan.source)
        supervisor = Supervisor(plan.children, home / "logs")
        stack.callback(supervisor.stop)
        supervisor.start()
        if not _wait_until_shown(plan.page, supervisor, stop, home):
            return
        took = time.monotonic() - began
        console.print(f"[bold]The page is up: {plan.page}/[/]  (scored tweets after {took:.0f} s)")
        console.print(f"Demo data, invented here. Logs: {home / 'logs'}. Ctrl-C stops.", markup=False)
        probe = Probe(plan.page)
        stack.callback(probe.close)
        probe.start()
        seconds = max(options.seconds - took, 1.0) if options.seconds else float("inf")
        live = _Live(supervisor, probe, warehouse, server.pgdata)
        memory = _watch(console, options, live, stop, seconds)
        _report(console, options, probe, _latency(warehouse, probe), memory)


def _watch(
    console: Console, options: DemoOptions, live: _Live, stop: threading.Event, seconds: float
) -> dict[str, int]:
    """Look after the children, print a table now and then; returns the most memory each process took."""
    deadline, next_table = time.monotonic() + seconds, time.monotonic() + _TABLE_SECONDS
    peaks: dict[str, int] = {}
    while not stop.wait(0.5) and time.monotonic() < deadline:
        live.supervisor.watch()
        for name, size in _memory(live.supervisor, live.pgdata).items():
            peaks[name] = max(size, peaks.get(name, 0))
        if time.monotonic() >= next_table and live.probe.snapshot and not options.as_json:
            next_table = time.monotonic() + _TABLE_SECONDS
            console.print(screen.topics_table(live.probe.snapshot))
            console.print(_latency_line(_latency(live.warehouse, live.probe)))
    return peaks


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


def _wait_until_shown(url: str, supervisor: Supervisor, stop: threading.Event, home: Path) -> bool:
    """Wait for the first scored tweets on the page; False when asked to stop before."""
    deadline = time.monotonic() + _READY_SECONDS
    with httpx2.Client(base_url=url, timeout=5.0) as client:
        while time.monotonic() < deadline and not stop.is_set():
            supervisor.watch()
            try:
                answer = client.get("/v1/topics", params={"window": "24h"})
                if answer.is_success and any(t["voices"] for t in answer.json()["topics"]):
                    return True
            except httpx2.HTTPError:
                pass
            stop.wait(0.25)
    if stop.is_set():
        return False
    raise RetryableError("The demo did not come up in time.", remedy=f"Read the logs in {home / 'logs'}.")


def _latency(warehouse: engine.Warehouse, probe: Probe) -> list[float]:
    """Seconds from publication to page, of the tweets published while the probe was watching."""
    if not probe.seen:
        return []
    floor = snowflake.floor(int(probe.seen[0].arrived_at * 1000))
    product = tweet_product.c
    scored = sa.extract("epoch", sa.func.min(product.processed_at))  # by its first model, should there be two
    query = sa.select(product.tweet_id, product.topic, scored).where(product.tweet_id > floor)
    query = query.group_by(product.tweet_id, product.topic)
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
    with contextlib.suppress(OSError, ValueError, psutil.Error):
        server = psutil.Process(int((pgdata / "postmaster.pid").read_text().splitlines()[0]))
        for process in (server, *server.children()):
            sizes["postgres"] += process.memory_full_info().pss
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
    console.print(f"Memory of all processes at their peaks: {result['memory_total_mb']} MB.")
