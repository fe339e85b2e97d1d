"""Which processes the demo consists of, and with which settings."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trendvane.domain.errors import ConfigurationError
from trendvane.emulator.config import EmulatorConfig
from trendvane.processes import Child

if TYPE_CHECKING:
    from pathlib import Path

_LOOPBACK = "127.0.0.1"
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


@dataclass(frozen=True, slots=True)
class Plan:
    """The demo's processes.

    Attributes:
        page: Address of the page.
        source: Address of the emulator.
        children: In the order in which they start.
    """

    page: str
    source: str
    children: tuple[Child, ...]


def plan_of(options: DemoOptions, home: Path, warehouse_url: str, start_ms: int) -> Plan:
    """Lay the demo out in the directory ``home``; the emulator's time begins at ``start_ms`` (Unix ms)."""
    port, source_port = free_port(options.port), free_port(0)
    source = f"http://{_LOOPBACK}:{source_port}"
    shared = _settings(options, home, warehouse_url, source, port)
    feed = (
        ("--replay", str(options.replay.resolve()), "--over", str(options.over), "--history-hours", "0")
        if options.replay
        else ("--seed", str(options.seed), "--history-hours", str(_HISTORY_HOURS))
    )
    pace = ("--resume", "--index-lag", "0", "--rate-limit-factor", "1000")
    children = (
        Child(
            "emulator",
            ("emulator", "--port", str(source_port), "--start-ms", str(start_ms), *feed, *pace),
            {},
        ),
        Child("collect", ("collect",), shared),
        Child("runner", ("run", "flow"), shared),
        Child("serve", ("serve",), shared),
    )
    return Plan(f"http://{_LOOPBACK}:{port}", source, children)


def _settings(options: DemoOptions, home: Path, warehouse_url: str, source: str, port: int) -> dict[str, str]:
    """The product's own settings, at the pace of a demo."""
    return {
        "DATA_DIR": str(home),
        "WAREHOUSE__URL": warehouse_url,
        "X__BASE_URL": source,
        "X__BEARER_TOKEN": EmulatorConfig().token,
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
        "RUNNER__LEASE_SECONDS": "10",
        "SERVE__PORT": str(port),
        "SERVE__TRUTH_URL": source,
        "SERVE__STALE_SECONDS": "20",
    }


def free_port(wanted: int) -> int:
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
