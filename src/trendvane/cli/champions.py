"""Commands that compare, promote and roll back versions, and that tell how it came to be so."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trendvane.cli.processes import Json
from trendvane.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from trendvane.bootstrap import Systems
    from trendvane.steps.promote.succession import Palace
    from trendvane.warehouse.promotions import Entry

Actor = Annotated[str, typer.Option(help="Who decides; empty for the user of the operating system.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the book.")]
_FIGURES = ("macro_f1", "average_recall", "accuracy", "calibration_error")
_WIDTH = 100  # columns of a text
_WIDEST = 1_000
_SHORT = 300  # characters of a reason that is not shown in full


@contextmanager
def opened() -> Iterator[Systems]:
    """Systems with a warehouse whose schema is the right one."""
    from trendvane.bootstrap import Systems
    from trendvane.settings import Settings

    with Systems(Settings.load()) as systems:
        systems.prepare_warehouse()
        yield systems


def palace_of(systems: Systems) -> Palace:
    """The three places that name the champion."""
    from trendvane.steps.promote.succession import Palace

    return Palace(systems.warehouse, systems.registry, systems.champion)


@contextmanager
def package_of(systems: Systems, ref: str) -> Iterator[Path]:
    """The package of a registered version, for the block."""
    from trendvane.steps.promote.succession import fetched

    with fetched(palace_of(systems), systems.registry.version(ref)) as folder:
        yield folder


def registered(systems: Systems, ref: str) -> dict[str, Any]:
    """What the registry says of a version."""
    version = systems.registry.version(ref)
    return {
        "number": version.version,
        "champion": version.champion,
        "created_at": version.created_at.isoformat(),
        "run": version.run_id,
        "tags": dict(version.tags),
    }


def actor_of(given: str) -> str:
    """Who is written in the book."""
    try:
        return given or getpass.getuser()
    except (OSError, KeyError) as error:  # a container's user may have no name
        raise ConfigurationError("Nobody knows who you are.", remedy="Say it: --actor NAME.") from error


def list_versions(*, as_json: Json = False) -> None:
    """Registered versions, newest first, and what became of each."""
    from trendvane.steps.promote.succession import book

    with opened() as systems:
        fates = _fates(book(palace_of(systems)))
        rows = [
            {
                "version": v.version,
                "identity": v.identity,
                "created_at": v.created_at.isoformat(timespec="seconds"),
                "champion": v.champion,
                "last_decision": fates.get(v.identity),
                "metrics": dict(v.metrics),
                "snapshot": v.tags.get("snapshot"),
            }
            for v in systems.registry.versions()
        ]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    if not rows:
        typer.echo("No version is registered yet; `trendvane learn` makes one.")
        return
    columns = ["", "Version", "Identity", "Registered", "Last decision", "Snapshot"]
    _table(columns, [["*" if r["champion"] else "", *_cells(r)] for r in rows])
    typer.echo("* champion")


def compare(
    champion: Annotated[str, typer.Argument(help="A version: number, identity, `champion` or `latest`.")],
    challenger: Annotated[str, typer.Argument(help="The version that is compared with it.")],
    *,
    as_json: Json = False,
) -> None:
    """Score two versions on the frozen test set, now, and say what the gate would; decides nothing."""
    from trendvane.steps.promote.bench import Bench

    with opened() as systems:
        first, second = (systems.registry.version(ref) for ref in (champion, challenger))
        with Bench(
            systems.snapshots, systems.registry, systems.champion, systems.config_of("promote")
        ) as bench:
            verdict = bench.judge(second, first)
    if as_json:
        typer.echo(json.dumps({"promote": verdict.promote, "reasons": verdict.reasons, **verdict.report}))
        return
    sides = [verdict.report.get("champion", {}), verdict.report.get("challenger", {})]
    figures = [[name, *(str(side.get(name, "-")) for side in sides)] for name in _FIGURES]
    figures += [
        [f"{name} cases", *(str(side.get("behaviour", {}).get(name, "-")) for side in sides)]
        for name in sides[-1].get("behaviour", {})
    ]
    figures += [
        [f"{name} ({part['n']:,})", f"{part['first']:.4f}", f"{part['second']:.4f}"]
        for name, part in verdict.report.get("slices", {}).items()
    ]
    _table(["", first.identity, second.identity], figures)
    _say(f"{second.identity} would be {'promoted' if verdict.promote else 'refused'}.", verdict.reasons)


def promote(
    version: Annotated[
        str, typer.Argument(help="Version to judge, even if it was judged before; empty for all new ones.")
    ] = "",
    *,
    reason: Reason = "",
    force: Annotated[
        bool,
        typer.Option("--force", help="Override the gate; needs a version and a reason, and is recorded."),
    ] = False,
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Judge challengers on the frozen test set, promote the better one. A refusal is exit code 0 as well."""
    if force and not (version and reason.strip()):
        raise ConfigurationError(
            "Overriding the gate needs a version and a reason.",
            remedy='Run `trendvane model promote VERSION --force --reason "…"`.',
        )
    with opened() as systems:
        report = systems.run(
            "promote", version=version, reason=reason.strip(), override=force, actor=actor_of(actor)
        )
    if as_json:
        typer.echo(json.dumps(verdict_of(report)))
        return
    say_verdict(report)


