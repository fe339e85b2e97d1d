"""Commands that look at the data: audit, export, topics, and the schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import httpx2
import typer

from trendvane.cli.processes import Json
from trendvane.domain.errors import ConfigurationError, SourceUnavailableError


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


def topics(
    *, window: Annotated[str, typer.Option(help="1h, 6h, 24h or 7d.")] = "24h", as_json: Json = False
) -> None:
    """List the watched topics with their volume and net sentiment, as the page shows them."""
    snapshot = _ask("/v1/topics", window=window).json()
    if as_json:
        typer.echo(json.dumps(snapshot["topics"]))
        return
    for topic in snapshot["topics"]:
        net = topic["shares"] and topic["shares"]["net"]
        shown = f"{net['value']:+.2f} ({net['low']:+.2f} to {net['high']:+.2f})" if net else "no voices"
        typer.echo(f"{topic['id']}  {topic['tweets']:>7,}  {shown:<26} {topic['name']!r}")


def export(
    topic_id: Annotated[str, typer.Argument(help="Sixteen hex digits; `trendvane topics` lists them.")],
    *,
    out: Annotated[Path, typer.Option(help="File to write; its ending, .csv or .parquet, is the format.")],
    window: Annotated[str, typer.Option(help="1h, 6h, 24h or 7d.")] = "24h",
) -> None:
    """Write a topic's numbers by the minute, with tweet ids; never text, as X's rules ask."""
    if out.suffix not in {".csv", ".parquet"}:
        raise ConfigurationError(f"{out.name} ends neither in .csv nor in .parquet.", remedy="Choose one.")
    answer = _ask(f"/v1/topics/{topic_id}/export{out.suffix}", window=window)
    out.write_bytes(answer.content)
    typer.echo(f"{out}: {len(answer.content):,} bytes")


def _ask(path: str, **params: str) -> httpx2.Response:
    """Ask the running API, so that the command line and the page say the same."""
    from trendvane.settings import Settings

    serve = Settings.load().serve
    base = f"http://{serve.host}:{serve.port}"
    key = serve.client_key
    headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
    try:
        answer = httpx2.get(base + path, params=params, headers=headers, timeout=30.0)
    except httpx2.HTTPError as error:
        raise SourceUnavailableError(
            f"No API answers at {base}.", remedy="Start it (`trendvane up`), or set TRENDVANE_SERVE__PORT."
        ) from error
    if not answer.is_success:
        raise ConfigurationError(f"The API said {answer.status_code}: {answer.json().get('detail', '')}")
    return answer


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
