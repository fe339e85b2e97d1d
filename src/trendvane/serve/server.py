"""Running the application in a process that can be asked to stop without losing a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    import threading
    from types import FrameType

    from fastapi import FastAPI

_DRAIN_S = 30  # then what is left is cut off; give the process manager some seconds more
_KEEP_ALIVE_S = 15


class DrainingServer(uvicorn.Server):
    """A uvicorn server that tells endless responses to end before it waits for them.

    Args:
        config: Of uvicorn.
        draining: Set at the first signal.
    """

    def __init__(self, config: uvicorn.Config, draining: threading.Event) -> None:
        super().__init__(config)
        self._draining = draining

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take note of a signal."""
        self._draining.set()
        super().handle_exit(sig, frame)


def build_server(app: FastAPI, draining: threading.Event, *, host: str, port: int) -> DrainingServer:
    """A server of ``app``: one worker, because a second would load the model again.

    Call ``run()``; on SIGTERM it stops listening, answers what it has, and returns.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        access_log=False,  # paths are written by strangers; the metrics count requests
        log_config=None,
        server_header=False,
        date_header=True,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_DRAIN_S,
        proxy_headers=False,
        ws="none",
    )
    return DrainingServer(config, draining)
