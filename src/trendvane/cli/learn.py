"""``trendvane learn``: the learning loop from labels to a verdict, as the flow orders it."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trendvane.cli import champions
from trendvane.cli.processes import Json
from trendvane.domain.errors import BudgetExhaustedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trendvane.bootstrap import Systems
    from trendvane.domain.report import Report

_KEPT = "Labelling stopped at its spending cap; learning goes on with the labels there are."


def learn(
    *,
    labels: Annotated[
        list[Path] | None,
        typer.Option(
            help="CSV with tweet_id, text, label; repeat for more. Nobody is asked for labels then."
        ),
    ] = None,
    recipe: Annotated[
        list[str] | None, typer.Option(help="starter, modernbert or bert; repeat for more.")
    ] = None,
    limit: Annotated[int, typer.Option(help="Rows to learn from, at most; 0 for all.")] = 0,
    test: Annotated[
        Path | None, typer.Option(help="CSV that judges, instead of the rows that are held out.")
    ] = None,
    base_model: Annotated[
        str, typer.Option(help="Folder or hub name of the encoder, instead of the recipe's own.")
    ] = "",
    epochs: Annotated[float, typer.Option(help="Passes; 0 for the recipe's own number.")] = 0.0,
    actor: champions.Actor = "",
    as_json: Json = False,
) -> None:
    """Label, curate, train, compare, and promote what is surely better.

    Exit code 0 when a verdict was reached, be it that the champion stays. Needs `make train-env`.
    """
    given: dict[str, dict[str, Any]] = {
        "curate": {"files": tuple(labels or ()), "limit": limit, "test_file": test},
        "train": {"recipes": tuple(recipe or ()), "base_model": base_model, "epochs": epochs},
        "promote": {"actor": champions.actor_of(actor)},
    }
    with champions.opened() as systems:
        skipped = _skipped(systems, with_labels=bool(labels))
        reports = _run(systems, given, skipped, say=_quiet if as_json else typer.echo)
    if as_json:
        typer.echo(json.dumps({name: asdict(report) for name, report in reports.items()}, default=str))
        return
    champions.say_verdict(reports["promote"])


def _skipped(systems: Systems, *, with_labels: bool) -> Mapping[str, str]:
    """Steps that are left out, and why."""
    if with_labels:
        return {"label": "labels are given"}
    if not systems.settings.label.base_url:
        return {"label": "no language model is set"}
    return {}


def _run(
    systems: Systems, given: Mapping[str, Mapping[str, Any]], skipped: Mapping[str, str], *, say: Any
) -> Any:
    from trendvane.bootstrap import print_report
    from trendvane.flow import FLOW, Schedule

    steps = [step.name for step in FLOW if step.schedule is Schedule.LEARN]
    reports: dict[str, Report] = {}
    for number, name in enumerate(steps, 1):
        if name in skipped:
            say(f"{number}/{len(steps)} {name}: left out, {skipped[name]}.")
            continue
        say(f"{number}/{len(steps)} {name} …")
        started = time.monotonic()
        try:
            reports[name] = _run_step(systems, name, {k: v for k, v in given.get(name, {}).items() if v})
        except BudgetExhaustedError as error:
            if name != "label":
                raise
            say(f"{error} {_KEPT}")
            continue
        if name != "promote":  # its verdict is told at the end
            say(print_report(f"  done in {time.monotonic() - started:.0f} s", reports[name], as_json=False))
    return reports


def _run_step(systems: Systems, name: str, overrides: Mapping[str, Any]) -> Report:
    report: Report = systems.run(name, **overrides)
    while report.more:
        report = systems.run(name, **overrides)
    return report


def _quiet(_text: str) -> None:
    """For machines."""
