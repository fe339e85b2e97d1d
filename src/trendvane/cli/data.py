"""Commands that look at the data: audit, export, topics, and the schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trendvane.cli.processes import Json


def audit(*, as_json: Json = False) -> None:
    """Check that every tweet ever fetched is accounted for; exit code 3 if one is not."""
    from trendvane.bootstrap import Systems, print_report  # noqa: PLC0415
    from trendvane.cli import UNBALANCED  # noqa: PLC0415
    from trendvane.settings import Settings  # noqa: PLC0415
    from trendvane.steps.audit import audit as run_audit  # noqa: PLC0415

    with Systems(Settings.load()) as systems:
        report = run_audit(systems.spool, systems.lake, systems.warehouse)
    typer.echo(print_report("audit", report, as_json=as_json))
    if not report.balanced:
        raise typer.Exit(UNBALANCED)


def database() -> typer.Typer:
    """The group ``db``."""
    app = typer.Typer(no_args_is_help=True, help="The warehouse's schema.")

    @app.command("upgrade")
    def upgrade() -> None:
        """Bring the schema up to date. Safe to run again, and by several processes at once."""
        from trendvane.bootstrap import Systems  # noqa: PLC0415
        from trendvane.settings import Settings  # noqa: PLC0415
        from trendvane.warehouse import migrate  # noqa: PLC0415

        with Systems(Settings.load()) as systems:
            migrate.upgrade(systems.warehouse)
        typer.echo("The schema is up to date.")

    return app
