"""The ASGI application: routes, the gate every ``/2`` request passes, and the ticker that publishes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from trendvane.emulator.gate import Gate, Handler, problem_response
from trendvane.emulator.handlers import account, control, posts, rules, trends
from trendvane.emulator.problems import ProblemError, not_found
from trendvane.emulator.render import Dialect
from trendvane.emulator.transport import TransportInScope
from trendvane.emulator.world import Call, Reply, World

if TYPE_CHECKING:
    from trendvane.emulator.config import EmulatorConfig

_TICK_S = 0.05


def openapi(_world: World, _call: Call) -> Reply:
    """``GET /2/openapi.json``: which paths there are; the official file is not ours to hand out."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = {"responses": {"200": {"description": "OK"}}}
    info = {"title": "X API v2 look-alike", "version": "2.167"}
    return Reply({"openapi": "3.0.0", "info": info, "paths": paths})


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint; ``name`` keys rate limits and fault scripts. ``billed`` needs credits."""

    method: str
    path: str
    name: str
    handler: Handler
    billed: bool = False


ROUTES = (
    Route("GET", "/2/trends/by/woeid/{woeid}", "trends", trends.by_woeid, billed=True),
    Route("GET", "/2/users/personalized_trends", "personalized_trends", trends.personalized),
    Route("GET", "/2/tweets/search/recent", "search_recent", posts.search_recent, billed=True),
    Route("GET", "/2/tweets/search/all", "search_all", posts.search_all, billed=True),
    Route("GET", "/2/tweets/counts/recent", "counts_recent", posts.counts_recent, billed=True),
    Route("GET", "/2/tweets/counts/all", "counts_all", posts.counts_all, billed=True),
    Route("GET", "/2/tweets/search/stream/rules/counts", "rules_counts", rules.counts),
    Route("GET", "/2/tweets/search/stream/rules", "rules_get", rules.listing),
    Route("POST", "/2/tweets/search/stream/rules", "rules_post", rules.update),
    Route("GET", "/2/tweets/compliance/stream", "enterprise", account.enterprise),
    Route("GET", "/2/users/compliance/stream", "enterprise", account.enterprise),
    Route("GET", "/2/tweets/sample/stream", "enterprise", account.enterprise),
    Route("GET", "/2/tweets", "tweets", posts.tweets, billed=True),
    Route("GET", "/2/tweets/{id}", "tweet", posts.tweet, billed=True),
    Route("POST", "/2/compliance/jobs", "jobs", account.jobs_create),
    Route("GET", "/2/compliance/jobs", "jobs", account.jobs_list),
    Route("GET", "/2/compliance/jobs/{id}", "jobs", account.jobs_get),
    Route("GET", "/2/usage/tweets", "usage", account.usage),
    Route("GET", "/2/usage/credits", "credits", account.credits_left),
    Route("GET", "/2/connections", "connections", account.connections),
    Route("DELETE", "/2/connections", "connections", account.kill),
    Route("DELETE", "/2/connections/all", "connections", account.kill_all),
    Route("GET", "/2/openapi.json", "openapi", openapi),
)

Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(config: EmulatorConfig, wall: Callable[[], float] = time.time) -> FastAPI:
    """Build an emulator; its feed starts here, its history is there at once.

    Args:
        config: See ``EmulatorConfig``.
        wall: Unix seconds; tests pass their own.

    Raises:
        ConfigurationError: The replay file or a topic name is wrong.
    """
    world = World(config, wall)
    gate = Gate(world)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        ticker = asyncio.create_task(_tick(world))
        yield
        ticker.cancel()
        for connection in world.hub.active():
            world.hub.close(connection.id, world.clock.now_ms(), "OperationalDisconnect")
        with contextlib.suppress(asyncio.CancelledError):
            await ticker

    app = FastAPI(
        title="X API v2 look-alike", openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan
    )
    app.state.world = world
    app.add_api_route("/2/tweets/search/stream", gate.stream, methods=["GET"])
    for route in ROUTES:
        endpoint = _endpoint(gate, route)
        app.add_api_route(route.path, endpoint, methods=[route.method], name=f"{route.method} {route.path}")
    for method, path, handler in control.ROUTES:
        app.add_api_route(path, _control(world, handler), methods=[method], name=f"{method} {path}")
    app.add_exception_handler(HTTPException, _no_route(world))
    app.add_middleware(TransportInScope)
    return app


def _endpoint(gate: Gate, route: Route) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return await gate.answer(request, route.name, route.handler, billed=route.billed)

    return endpoint


def _control(world: World, handler: control.Control) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        world.advance()
        try:
            result = handler(world, await Gate.call(request))
        except ProblemError as problem:
            return problem_response(problem, Dialect(world.config.dialect).host, {})
        if isinstance(result, bytes):
            return Response(result, media_type="application/x-ndjson")
        return Response(orjson.dumps(result), media_type="application/json")

    return endpoint


def _no_route(world: World) -> Callable[[Request, Exception], Response]:
    def handle(_request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        problem = not_found()
        if status != 404:  # noqa: PLR2004 - method not allowed and the like
            problem = ProblemError(
                status, {"title": "Method Not Allowed", "detail": str(error), "status": status}
            )
        return problem_response(problem, Dialect(world.config.dialect).host, {})

    return handle


async def _tick(world: World) -> None:
    # Streams need posts without anybody asking; everything else publishes on demand.
    while True:
        world.advance()
        await asyncio.sleep(_TICK_S)
