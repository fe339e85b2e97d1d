"""``trendvane mlflow``: MLflow's own pages on the runs and versions of this installation."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import threading

    from trendvane.settings import Settings

_PATIENCE = 300.0  # seconds that the server may take to answer
_PAUSE = 0.2
_GRACE = 10.0


def mlflow(
    *,
    port: Annotated[int, typer.Option(help="The next free one is taken if it is busy.")] = 5000,
) -> None:
    """Show runs and versions in MLflow's pages, for this machine alone. Needs `make train-env`."""
    from trendvane.demo.plan import free_port
    from trendvane.domain.errors import ConfigurationError
    from trendvane.processes import stop_event
    from trendvane.settings import Settings

    settings = Settings.load()
    if settings.mlflow.tracking_uri.startswith(("http:", "https:")):
        typer.echo(f"MLflow has its pages at {settings.mlflow.tracking_uri}")
        return
    if find_spec("flask") is None:
        raise ConfigurationError(
            "MLflow's pages are not installed.",
            remedy="Run `make train-env`, or pip install 'trendvane[train]'.",
        )
    stop = stop_event()
    address = f"http://127.0.0.1:{(chosen := free_port(port))}"
    server = _start(settings, chosen)
    try:
        if _answers(server, address, stop):
            typer.echo(f"MLflow: {address}/   Ctrl-C stops it.")
        while server.poll() is None and not stop.wait(_PAUSE):
            pass
    finally:
        _stop(server)


def _start(settings: Settings, port: int) -> subprocess.Popen[bytes]:
    from trendvane.bootstrap import Systems
    from trendvane.model.tracking import artifacts_uri
    from trendvane.settings import child_environment

    with Systems(settings) as systems:
        systems.registry.runs.find("")  # makes database and experiment, where there are none, in good order
        uri = systems.registry.uri
    options = {
        "--backend-store-uri": uri,
        "--artifacts-destination": artifacts_uri(settings.data_dir / "mlflow"),
        "--host": "127.0.0.1",
        "--port": str(port),
        "--workers": "1",
    }
    command = [sys.executable, "-m", "mlflow", "server", *(part for pair in options.items() for part in pair)]
    # In a session of its own, for it starts workers that must end with it.
    return subprocess.Popen(  # noqa: S603  our own command
        command,
        env=child_environment({}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _answers(server: subprocess.Popen[bytes], address: str, stop: threading.Event) -> bool:
    """Wait until the server answers; False when it is to stop before it does.

    Raises:
        StorageUnavailableError: It ended, or takes too long.
    """
    from trendvane.domain.errors import StorageUnavailableError

    end = time.monotonic() + _PATIENCE
    while server.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=2):  # noqa: S310  our own child
                return True
        except OSError:
            if stop.wait(_PAUSE):
                return False
    raise StorageUnavailableError(
        f"MLflow's server did not come up at {address}.", remedy="Run `mlflow server` by hand to see why."
    )


def _stop(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is None:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(_GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
