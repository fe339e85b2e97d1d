"""Every command in one place; the work is done elsewhere. Heavy imports wait until a command needs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from trendvane import __version__
from trendvane.cli import data, dataset, label, learn, mlflow, model, processes
from trendvane.cli.doctor import doctor


def _version(*, show: bool) -> None:
    if show:
        typer.echo(f"trendvane {__version__}")
        raise typer.Exit


def _top(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=lambda v: _version(show=v), is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Watch what is trending on X and see, with error bars, which way opinion blows.

    Exit codes: 0 done, 1 failed for good, 2 wrong usage, 3 audit unbalanced, 4 doctor unwell, 75 try again.
    """
    del version


def build() -> typer.Typer:
    """The application."""
    app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich")
    app.callback()(_top)
    commands: dict[str, Callable[..., None]] = {
        "demo": processes.demo,
        "up": processes.up,
        "collect": processes.collect,
        "run": processes.run_step,
        "serve": processes.serve,
        "emulator": processes.emulator,
        "learn": learn.learn,
        "mlflow": mlflow.mlflow,
        "doctor": doctor,
        "audit": data.audit,
        "export": data.export,
        "topics": data.topics,
    }
    for name, function in commands.items():
        app.command(name)(function)
    app.add_typer(data.database(), name="db")
    app.add_typer(dataset.build(), name="dataset")
    app.add_typer(label.build(), name="label")
    app.add_typer(model.build(), name="model")
    return app
