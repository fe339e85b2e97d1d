"""From settings to a running server."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

from trendvane.bootstrap import utc_now
from trendvane.model.batcher import Batcher
from trendvane.serve.app import create_app
from trendvane.serve.ports import Ports, ServeConfig
from trendvane.serve.server import build_server
from trendvane.serve.snapshot import PageOptions
from trendvane.serve.topics import PageParts

if TYPE_CHECKING:
    from trendvane.bootstrap import Systems
    from trendvane.settings import Settings

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def serve_forever(systems: Systems, settings: Settings) -> None:
    """Serve until asked to stop; answers what it has before it returns.

    Raises:
        ConfigurationError: It would listen beyond loopback without an API key.
        ModelPackageError: The model package must not be used.
    """
    holder = systems.holder
    config = serve_config(settings)
    ports = Ports(
        holder=holder,
        batcher=Batcher(holder),
        warehouse=systems.warehouse,
        config=config,
        now=utc_now,
        follower=systems.follower,
    )
    if ports.follower is not None:
        # A thread that ends with the process: a download may take longer than a stop may.
        watch = threading.Thread(target=ports.follower.run_until, args=(ports.draining,), daemon=True)
        watch.start()
    page = PageOptions(stale_after=timedelta(seconds=settings.serve.stale_seconds), demo=config.demo)
    app = create_app(ports, PageParts(options=page))
    build_server(app, ports.draining, host=settings.serve.host, port=settings.serve.port).run()


def serve_config(settings: Settings) -> ServeConfig:
    """Limits of the web application; beyond loopback an API key is required."""
    serve = settings.serve
    return ServeConfig(
        key_hashes=serve.api_keys,
        require_key=serve.host not in _LOOPBACK and not serve.public,
        allowed_hosts=serve.allowed_hosts,
        allow_x_content=settings.training.allow_x_content,
        demo=settings.x.source != "x",
        demo_truth_url=serve.truth_url or None,
    )
