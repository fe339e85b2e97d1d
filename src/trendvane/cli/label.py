"""Commands about labels: ask a language model, read a file, see how far labellers agree, label by hand."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trendvane.cli.processes import Json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trendvane.bootstrap import Systems
    from trendvane.insight.agreement import Agreement
    from trendvane.steps.label import LabelConfig, LabelReport
    from trendvane.warehouse.labelling import Compared

Limit = Annotated[int, typer.Option(help="Tweets asked about at most; 0 for the number in the settings.")]


def build() -> typer.Typer:
    """The group ``label``."""
    app = typer.Typer(no_args_is_help=True, help="Labels: by a language model, from a file, by hand.")
    app.command("run")(run)
    app.command("import")(import_file)
    app.command("agreement")(agreement)
    app.command("review")(review)
    return app


def run(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would cost; send nothing.")] = False,
    limit: Limit = 0,
    as_json: Json = False,
) -> None:
    """Ask the language model about unlabelled tweets of both samples; a stopped run goes on where it was."""
    from trendvane.bootstrap import Systems, print_report, utc_now
    from trendvane.settings import Settings
    from trendvane.steps.label import LabelReport, label

    with Systems(Settings.load()) as systems:
        systems.prepare_warehouse()
        config = systems.config_of("label")
        config = replace(config, limit=limit or config.limit)
        if dry_run:
            _plan(systems, config, as_json=as_json)
            return
        labeller = systems.labeller
        reports = [LabelReport()]
        try:
            with _bar(config.limit, reports.append) as progress:
                report = label(systems.warehouse, labeller, config, now=utc_now, progress=progress)
                reports.append(report)
        finally:  # what was done before an error is said too
            typer.echo(print_report("label", reports[-1], as_json=as_json))


def import_file(
    path: Annotated[Path, typer.Argument(help="CSV with tweet_id, label (name or 0 to 2), and labeller.")],
    *,
    random_sample: Annotated[
        bool,
        typer.Option(
            "--random-sample",
            help="The file's tweets were drawn by chance alone, so its labels may measure the model.",
        ),
    ] = False,
    labeller: Annotated[str, typer.Option(help="Who labelled rows that do not say so.")] = "",
    as_json: Json = False,
) -> None:
    """Read labels of staged tweets from a file; bad rows are counted with their reason."""
    from trendvane.bootstrap import Systems, print_report, utc_now
    from trendvane.settings import Settings
    from trendvane.steps.label.file import ImportConfig, import_labels

    settings = Settings.load()
    config = ImportConfig(labeller or path.stem, random_sample, settings.training.allow_x_content)
    with Systems(settings) as systems:
        systems.prepare_warehouse()
        report = import_labels(systems.warehouse, path, config, now=utc_now)
    typer.echo(print_report("label import", report, as_json=as_json))


def agreement(*, as_json: Json = False) -> None:
    """How far each model agrees with people, on the tweets labelled by both."""
    from trendvane.bootstrap import Systems
    from trendvane.insight.agreement import agreement as judge
    from trendvane.settings import Settings
    from trendvane.warehouse import labelling

    with Systems(Settings.load()) as systems:
        systems.prepare_warehouse()
        with systems.warehouse.begin() as connection:
            found = [(c, judge(c.confusion)) for c in labelling.comparisons(connection)]
        config = systems.config_of("label")
    if as_json:
        typer.echo(json.dumps([c._asdict() | asdict(judged) for c, judged in found]))
        return
    if not found:
        typer.echo("No tweet is labelled both by people and by a model.")
    for compared, judged in found:
        typer.echo(_table(compared, judged, config))


def review(
    *,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Print the address of the page on which people label tweets by keyboard."""
    import httpx2

    from trendvane.domain.errors import SourceUnavailableError
    from trendvane.settings import Settings

    serve = Settings.load().serve
    base = f"http://{serve.host}:{serve.port}"
    try:
        answers = httpx2.get(f"{base}/livez", timeout=5.0).is_success
    except httpx2.HTTPError:
        answers = False
    if not answers:
        raise SourceUnavailableError(
            f"No page answers at {base}.",
            remedy="Start it with `trendvane serve` (or `up`), or set TRENDVANE_SERVE__PORT.",
        )
    typer.echo(f"{base}/review.html")
    if open_it:
        typer.launch(f"{base}/review.html")


def _plan(systems: Systems, config: LabelConfig, *, as_json: bool) -> None:
    from trendvane.steps.label import plan

    labeller = systems.labeller
    estimate = plan(systems.warehouse, labeller, config)
    left = labeller.left()
    if as_json:
        typer.echo(
            json.dumps(asdict(estimate) | {"dollars": round(estimate.dollars, 6), "dollars_left": left})
        )
        return
    typer.echo(
        f"Would ask {labeller.name} about {estimate.texts:,} tweets"
        f" in up to {estimate.requests:,} requests:\n"
        f"about {estimate.tokens_in:,} tokens sent and {estimate.tokens_out:,} received,"
        f" ${estimate.dollars:.4f} at most by count of votes.\n"
        f"Tokens are estimated from characters; a run reports the server's own count.\n"
        f"Left of this month's cap: ${left:.4f}. Nothing was sent."
    )


@contextmanager
def _bar(total: int, heard: Callable[[LabelReport], None]) -> Iterator[Callable[[LabelReport], None]]:
    """A progress bar on standard error, where a person looks at it; ``heard`` gets every report too."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    text = TextColumn("{task.description}")
    columns = (text, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("labelling", total=total)

        def show(report: LabelReport) -> None:
            heard(report)
            progress.update(task, completed=report.asked, description=f"labelling  ${report.dollars:.4f}")

        yield show


def _table(compared: Compared, judged: Agreement, config: LabelConfig) -> str:
    from trendvane.domain.sentiment import LABELS

    kappa = judged.kappa
    value = f"{kappa.value:.2f} ({kappa.low:.2f} to {kappa.high:.2f})" if kappa else "not defined"
    floor = f"labelling stops below {config.min_kappa:.2f} once there are {config.min_gold}"
    lines = [
        f"{compared.labeller}  prompt {compared.prompt_version}",
        f"  tweets labelled by both  {judged.n}, and {compared.abstained} on which it abstained",
        f"  labelled alike           {judged.accuracy:.1%}",
        f"  Cohen's kappa            {value}; {floor}",
        "  " + " " * 17 + "".join(f"{name:>10}" for name in LABELS) + "   (the model)",
    ]
    for name, row in zip(LABELS, judged.confusion, strict=True):
        lines.append(f"  people: {name:<9}" + "".join(f"{count:>10}" for count in row))
    return "\n".join(lines)
