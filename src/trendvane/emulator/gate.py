"""The gate before every ``/2`` endpoint: token, faults, limits, credits; behind it, the bill."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from trendvane.emulator import problems
from trendvane.emulator.faults import DELIVERY, REFUSALS, SPOILS, Fault
from trendvane.emulator.limits import exhausted
from trendvane.emulator.params import FIELD_PARAMETERS, Params
from trendvane.emulator.problems import ProblemError
from trendvane.emulator.render import Dialect, View
from trendvane.emulator.spoil import HTML, spoil
from trendvane.emulator.stream import StreamResponse
from trendvane.emulator.transport import abort
from trendvane.emulator.world import Call, Reply, World

Handler = Callable[[World, Call], Reply]
_JSON = "application/json; charset=utf-8"
_STREAM = FIELD_PARAMETERS | {"backfill_minutes", "start_time", "end_time"}
_BODY_LIMIT = 20 * 2**20


class Gate:
    """Answers requests for one world."""

    def __init__(self, world: World) -> None:
        self._world = world

    @staticmethod
    async def call(request: Request, *, user_context: bool = False) -> Call:
        """The request as handlers see it."""
        pairs: dict[str, list[str]] = {}
        for name, value in request.query_params.multi_items():
            pairs.setdefault(name, []).append(value)
        base = str(request.base_url).rstrip("/")
        return Call(Params(pairs), dict(request.path_params), await _body(request), user_context, base)

    async def answer(self, request: Request, name: str, handler: Handler, *, billed: bool) -> Response:
        """One ordinary reply."""
        self._world.advance()
        headers: dict[str, str] = {}
        try:
            call = await self._admit(request, name, headers, billed=billed)
            early = await self._refuse(request, name, headers, kinds=REFUSALS)
            if early is not None:
                return early
            reply = handler(self._world, call)
        except ProblemError as problem:
            return self._problem(request, problem, headers)
        self._world.ledger.bill(reply.posts, reply.users, reply.flat_usd)
        struck = self._strike(name, SPOILS)
        body = spoil(reply.payload, struck, self._world.rng) if struck else orjson.dumps(reply.payload)
        return await self._deliver(body, self._strike(name, DELIVERY), headers)

    async def stream(self, request: Request) -> Response:
        """``GET /2/tweets/search/stream``."""
        self._world.advance()
        headers: dict[str, str] = {}
        try:
            call = await self._admit(request, "stream", headers, billed=True)
            early = await self._refuse(request, "stream", headers, kinds=REFUSALS - {"reset"})
            if early is not None:
                return early
            call.params.only(_STREAM)
            for name in ("backfill_minutes", "start_time", "end_time"):
                if call.params.text(name) not in {None, "0"}:
                    raise problems.forbidden()  # recovery is an Enterprise feature
            if not len(self._world.rules):
                raise problems.conflict("You must define rules before connecting to the stream.")
            view = View.of(call.params, self._world.config.dialect)
            client = request.client.host if request.client else ""
            connection = self._world.hub.open(view, client, self._world.clock.now_ms())
        except ProblemError as problem:
            return self._problem(request, problem, headers)
        return StreamResponse(self._world, connection, headers)

    async def _admit(self, request: Request, name: str, headers: dict[str, str], *, billed: bool) -> Call:
        headers |= self._world.limiter.peek(name)
        user = self._authenticate(request, name)
        headers |= self._world.limiter.take(name)
        if billed:
            self._world.ledger.check()
        return await self.call(request, user_context=user)

    def _authenticate(self, request: Request, name: str) -> bool:
        if name == "openapi":
            return False
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        config = self._world.config
        if kind.lower() != "bearer" or not token:
            raise problems.unauthorized()
        if token == config.user_token:
            return True
        if config.token and token != config.token:
            raise problems.unauthorized()
        return False

    def _strike(self, name: str, kinds: frozenset[str]) -> list[Fault]:
        return self._world.faults.strike(name, kinds, self._world.elapsed_s())

    async def _refuse(
        self, request: Request, name: str, headers: dict[str, str], kinds: frozenset[str]
    ) -> Response | None:
        struck = self._strike(name, kinds)
        if not struck:
            return None
        fault = struck[0]
        if fault.kind == "reset":
            abort(request.scope)
            raise ConnectionResetError("fault: reset")
        if fault.kind in {"unavailable_html", "html_ok"}:
            status = 200 if fault.kind == "html_ok" else 503
            return Response(HTML, status, headers, media_type="text/html; charset=utf-8")
        if fault.kind == "window":
            raise exhausted(self._world.clock.wall(), fault.seconds)
        problem = _REFUSALS[fault.kind]()
        raise problem

    async def _deliver(self, body: bytes, struck: list[Fault], headers: dict[str, str]) -> Response:
        kinds = {fault.kind: fault for fault in struck}
        if "stall" in kinds:
            await asyncio.sleep(kinds["stall"].seconds)
        if "slow" in kinds:
            return StreamingResponse(_drip(body, kinds["slow"].seconds), headers=headers, media_type=_JSON)
        return Response(body, headers=headers, media_type=_JSON)

    def _problem(self, request: Request, problem: ProblemError, headers: dict[str, str]) -> Response:
        pairs = {name: [value] for name, value in request.query_params.multi_items()}
        host = Dialect.of(Params(pairs), self._world.config.dialect).host
        return problem_response(problem, host, headers)


_REFUSALS: dict[str, Callable[[], ProblemError]] = {
    "credits": problems.credits_depleted,
    "cap": problems.usage_capped,
    "unavailable": problems.unavailable,
    "unauthorized": problems.unauthorized,
    "forbidden": problems.forbidden,
}


def problem_response(problem: ProblemError, host: str, headers: dict[str, str]) -> Response:
    """The reply of a problem; its own headers win."""
    body: dict[str, Any] = problem.payload(host)
    both = {**headers, **problem.headers}
    return Response(orjson.dumps(body), problem.status, both, media_type="application/problem+json")


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_LIMIT:
            raise ProblemError(
                413, {"title": "Payload Too Large", "detail": "Payload Too Large", "status": 413}
            )
    return bytes(body)


async def _drip(body: bytes, seconds: float) -> AsyncIterator[bytes]:
    size = max(len(body) // 20, 1)
    pieces = [body[i : i + size] for i in range(0, len(body), size)]
    for piece in pieces:
        yield piece
        await asyncio.sleep(seconds / len(pieces))
