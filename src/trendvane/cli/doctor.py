"""``trendvane doctor``: what is missing, and what to do about it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import typer

from trendvane.cli.processes import Json
from trendvane.domain.errors import TrendvaneError

if TYPE_CHECKING:
    from trendvane.bootstrap import Systems

_MIN_FREE_BYTES = 2 * 2**30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    check: str
    ok: bool
    detail: str
    remedy: str = ""


def doctor(*, as_json: Json = False) -> None:
    """Look at everything the product needs; exit code 4 if something is missing."""
    from trendvane.bootstrap import Systems
    from trendvane.cli import UNWELL
    from trendvane.settings import Settings

    with Systems(Settings.load()) as systems:
        findings = examine(systems)
    if as_json:
        typer.echo(json.dumps([asdict(f) for f in findings]))
    else:
        for f in findings:
            mark = typer.style("ok     ", fg="green") if f.ok else typer.style("missing", fg="red", bold=True)
            typer.echo(f"{mark}  {f.check:<10} {f.detail}" + (f"\n         → {f.remedy}" if f.remedy else ""))
    if not all(f.ok for f in findings):
        raise typer.Exit(UNWELL)


def examine(systems: Systems) -> list[Finding]:
    """Every finding, in the order in which a person would mend them."""
    checks: dict[str, Callable[[], str]] = {
        "python": lambda: f"{sys.version_info.major}.{sys.version_info.minor}",
        "disk": lambda: _disk(systems),
        "x": lambda: _source(systems),
        "lake": lambda: _lake(systems),
        "warehouse": lambda: _warehouse(systems),
        "model": lambda: _model(systems),
    }
    return [_finding(name, check) for name, check in checks.items()]


def _finding(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, ok=True, detail=check())
    except TrendvaneError as error:
        return Finding(name, ok=False, detail=error.message, remedy=error.remedy)


def _disk(systems: Systems) -> str:
    path = systems.settings.data_dir.resolve()
    while not path.exists():
        path = path.parent
    free = shutil.disk_usage(path).free
    if free < _MIN_FREE_BYTES:
        raise TrendvaneError(
            f"Only {free / 2**30:.1f} GB are free in {path}.", remedy="Free some, or set TRENDVANE_DATA_DIR."
        )
    return f"{free / 2**30:.0f} GB free in {path}"


def _source(systems: Systems) -> str:
    systems.require_source()
    left = systems.governor.status().left_month / 1_000_000
    return f"token set for {systems.settings.x.base_url}; ${left:.2f} left this month"


def _lake(systems: Systems) -> str:
    next(systems.lake.list(), None)
    return systems.settings.lake.url or f"folder {systems.settings.data_dir / 'lake'}"


def _warehouse(systems: Systems) -> str:
    systems.prepare_warehouse()
    url = systems.settings.warehouse.url
    return "embedded PostgreSQL, schema up to date" if url is None else "PostgreSQL, schema up to date"


def _model(systems: Systems) -> str:
    return f"{systems.predictor.version}, golden rows pass"
