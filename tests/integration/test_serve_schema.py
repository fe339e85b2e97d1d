"""The application keeps to its own OpenAPI description, under generated requests."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from trendvane.model.batcher import Batcher
from trendvane.model.holder import ModelHolder
from trendvane.serve.app import create_app
from trendvane.serve.ports import Ports, ServeConfig
from trendvane.serve.server import build_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from trendvane.warehouse.engine import Warehouse

pytestmark = pytest.mark.integration
OPERATIONS = [
    ("POST", "/v1/predict"),
    ("GET", "/v1/tweets/{tweet_id}"),
    ("GET", "/v1/model"),
    ("GET", "/livez"),
    ("GET", "/readyz"),
]
WITH_WAREHOUSE = [
    ("GET", "/v1/model/accuracy"),
    ("GET", "/v1/review/next"),
    ("PUT", "/v1/review/{tweet_id}"),
    ("DELETE", "/v1/review/{tweet_id}"),
]


@contextmanager
def serving(package: Path, warehouse: Warehouse | None) -> Iterator[str]:
    """Address of the application, on a real server in a thread."""
    holder = ModelHolder(package)
    holder.poll()
    ports = Ports(
        holder=holder,
        batcher=Batcher(holder),
        warehouse=warehouse,
        config=ServeConfig(),
        now=lambda: datetime.now(UTC),
    )
    listening = socket.create_server(("127.0.0.1", 0))
    server = build_server(create_app(ports), ports.draining, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)
    listening.close()


@pytest.fixture
def base(make_package: Callable[..., Path]) -> Iterator[str]:
    """Without a warehouse."""
    with serving(make_package(), None) as address:
        yield address


@pytest.fixture
def full_base(make_package: Callable[..., Path], warehouse: Warehouse) -> Iterator[str]:
    """With one."""
    with serving(make_package(), warehouse) as address:
        yield address


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_generated_requests_get_documented_answers(base: str, method: str, path: str, mode: str) -> None:
    exchange_generated(base, method, path, mode)


@pytest.mark.parametrize(("method", "path"), WITH_WAREHOUSE)
@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_generated_requests_to_the_warehouse_too(full_base: str, method: str, path: str, mode: str) -> None:
    exchange_generated(full_base, method, path, mode, examples=25)


def exchange_generated(base: str, method: str, path: str, mode: str, *, examples: int = 60) -> None:
    operation = schemathesis.openapi.from_url(f"{base}/openapi.json")[path][method]
    checks: list[Any] = [status_code_conformance, content_type_conformance]
    if not path.startswith("/v1/tweets"):  # without a warehouse a tweet is a documented 503
        checks.append(not_a_server_error)
    if mode == "negative" and not list(operation.iter_parameters()) and not operation.body:
        pytest.skip("nothing to get wrong")

    @seed(1)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode(mode)))
    def exchange(case: Any) -> None:
        case.validate_response(case.call(base_url=base), checks=checks)

    exchange()
