"""Commands about the model: who is champion and why, and what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trendvane.cli import champions, training
from trendvane.cli.processes import Json

if TYPE_CHECKING:
    from trendvane.model.package import ModelPackage

Package = Annotated[Path | None, typer.Argument(help="Folder of a package; empty for the one in use.")]


def build() -> typer.Typer:
    """The group ``model``."""
    app = typer.Typer(
        no_args_is_help=True,
        help="The model: versions, champion, promotion and rollback; ask, train, export.",
    )
    app.command("list")(champions.list_versions)
    app.command("show")(show)
    app.command("compare")(champions.compare)
    app.command("promote")(champions.promote)
    app.command("rollback")(champions.rollback)
    app.command("history")(champions.history)
    app.command("verify")(verify)
    app.command("predict")(predict)
    app.command("train")(training.train)
    app.command("export")(training.export)
    return app


def show(
    version: Annotated[
        str,
        typer.Argument(
            help="Number or identity of a version, or a package's folder; empty for the one in use."
        ),
    ] = "",
    *,
    as_json: Json = False,
) -> None:
    """What a package says of itself: version, figures, where it comes from."""
    from trendvane.model.package import load

    if not version or Path(version).is_dir():
        facts = _facts(load(_in_use(Path(version) if version else None)))
    else:
        with champions.opened() as systems, champions.package_of(systems, version) as folder:
            facts = _facts(load(folder)) | champions.registered(systems, version)
    typer.echo(json.dumps(facts, indent=None if as_json else 2))


def verify(path: Package = None) -> None:
    """Check hashes, labels and golden rows; exit code 1 if the package must not be used."""
    from trendvane.model.holder import open_engine

    engine = open_engine(_in_use(path))
    typer.echo(f"{engine.version}: hashes and golden rows pass.")


def predict(
    texts: Annotated[list[str], typer.Argument(help="Texts to score.")], *, as_json: Json = False
) -> None:
    """Score texts with the model in use."""
    from trendvane.domain.sentiment import LABELS
    from trendvane.model.holder import open_engine

    for text, p in zip(texts, open_engine(_in_use(None)).predict(texts).tolist(), strict=True):
        probabilities = dict(zip(LABELS, (round(value, 4) for value in p), strict=True))
        if as_json:
            typer.echo(json.dumps({"text": text, **probabilities}))
        else:
            label = max(probabilities, key=lambda name: probabilities[name])
            typer.echo(f"{label:<9} {probabilities[label]:.2f}  {text}")


def _facts(package: ModelPackage) -> dict[str, Any]:
    return {
        "version": package.identity,
        "folder": str(package.root),
        "languages": list(package.languages),
        "max_length": package.max_length,
        "temperature": package.temperature,
        "encoder": dict(package.encoder),
        "metrics": dict(package.metrics),
        "sha256": dict(package.sha256),
    }


def _in_use(given: Path | None) -> Path:
    """The package asked for, else the one of the settings, else the champion on this machine."""
    from trendvane.model.champion import ChampionFolder
    from trendvane.model.package import MANIFEST, starter_path
    from trendvane.settings import Settings

    settings = Settings.load()
    champion = ChampionFolder(settings.data_dir / "champion").link
    here = champion.resolve() if (champion / MANIFEST).exists() else starter_path()
    return given or settings.model.path or here
