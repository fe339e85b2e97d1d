"""The web application, put together from its ports. Importing this module creates nothing."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.staticfiles import StaticFiles

from trendvane import __version__
from trendvane.serve import accuracy, predict, problems, review, security, service, topics, tweets
from trendvane.serve.accuracy_gauges import AccuracyGauges
from trendvane.serve.bodies import BodyLimit
from trendvane.serve.metrics import Measured, Metrics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from trendvane.model.holder import ModelHolder
    from trendvane.serve.ports import Ports
    from trendvane.serve.topics import PageParts

_STATIC = Path(__file__).parent / "static"


def create_app(ports: Ports, parts: PageParts | None = None) -> FastAPI:
    """The application. Without a warehouse it only predicts: no topics, no page.

    Args:
        ports: Systems, limits and clock. The batcher is started and stopped by the application.
        parts: Replacements of the page's parts, for tests.

    Raises:
        ConfigurationError: The limits contradict each other.
    """
    security.check(ports.config)
    metrics = Metrics(ports)
    gauges = None if ports.warehouse is None else AccuracyGauges(ports, ports.warehouse)
    if gauges is not None:
        metrics.registry.register(gauges)
    app = FastAPI(
        title="Trendvane",
        summary="Which way opinion blows, with error bars.",
        version=__version__,
        # The stock documentation pages load scripts from elsewhere; the schema itself is all ours.
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if ports.config.docs else None,
        lifespan=_lifespan(ports, gauges),
        middleware=_middleware(ports, metrics),
        responses=problems.documented(400, 401, 422),
    )
    problems.install(app)
    app.include_router(service.build_router(ports, metrics))
    app.include_router(predict.build_router(ports, metrics))
    app.include_router(tweets.build_router(ports))
    if ports.warehouse is not None:
        app.include_router(topics.build_router(ports, parts))
        app.include_router(accuracy.build_router(ports, ports.warehouse))
        app.include_router(review.build_router(ports, ports.warehouse))
        app.mount("/", StaticFiles(directory=_STATIC, html=True, check_dir=False), name="page")
    return app


def _middleware(ports: Ports, metrics: Metrics) -> list[Middleware]:
    """Outermost first: even a refusal carries the headers and is counted."""
    config = ports.config
    hosts = [f"[{host}]" if ":" in host else host for host in config.allowed_hosts]
    return [
        Middleware(security.SecurityHeaders),
        Middleware(Measured, metrics=metrics),
        Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
        Middleware(security.ApiKeys, key_hashes=config.key_hashes),
        Middleware(security.OwnPagesOnly),
        Middleware(BodyLimit, limit=config.max_body_bytes),
    ]


def _lifespan(
    ports: Ports, gauges: AccuracyGauges | None
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await ports.batcher.start()
        tasks = [asyncio.create_task(_follow(ports.holder, ports.config.model_poll_s))]
        if gauges is not None:
            tasks.append(asyncio.create_task(gauges.follow(ports.config.accuracy_poll_s)))
        try:
            yield
        finally:
            ports.draining.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await ports.batcher.stop()

    return lifespan


async def _follow(holder: ModelHolder, every_s: float) -> None:
    """Take each new champion into use; the first look is at once."""
    log = structlog.get_logger()
    told = ""
    while True:
        try:
            if await asyncio.to_thread(holder.poll):
                log.info("model_swapped", version=holder.require().version)
            elif holder.state.trouble not in {"", told}:
                log.warning("model_refused", reason=holder.state.trouble)
            told = holder.state.trouble
        except Exception:  # whatever it was, the last good model stays and the next look may succeed
            log.exception("model_poll_failed")
        await asyncio.sleep(every_s)
