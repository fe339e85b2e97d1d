"""Commands that start processes: the demo, the whole tree, and each of its parts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Supervised = Annotated[bool, typer.Option("--supervised", hidden=True)]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output, for scripts.")]


def demo(
    *,
    replay: Annotated[
        Path | None, typer.Option(help="Replay a CSV (tweet_id, topic, created_at, text[, label]) instead.")
    ] = None,
    over: Annotated[float, typer.Option(help="Seconds over which a replay is published.")] = 60.0,
    seconds: Annotated[float, typer.Option(help="Stop by itself after so long; 0 runs until Ctrl-C.")] = 0.0,
    port: Annotated[
        int, typer.Option(help="Port of the page; the next free one is taken if it is busy.")
    ] = 8080,
    seed: Annotated[int, typer.Option(help="Another seed tells other stories.")] = 7,
    keep: Annotated[bool, typer.Option("--keep", help="Go on with the data of the last demo.")] = False,
    as_json: Json = False,
) -> None:
    """Watch live sentiment on emulated trends. Needs no account and no internet."""
    from trendvane.demo import DemoOptions, run_demo

    run_demo(
        DemoOptions(
            replay=replay, over=over, seconds=seconds, port=port, seed=seed, keep=keep, as_json=as_json
        )
    )


def up() -> None:
    """Run collector, runner and API in one process tree, with the settings of the environment."""
    from trendvane.bootstrap import Systems
    from trendvane.processes import Child, Supervisor, stop_event
    from trendvane.settings import Settings

    settings = Settings.load()
    with Systems(settings) as systems:
        systems.require_source()
        url = systems.prepare_warehouse()
        shared = {"WAREHOUSE__URL": url}
        children = [Child(name, (name,), shared) for name in ("collect", "serve")]
        children.insert(1, Child("runner", ("run", "flow"), shared))
        supervisor = Supervisor(children, settings.data_dir / "logs")
        stop = stop_event()
        supervisor.start()
        typer.echo(
            f"Page: http://{settings.serve.host}:{settings.serve.port}/   logs: {settings.data_dir}/logs"
        )
        try:
            while not stop.wait(0.5):
                supervisor.watch()
        finally:
            supervisor.stop()


def collect(*, supervised: Supervised = False) -> None:
    """Poll X for the watched topics until stopped; responses go to the spool."""
    _run_steps(("collect",), supervised=supervised)


def run_step(
    step: Annotated[
        str,
        typer.Argument(
            help="A step of the flow, or `flow` for all that a clock or new data starts, for ever."
        ),
    ],
    *,
    as_json: Json = False,
    supervised: Supervised = False,
) -> None:
    """Run one step until nothing is left to do, and print its report."""
    from trendvane.bootstrap import Systems, print_report
    from trendvane.domain.errors import ConfigurationError
    from trendvane.flow import FLOW, Schedule
    from trendvane.settings import Settings

    names = [s.name for s in FLOW]
    if step == "flow":
        by_clock = {Schedule.NEW_DATA, Schedule.DAILY}
        _run_steps(tuple(s.name for s in FLOW if s.schedule in by_clock), supervised=supervised)
        return
    if step not in names:
        raise ConfigurationError(
            f"There is no step {step!r}.", remedy=f"Steps are: {', '.join(names)}, flow."
        )
    with Systems(Settings.load()) as systems:
        systems.prepare_warehouse()
        report = systems.run(step)
        while report.more:
            report = systems.run(step)
        typer.echo(print_report(step, report, as_json=as_json))


def serve(*, supervised: Supervised = False) -> None:
    """Serve the API and the live page."""
    from trendvane.bootstrap import Systems
    from trendvane.processes import stop_with_parent
    from trendvane.serve.launch import serve_forever
    from trendvane.settings import Settings

    if supervised:
        stop_with_parent()
    settings = Settings.load()
    with Systems(settings) as systems:
        systems.prepare_warehouse()
        serve_forever(systems, settings)


def emulator(
    *,
    port: Annotated[int, typer.Option(help="Port on loopback.")] = 8085,
    seed: Annotated[int, typer.Option(help="Same seed and start: same tweets.")] = 7,
    start_ms: Annotated[int, typer.Option(help="Virtual time at start, Unix ms; 0 for now.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="As if running since --start-ms.")] = False,
    speed: Annotated[float, typer.Option(help="Virtual seconds per second.")] = 1.0,
    rate: Annotated[float, typer.Option(help="Synthetic tweets per virtual second.")] = 3.0,
    history_hours: Annotated[float, typer.Option(help="Hours of past at start.")] = 6.0,
    index_lag: Annotated[float, typer.Option(help="Seconds until search finds a tweet.")] = 30.0,
    rate_limit_factor: Annotated[float, typer.Option(help="Multiplies X's rate limits.")] = 1.0,
    replay: Annotated[Path | None, typer.Option(help="Replay this CSV instead of inventing tweets.")] = None,
    over: Annotated[float, typer.Option(help="Seconds over which a replay is published.")] = 60.0,
    supervised: Supervised = False,
) -> None:
    """Start a look-alike of X API v2 on loopback."""
    from trendvane.emulator.config import EmulatorConfig, Replay
    from trendvane.emulator.server import serve as serve_emulator
    from trendvane.processes import stop_with_parent

    if supervised:
        stop_with_parent()
    config = EmulatorConfig(
        seed=seed,
        start_ms=start_ms or None,
        wall_start=start_ms / 1000 if resume else None,
        speed=speed,
        rate=rate,
        history_hours=history_hours,
        index_lag_s=index_lag,
        rate_limit_factor=rate_limit_factor,
        replay=Replay(replay, spread_s=over) if replay else None,
    )
    serve_emulator(config, "127.0.0.1", port)


def _run_steps(names: tuple[str, ...], *, supervised: bool) -> None:
    from trendvane.bootstrap import Systems
    from trendvane.flow import FLOW
    from trendvane.processes import stop_event, stop_with_parent
    from trendvane.runner import Runner
    from trendvane.settings import Settings

    stop = stop_event()
    if supervised:
        stop_with_parent()
    settings = Settings.load()
    with Systems(settings) as systems:
        systems.prepare_warehouse()
        steps = [s for s in FLOW if s.name in names]
        Runner(steps, settings.intervals(), lambda step: systems.run(step.name)).run_until(stop)
