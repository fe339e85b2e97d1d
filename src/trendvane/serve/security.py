"""Who may ask, and what browsers may do with the answer. Plain ASGI: it runs before anything reads a body."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders

from trendvane.domain.errors import ConfigurationError
from trendvane.serve.problems import problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from trendvane.serve.ports import ServeConfig

OPEN_PATH = "/livez"
_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
_HASH = re.compile(r"[0-9a-f]{64}")
_MAX_KEY = 512  # bytes; a longer header is no key of ours
# The page's scripts and styles are files of ours, and nothing is written inline; icons are data URLs.
_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class SecurityHeaders:
    """Adds ``SECURITY_HEADERS`` to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and add to its answer."""

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, add)


class ApiKeys:
    """Asks for a key on every path but ``/livez``, when there are any keys.

    The path is the one the router uses, not one rebuilt from the ``Host`` header. Besides ``Authorization:
    Bearer`` and ``X-API-Key`` the key is taken as the password of ``Basic``, which lets a browser ask for it
    and send it with the live stream, where scripts cannot set headers.

    Args:
        app: What is protected.
        key_hashes: SHA-256 of each key, lower-case hex.
    """

    def __init__(self, app: ASGIApp, key_hashes: tuple[str, ...]) -> None:
        self._app = app
        self._hashes = tuple(value.encode() for value in key_hashes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401."""
        guarded = scope["type"] == "http" and self._hashes and scope["path"] != OPEN_PATH
        if guarded and not self._known(presented_key(Headers(scope=scope))):
            refusal = problem(
                401,
                "This server asks for an API key.",
                remedy="Send it as Authorization: Bearer KEY.",
                headers={"WWW-Authenticate": 'Bearer realm="trendvane", Basic realm="trendvane"'},
            )
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _known(self, key: bytes | None) -> bool:
        if key is None or len(key) > _MAX_KEY:
            return False
        digest = hashlib.sha256(key).hexdigest().encode()
        # Every hash is compared, each in constant time: the answer's delay tells nothing about any of them.
        return sum(hmac.compare_digest(digest, known) for known in self._hashes) > 0


class OwnPagesOnly:
    """Refuses what a page of another site wants to have done here.

    A browser tells which site a request comes from; other programs do not, and are let through. With an
    answer to loopback open to every program on the machine, this is all that keeps a page in a tab from
    labelling tweets in its owner's name.

    Args:
        app: What is protected.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        changes = scope["type"] == "http" and scope["method"] not in _HARMLESS
        if changes and not _from_own_page(Headers(scope=scope)):
            refusal = problem(
                403, "Pages of other sites may not do this.", remedy="Use this server's own pages."
            )
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _from_own_page(headers: Headers) -> bool:
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site == "same-origin"
    # Browsers older than that header, and those that reach us without TLS by a name: schemes may differ
    # behind a proxy, so hosts are compared.
    return origin is None or origin.partition("://")[2].lower() == headers.get("host", "").lower()


def presented_key(headers: Headers) -> bytes | None:
    """The key a request carries, if any."""
    if (key := headers.get("x-api-key")) is not None:
        return key.encode("latin-1")
    scheme, _, value = headers.get("authorization", "").partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        return value.encode("latin-1")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return None
    return None


def check(config: ServeConfig) -> None:
    """Refuse settings that would leave the server more open than its owner thinks.

    Raises:
        ConfigurationError: A key is demanded but none is known, or a hash is no SHA-256.
    """
    if config.require_key and not config.key_hashes:
        raise ConfigurationError(
            "An API key is required but none is configured.",
            remedy="Set serve.api_keys to the SHA-256 of a key, or listen on loopback only.",
        )
    if not all(_HASH.fullmatch(value) for value in config.key_hashes):
        raise ConfigurationError(
            "An API key hash is not 64 lower-case hex digits.",
            remedy='Make one with: printf %s "$KEY" | sha256sum.',
        )
