"""Commands about the model: look at it, check it, ask it, train it, export it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from trendvane.cli.processes import Json

Package = Annotated[
    Path | None, typer.Argument(help="Folder of a package; empty for the one in the settings.")
]


def build() -> typer.Typer:
    """The group ``model``."""
    app = typer.Typer(no_args_is_help=True, help="The model: show, verify, ask, train, export.")
    app.command("show")(show)
    app.command("verify")(verify)
    app.command("predict")(predict)
    app.command("train")(train)
    app.command("export")(export)
    return app


def show(path: Package = None, *, as_json: Json = False) -> None:
    """What the package says of itself: version, figures, where it comes from."""
    from trendvane.model.package import load

    package = load(_path(path))
    facts: dict[str, Any] = {
        "version": package.identity,
        "folder": str(package.root),
        "languages": list(package.languages),
        "max_length": package.max_length,
        "temperature": package.temperature,
        "encoder": dict(package.encoder),
        "metrics": dict(package.metrics),
        "sha256": dict(package.sha256),
    }
    typer.echo(json.dumps(facts, indent=None if as_json else 2))


def verify(path: Package = None) -> None:
    """Check hashes, labels and golden rows; exit code 1 if the package must not be used."""
    from trendvane.model.holder import open_engine

    engine = open_engine(_path(path))
    typer.echo(f"{engine.version}: hashes and golden rows pass.")


def predict(
    texts: Annotated[list[str], typer.Argument(help="Texts to score.")], *, as_json: Json = False
) -> None:
    """Score texts with the model in the settings."""
    from trendvane.domain.sentiment import LABELS
    from trendvane.model.holder import open_engine

    for text, p in zip(texts, open_engine(_path(None)).predict(texts).tolist(), strict=True):
        probabilities = dict(zip(LABELS, (round(value, 4) for value in p), strict=True))
        if as_json:
            typer.echo(json.dumps({"text": text, **probabilities}))
        else:
            label = max(probabilities, key=lambda name: probabilities[name])
            typer.echo(f"{label:<9} {probabilities[label]:.2f}  {text}")


def train(
    train_csv: Annotated[Path, typer.Option("--train", help="CSV with tweet_id, text, label.")],
    dev_csv: Annotated[
        Path, typer.Option("--dev", help="The same, never trained on; it gives every figure.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for weights and checkpoints; the same one resumes.")],
    *,
    recipe: Annotated[str, typer.Option(help="starter, modernbert or bert.")] = "starter",
    epochs: Annotated[float, typer.Option(help="Passes; 0 for the recipe's own number.")] = 0.0,
    threads: Annotated[int, typer.Option(help="CPU threads; 0 for all.")] = 0,
) -> None:
    """Fine-tune a classifier. Needs `make train-env`. A stopped run goes on from its last checkpoint."""
    from trendvane.domain.errors import ConfigurationError
    from trendvane.model.finetune import RECIPES, fine_tune, read_examples, without_overlap

    if recipe not in RECIPES:
        raise ConfigurationError(f"There is no recipe {recipe!r}.", remedy=f"Recipes: {', '.join(RECIPES)}.")
    dev = read_examples(dev_csv)
    rows = without_overlap(read_examples(train_csv), dev)
    chosen = replace(RECIPES[recipe], threads=threads)
    if epochs:
        chosen = replace(chosen, epochs=epochs)
    typer.echo(f"Training {recipe} on {len(rows):,} rows, judged on {len(dev):,}.")
    typer.echo(f"Trained: {fine_tune(chosen, rows, dev, out)}")


def export(
    trained: Annotated[Path, typer.Argument(help="Folder made by `model train`.")],
    dev_csv: Annotated[
        Path, typer.Option("--dev", help="CSV that fits the temperature and gives the figures.")
    ],
    out: Annotated[Path, typer.Option(help="New folder for the package.")],
    *,
    shares: Annotated[Path, typer.Option(help="JSON of the share prior, made by bench/shares.py --fit.")],
    version: Annotated[str, typer.Option(help="Version of the package.")] = "1",
) -> None:
    """Turn trained weights into a package: int8 ONNX, temperature, golden rows, hashes."""
    from trendvane.model.export import release_trained

    metrics = release_trained(trained, dev_csv, out, shares=json.loads(shares.read_text()), version=version)
    typer.echo(json.dumps(metrics, indent=2))


def _path(given: Path | None) -> Path:
    from trendvane.model.package import starter_path
    from trendvane.settings import Settings

    return given or Settings.load().model.path or starter_path()
