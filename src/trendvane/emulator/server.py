"""Serves an emulator on loopback, and nowhere else."""

from __future__ import annotations

import contextlib
import ipaddress
import threading
import time
from typing import TYPE_CHECKING

import uvicorn

from trendvane.domain.errors import ConfigurationError
from trendvane.emulator.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trendvane.emulator.config import EmulatorConfig


def require_loopback(host: str) -> None:
    """Refuse every address that another machine could reach.

    Raises:
        ConfigurationError: X's terms forbid offering a mirror of its API to others.
    """
    try:
        inside = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        inside = False
    if not inside:
        raise ConfigurationError(
            f"The emulator does not listen on {host!r}: X's terms forbid a mirror of its API.",
            remedy="Use 127.0.0.1, ::1 or localhost.",
        )


def build(config: EmulatorConfig, host: str = "127.0.0.1", port: int = 8880) -> uvicorn.Server:
    """A server that is ready to ``run()``; the demo keeps it to set ``should_exit`` later.

    Raises:
        ConfigurationError: Bad host, topic name or replay file.
    """
    require_loopback(host)
    settings = uvicorn.Config(
        create_app(config),
        host=host,
        port=port,
        log_level="error",
        access_log=False,
        timeout_graceful_shutdown=2,
        server_header=False,
    )
    return uvicorn.Server(settings)


def serve(config: EmulatorConfig, host: str = "127.0.0.1", port: int = 8880) -> None:
    """Run until interrupted.

    Raises:
        ConfigurationError: Bad host, topic name or replay file.
    """
    build(config, host, port).run()


@contextlib.contextmanager
def running(config: EmulatorConfig, port: int = 0) -> Iterator[str]:
    """An emulator in a thread of this process, for as long as the block lasts.

    Args:
        config: See ``EmulatorConfig``.
        port: 0 picks a free one.

    Yields:
        Its base URL, without trailing slash.

    Raises:
        ConfigurationError: Bad topic name or replay file, or the port is taken.
    """
    server = build(config, port=port)
    thread = threading.Thread(target=_run, args=(server,), name="emulator", daemon=True)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise ConfigurationError(f"Port {port} is taken.", remedy="Choose another one, or 0.")
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=5)


def _run(server: uvicorn.Server) -> None:
    # uvicorn leaves the process when it cannot bind; in a thread that must only end the thread.
    with contextlib.suppress(SystemExit):
        server.run()
