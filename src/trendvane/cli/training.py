"""Commands that make a model by hand: train it, export it. ``trendvane learn`` does both and more."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer


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
    from trendvane.model.finetune import RECIPES, fine_tune, read_examples, trainable

    if recipe not in RECIPES:
        raise ConfigurationError(f"There is no recipe {recipe!r}.", remedy=f"Recipes: {', '.join(RECIPES)}.")
    dev = read_examples(dev_csv)
    rows = trainable(read_examples(train_csv), dev)
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
