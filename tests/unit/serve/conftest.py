"""An application on the tiny model, and a client that speaks to it through real ASGI."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from trendvane.model.batcher import Batcher
from trendvane.model.holder import ModelHolder
from trendvane.serve.app import create_app
from trendvane.serve.ports import Ports, ServeConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOST = "testserver"


@pytest.fixture
def make_ports(make_package: Callable[..., Path]) -> Callable[..., Ports]:
    """Ports without a warehouse; ``loaded=False`` for no model, the rest goes to the config."""

    def make(*, loaded: bool = True, **config: object) -> Ports:
        root = make_package() if loaded else Path("/nonexistent")
        holder = ModelHolder(root)
        holder.poll()
        return Ports(
            holder=holder,
            batcher=Batcher(holder),
            warehouse=None,
            config=ServeConfig(**{"allowed_hosts": (HOST,), **config}),  # type: ignore[arg-type]
            now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        )

    return make


@pytest.fixture
def open_client(make_ports: Callable[..., Ports]) -> Iterator[Callable[..., TestClient]]:
    """Starts an application and returns its client; arguments as for ``make_ports``."""
    with contextlib.ExitStack() as stack:

        def start(**config: object) -> TestClient:
            app = create_app(make_ports(**config))
            return stack.enter_context(TestClient(app, f"http://{HOST}", raise_server_exceptions=False))

        yield start


@pytest.fixture
def client(open_client: Callable[..., TestClient]) -> TestClient:
    return open_client()
