"""Commands about labelled data: snapshots that models are trained on, and the test set that judges them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trendvane.cli.processes import Json

if TYPE_CHECKING:
    from trendvane.model.datafolders import Dataset
    from trendvane.model.snapshots import Snapshots

Labels = Annotated[
    list[Path] | None,
    typer.Option("--labels", help="CSV with tweet_id, text, label; beside those in the settings."),
]


def build() -> typer.Typer:
    """The group ``dataset``."""
    app = typer.Typer(no_args_is_help=True, help="Labelled data: snapshots, and the frozen test set.")
    app.command("list")(list_)
    app.command("show")(show)
    app.command("test-set")(judges)
    return app


def list_(*, as_json: Json = False) -> None:
    """Every snapshot, the newest last."""
    from trendvane.domain.errors import DatasetError

    store = _store()
    for snapshot_id in store.ids():
        try:
            facts = _facts(store.load(snapshot_id))
        except DatasetError as error:
            facts = {"id": snapshot_id, "trouble": error.message}
        typer.echo(json.dumps(facts) if as_json else _line(facts))


def show(
    snapshot_id: Annotated[str, typer.Argument(help="Its id; empty for the newest.")] = "",
    *,
    as_json: Json = False,
) -> None:
    """The data card of a snapshot, whose hash is checked first."""
    from trendvane.model.snapshots import CARD

    store = _store()
    snapshot = store.load(snapshot_id) if snapshot_id else store.latest()
    if as_json:
        typer.echo(json.dumps(dict(snapshot.facts)))
        return
    typer.echo((snapshot.folder / CARD).read_text(encoding="utf-8"))
    typer.echo(f"Folder: {snapshot.folder}")


def judges(
    *,
    renew: Annotated[
        bool, typer.Option("--renew", help="Make a new one of all labelled rows there are now.")
    ] = False,
    labels: Labels = None,
    as_json: Json = False,
) -> None:
    """The frozen test set that judges every model; its hash is checked first.

    A new one is made from rows that no snapshot ever held, because their wording is held out. Figures on it
    cannot be compared with figures on the old one.
    """
    if renew:
        _renew(tuple(labels or ()))
    facts = _facts(_store().test_set())
    typer.echo(json.dumps(facts) if as_json else _line(facts))


def _renew(labels: tuple[Path, ...]) -> None:
    from trendvane.bootstrap import Systems
    from trendvane.settings import Settings

    with Systems(Settings.load()) as systems:
        systems.prepare_warehouse()
        files = (*systems.settings.training.files, *labels)
        systems.run("curate", renew_test=True, files=files)


def _store() -> Snapshots:
    from trendvane.bootstrap import Systems
    from trendvane.settings import Settings

    with Systems(Settings.load()) as systems:
        return systems.snapshots


def _facts(dataset: Dataset) -> dict[str, Any]:
    return {
        "id": dataset.id,
        "created_at": dataset.facts.get("created_at", ""),
        "rows": dataset.size,
        "counts": dataset.counts,
        "test_set": dataset.facts.get("test_set", ""),
        "erased": dataset.erased,
        "folder": str(dataset.folder),
    }


def _line(facts: dict[str, Any]) -> str:
    if "trouble" in facts:
        return f"{facts['id']}  {facts['trouble']}"
    splits = "  ".join(f"{split} {sum(classes.values()):,}" for split, classes in facts["counts"].items())
    forgotten = f"  {facts['erased']} forgotten since" if facts["erased"] else ""
    judged = f"  judged on {facts['test_set']}" if facts["test_set"] else ""
    return f"{facts['id']}  {facts['created_at'][:16]}  {splits}{judged}{forgotten}"
