"""Commands that look at the data: audit, export, topics, and the schema."""

from __future__ import annotations

import typer

from trendvane.cli.processes import Json


def audit(*, as_json: Json = False) -> None:
    """Check that every tweet ever fetched is accounted for; exit code 3 if one is not."""
    from trendvane.bootstrap import Systems, print_report
    from trendvane.cli import UNBALANCED
    from trendvane.settings import Settings
    from trendvane.steps.audit import audit as run_audit

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
        from trendvane.bootstrap import Systems
        from trendvane.settings import Settings
        from trendvane.warehouse import migrate

        with Systems(Settings.load()) as systems:
            migrate.upgrade(systems.warehouse)
        typer.echo("The schema is up to date.")

    return app
