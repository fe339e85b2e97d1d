"""The filtered stream on the wire: JSON lines, blank heartbeats, and everything that can break them."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from starlette.responses import Response

from trendvane.emulator.faults import STREAM, Fault
from trendvane.emulator.spoil import poison_line
from trendvane.emulator.transport import abort

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from trendvane.emulator.hub import Connection
    from trendvane.emulator.world import World

_SEPARATOR = b"\r\n"


class _CloseError(Exception):
    """The server ends the stream."""


@dataclass(slots=True)
class _Script:
    """Faults that strike the post in hand, and a post held back to come out of order."""

    held: bytes = b""
    sent: int = 0


class StreamResponse(Response):
    """Writes one connection until either side ends it.

    Args:
        world: Whose posts these are.
        connection: Registered in the hub; released when the response ends, however it ends.
        headers: Rate-limit headers.
    """

    media_type = "application/json"

    def __init__(self, world: World, connection: Connection, headers: dict[str, str]) -> None:
        super().__init__(headers=headers)
        # A stream has no length; Starlette sets one for its empty body.
        del self.headers["content-length"]
        self._world = world
        self._connection = connection

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve until the client goes, the hub closes the connection, or a fault breaks it."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        writer = asyncio.create_task(self._write(scope, send))
        watcher = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait({writer, watcher}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (writer, watcher):
                task.cancel()
            await asyncio.gather(writer, watcher, return_exceptions=True)
            self._release()

    def _release(self) -> None:
        self._world.hub.close(self._connection.id, self._world.clock.now_ms(), "ClientDisconnect")

    async def _write(self, scope: Scope, send: Send) -> None:
        script = _Script()
        with contextlib.suppress(_CloseError):
            # At once, so that the client sees its headers even when nothing matches for a while.
            await _chunk(send, _SEPARATOR)
            while True:
                payload = await self._next(send)
                self._world.ledger.bill(posts=[int(payload["data"]["id"])])
                await self._deliver(payload, script, scope, send)
        # Before the last byte, so that a client that sees the end may reconnect at once.
        self._release()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _next(self, send: Send) -> dict[str, Any]:
        while True:
            try:
                heartbeat = self._world.config.heartbeat_s
                payload = await asyncio.wait_for(self._connection.queue.get(), timeout=heartbeat)
            except TimeoutError:
                await _chunk(send, _SEPARATOR)
                continue
            if payload is None:
                raise _CloseError
            return payload

    async def _deliver(self, payload: dict[str, Any], script: _Script, scope: Scope, send: Send) -> None:
        struck = {f.kind: f for f in self._world.faults.strike("stream", STREAM, self._world.elapsed_s())}
        await self._interrupt(struck, scope, send)
        script.sent += 1
        line = poison_line(payload, script.sent) if "poison" in struck else orjson.dumps(payload)
        line += _SEPARATOR
        if "out_of_order" in struck and not script.held:
            script.held = line
            return
        lines = line * 2 if "duplicates" in struck else line
        if "slow" in struck:
            await _drip(send, lines, struck["slow"].seconds)
        else:
            await _chunk(send, lines)
        if script.held:
            await _chunk(send, script.held)
            script.held = b""

    async def _interrupt(self, struck: dict[str, Fault], scope: Scope, send: Send) -> None:
        if "stall" in struck:  # not even a heartbeat
            await asyncio.sleep(struck["stall"].seconds)
        if "reset" in struck:
            abort(scope)
            raise ConnectionResetError("fault: reset")
        if "disconnect_notice" in struck:
            await _chunk(send, orjson.dumps(_NOTICE) + _SEPARATOR)
        if "clean_close" in struck or "disconnect_notice" in struck:
            raise _CloseError


_NOTICE = {
    "errors": [
        {
            "title": "operational-disconnect",
            "disconnect_type": "UpstreamOperationalDisconnect",
            "detail": "This stream has been disconnected upstream for operational reasons.",
            "type": "https://api.x.com/2/problems/operational-disconnect",
        }
    ]
}


async def _chunk(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _drip(send: Send, body: bytes, seconds: float) -> None:
    pieces = [body[i : i + 64] for i in range(0, len(body), 64)]
    for piece in pieces:
        await _chunk(send, piece)
        await asyncio.sleep(seconds / len(pieces))


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
