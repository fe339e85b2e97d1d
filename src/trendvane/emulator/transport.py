"""The socket under a request, for the one fault that HTTP cannot express: a reset."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_KEY = "trendvane.transport"


class TransportInScope:
    """Remembers uvicorn's transport in the scope, where the server has one.

    ASGI hides the socket. uvicorn's ``receive`` is a method of its request cycle, which holds the transport;
    under any other server ``abort`` finds nothing and the caller's exception ends the request instead.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on."""
        scope[_KEY] = getattr(getattr(receive, "__self__", None), "transport", None)
        await self._app(scope, receive, send)


def abort(scope: Scope) -> bool:
    """Drop the connection without goodbye; False when there is no socket to drop."""
    transport = scope.get(_KEY)
    if transport is None:
        return False
    transport.abort()
    return True