def rollback(
    *,
    to: Annotated[str, typer.Option(help="Version to go back to; empty for the champion before.")] = "",
    reason: Annotated[str, typer.Option(help="Why; kept in the book.")],
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Bring back the champion before this one: registry, disk, and every running server."""
    from trendvane.steps.promote.succession import rollback as roll_back

    if not reason.strip():
        raise ConfigurationError("A rollback needs a reason.", remedy='Say it: --reason "…".')
    with opened() as systems:
        line = roll_back(palace_of(systems), to=to, actor=actor_of(actor), reason=reason.strip())
    if as_json:
        typer.echo(json.dumps(_line(line)))
        return
    typer.echo(f"{line.model_version} is champion again; {line.previous_version} is not.")


def history(
    *,
    limit: Annotated[int, typer.Option(help="Newest lines shown.")] = 20,
    full: Annotated[bool, typer.Option("--full", help="Reasons to their end.")] = False,
    as_json: Json = False,
) -> None:
    """The book: who became champion or did not, when, by whom, and why. The newest line is the last."""
    from trendvane.warehouse import promotions

    with opened() as systems, systems.warehouse.begin() as connection:
        lines = promotions.history(connection, limit)
    if as_json:
        typer.echo(json.dumps([_line(line) | {"report": line.report} for line in lines]))
        return
    if not lines:
        typer.echo("Nothing was decided yet.")
        return
    for line in lines:
        stays = "champion stays" if line.action.value == "refuse" else "instead of"
        before = f", {stays} {line.previous_version}" if line.previous_version else ""
        heading = f"{line.created_at:%Y-%m-%d %H:%M} UTC  {line.action.value} {line.model_version}"
        why = line.reason if full or len(line.reason) <= _SHORT else f"{line.reason[: _SHORT - 1]}…"
        typer.echo(f"{heading}  (by {line.actor}{before})")
        typer.echo(fill(why, _WIDTH, initial_indent="  ", subsequent_indent="  "))


def verdict_of(report: Any) -> dict[str, Any]:
    """A report of the step ``promote``, for machines."""
    from dataclasses import asdict

    return asdict(report)


def say_verdict(report: Any) -> None:
    """A report of the step ``promote``, for people."""
    if report.settled:
        typer.echo(report.settled)
    said = {"adopt": "is the first champion", "promote": "is the new champion", "refuse": "was refused"}
    for decision in report.decisions:
        heading = f"{decision.identity} {said[decision.action]} (compared with {decision.against})."
        _say(heading, decision.reasons)
    if not report.decisions:
        typer.echo("No version waits to be judged on this test set.")
    typer.echo(f"Champion: {report.champion or 'none'}")


def _line(line: Entry) -> dict[str, Any]:
    return {
        "id": line.promotion_id,
        "when": line.created_at.isoformat() if line.created_at else None,
        "action": line.action.value,
        "version": line.model_version,
        "number": line.registered,
        "previous": line.previous_version,
        "actor": line.actor,
        "reason": line.reason,
        "test_set": line.test_set,
    }


def _fates(lines: Iterable[Entry]) -> dict[str, str]:
    """What was decided last about each version."""
    words = {"adopt": "adopted", "promote": "promoted", "refuse": "refused", "rollback": "brought back"}
    fates: dict[str, str] = {}
    for line in lines:
        fates[line.model_version] = words[line.action.value]
        if line.action.value == "rollback" and line.previous_version:
            fates[line.previous_version] = "rolled back"
    return fates


def _cells(row: dict[str, Any]) -> list[str]:
    return [
        row["version"],
        row["identity"],
        row["created_at"][:16].replace("T", " "),
        row["last_decision"] or "not judged",
        row["snapshot"] or "-",
    ]


def _say(heading: str, reasons: Any) -> None:
    typer.echo(heading)
    for reason in reasons:
        typer.echo(f"  - {reason}")


def _table(columns: list[str], rows: list[list[str]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(*map(escape, row))
    # Whoever pipes this into a file, or has a narrow window, wants whole names rather than neat columns.
    wanted = Console(width=_WIDEST).measure(table).maximum
    Console(width=max(wanted, Console().width)).print(table)
