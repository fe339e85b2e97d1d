"""Bodies from strangers: bounded before they are read, strict when they are parsed."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import orjson
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from trendvane.serve.problems import problem

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PATIENCE = 10.0  # seconds for a body to arrive; a client that drips bytes holds no connection for longer


class BodyLimit:
    """Reads a request's body, at most ``limit`` bytes of it, before anything else sees the request.

    A declared length above the limit is refused unread; a chunked body as soon as it passes the limit.

    Args:
        app: What gets the body, in one piece.
        limit: Bytes.
        patience: Seconds the whole body may take to arrive.
    """

    def __init__(self, app: ASGIApp, limit: int, patience: float = _PATIENCE) -> None:
        self._app = app
        self._limit = limit
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its whole body, or answer 400, 408 or 413."""
        headers = Headers(scope=scope) if scope["type"] == "http" else {}
        declared = headers.get("content-length")
        if declared is None and "transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(declared, receive)
        except HTTPException as refused:
            # What the client still sends is not read: the connection ends with the answer.
            answer = problem(refused.status_code, refused.detail, headers={"Connection": "close"})
            await answer(scope, receive, send)
            return
        if body is not None:
            await self._app(scope, _replay(body, receive), send)

    async def _read(self, declared: str | None, receive: Receive) -> bytes | None:
        """The body; None when the client left."""
        if declared is not None and not (declared.isascii() and declared.isdigit()):
            raise HTTPException(400, "Content-Length is not a number.")
        too_large = HTTPException(413, f"The body is larger than {self._limit} bytes.")
        # Compared by length of digits first: int() of a very long number would be refused by Python itself.
        if declared is not None and (
            len(declared) > len(str(self._limit)) + 20 or int(declared) > self._limit
        ):
            raise too_large
        body = bytearray()
        try:
            async with asyncio.timeout(self._patience):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    body += message.get("body", b"")
                    if len(body) > self._limit:
                        raise too_large
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            raise HTTPException(408, "The body took too long to arrive.") from None


def _replay(body: bytes, receive: Receive) -> Receive:
    pending = [body]

    async def replay() -> Message:
        if pending:
            return {"type": "http.request", "body": pending.pop(), "more_body": False}
        return await receive()

    return replay


async def json_body(request: Request, limit: int) -> dict[str, Any]:
    """The JSON object that a request carries, and says it carries.

    A page from elsewhere can send a form unasked, but not this type: the browser would ask us first.

    Raises:
        HTTPException: 400, 413, 415 or 422 with a reason that does not repeat the input.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise HTTPException(415, "Compressed bodies are not taken.")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "Send application/json.")
    body = await request.body()
    if len(body) > limit:
        raise HTTPException(413, f"The body is larger than {limit} bytes.")
    return read_json(body)


def read_json(body: bytes) -> dict[str, Any]:
    """A JSON object, strictly: UTF-8, no NaN, no lone surrogates, bounded depth, no key twice.

    Raises:
        HTTPException: 400 with a reason that does not repeat the input.
    """
    try:
        value = orjson.loads(body)
    except (orjson.JSONDecodeError, RecursionError):
        raise HTTPException(400, "The body is not valid JSON in UTF-8.") from None
    if not isinstance(value, dict):
        raise HTTPException(422, "The body must be a JSON object.")
    try:
        # orjson keeps the last of two equal keys in silence, and two parsers would read two requests.
        json.loads(body, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise HTTPException(400, "The body has a key twice, or a number too large.") from None
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("key twice")
    return {}
