"""One HTTP exchange with X: bounded in time and in size, and silent about the token.

Three things a plain HTTP client leaves open are closed here. The whole exchange has one deadline (a read
timeout alone lets a server drip a byte a second for hours), the body is capped while it is being
decompressed, and every foreign exception becomes a ``domain.errors`` one.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import weakref
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import httpx2

from trendvane.domain.errors import ConfigurationError, SourceUnavailableError

if TYPE_CHECKING:
    from datetime import datetime

MAX_BODY = 5 * 1024 * 1024
_AGENT = "trendvane/0.1 (+https://github.com/trendvane/trendvane)"

Params = Mapping[str, str | int]


class LostReplyError(SourceUnavailableError):
    """The request went out, its answer did not come back whole: X may have billed what it asked."""


@dataclass(frozen=True, slots=True)
class XConfig:
    """How to reach X, or something that speaks like it.

    Attributes:
        base_url: Scheme and host; the emulator's address in the demo.
        bearer: App-only bearer token. Not part of ``repr``.
        dialect: ``legacy`` asks with ``tweet.fields`` and gets every id without paid expansions;
            ``current`` asks with ``post.fields`` and pays for the expansions that carry the same ids.
        deadline: Seconds that one exchange may take, from connecting to the last byte.
        max_body: Bytes a body may have once decompressed.
        stream_timeout: Seconds of silence after which a stream is dead; X sends a heartbeat every 20 s.
    """

    base_url: str = "https://api.x.com"
    bearer: str = field(default="", repr=False)
    dialect: Literal["legacy", "current"] = "legacy"
    deadline: float = 20.0
    max_body: int = MAX_BODY
    stream_timeout: float = 21.0

    def __post_init__(self) -> None:
        # A control character in a header makes the HTTP library quote the whole header in its exception.
        if not self.bearer.isascii() or any(c.isspace() or not c.isprintable() for c in self.bearer):
            raise ConfigurationError(
                "The bearer token contains white space or characters that no token has.",
                remedy="Copy it again from the developer console, without line breaks.",
            )
        url = httpx2.URL(self.base_url)
        if url.scheme not in {"http", "https"} or not url.host:
            raise ConfigurationError(
                f"{self.base_url!r} is not an address of X.", remedy="Use https://api.x.com."
            )


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, before anybody reads it.

    Attributes:
        status: HTTP status.
        headers: Names in lower case.
        body: Decompressed bytes, at most ``XConfig.max_body``.
        received_at: UTC, when the last byte was there.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    received_at: datetime

    @property
    def content_type(self) -> str:
        """As sent; empty if absent."""
        return self.headers.get("content-type", "")


class Wire:
    """Sends requests.

    Args:
        config: Address, token, limits.
        now: Wall clock, UTC.
        transport: Replaces the network in tests.
    """

    def __init__(
        self,
        config: XConfig,
        *,
        now: Callable[[], datetime],
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.config = config
        self.now = now
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        step = min(10.0, config.deadline)
        self._client = httpx2.Client(
            base_url=config.base_url,
            follow_redirects=False,  # a redirect would carry the token to another host
            timeout=httpx2.Timeout(step, connect=min(5.0, step)),
            headers={"user-agent": _AGENT, "accept-encoding": "gzip"},
            transport=transport,
            trust_env=False,  # a proxy variable must not decide where the token goes
        )

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def send(
        self,
        method: str,
        url: str,
        *,
        params: Params | None = None,
        json: object = None,
        content: bytes | None = None,
    ) -> Reply:
        """Exchange one request for one reply, whatever its status.

        Args:
            method: HTTP method.
            url: A path of the API, or an absolute address. The token only goes to the host of ``base_url``.
            params: Query parameters.
            json: Body to send as JSON.
            content: Body to send as plain text.

        Raises:
            SourceUnavailableError: X cannot be reached.
            LostReplyError: No complete reply within the deadline and the size limit.
        """
        headers = self._headers(url) | ({"content-type": "text/plain"} if content is not None else {})
        with self._translate(), self._deadline() as clock:
            request = self._client.build_request(
                method,
                url,
                params=params,
                json=json,
                content=content,
                headers=headers,
                extensions={"trace": self._remember, "timeout": self._client.timeout.as_dict()},
            )
            response = self._client.send(request, stream=True)
            try:
                body = self._read(response, clock)
            finally:
                response.close()
        return Reply(response.status_code, dict(response.headers), body, self.now())

    @contextlib.contextmanager
    def open_stream(self, url: str, params: Params) -> Iterator[tuple[Reply | None, Iterator[bytes]]]:
        """Open a connection that stays open.

        Yields:
            ``(None, chunks)`` for a stream, or ``(reply, nothing)`` when X answered something else than 200.
        """
        silence = self.config.stream_timeout
        # Compressed streams sit in buffers; a heartbeat that arrives late is no heartbeat.
        headers = self._headers(url) | {"accept-encoding": "identity"}
        with self._translate():
            timeout = httpx2.Timeout(silence, connect=10.0)
            with self._client.stream("GET", url, params=params, headers=headers, timeout=timeout) as response:
                if response.status_code == httpx2.codes.OK:
                    yield None, response.iter_raw()
                else:
                    body = self._read(response, lambda: None)
                    yield Reply(response.status_code, dict(response.headers), body, self.now()), iter(())

    def same_host(self, url: str) -> bool:
        """Whether an absolute address belongs to the configured API."""
        ours, theirs = httpx2.URL(self.config.base_url), httpx2.URL(url)
        return (ours.scheme, ours.host, ours.port) == (theirs.scheme, theirs.host, theirs.port)

    def _headers(self, url: str) -> dict[str, str]:
        if not self.config.bearer or ("://" in url and not self.same_host(url)):
            return {}
        return {"authorization": f"Bearer {self.config.bearer}"}

    def _read(self, response: httpx2.Response, clock: Callable[[], None]) -> bytes:
        if response.is_stream_consumed:  # a transport that answers from memory has decoded already
            return _join(iter([response.content]), "", self.config.max_body, clock)
        encoding = response.headers.get("content-encoding", "").strip().lower()
        return _join(response.iter_raw(), encoding, self.config.max_body, clock)

    def _remember(self, event: str, info: Mapping[str, Any]) -> None:
        """Trace hook of the HTTP library: keep the sockets, so that the deadline can cut them."""
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            sock = info["return_value"].get_extra_info("socket")
            if sock is not None:
                self._sockets.add(sock)

    @contextlib.contextmanager
    def _deadline(self) -> Iterator[Callable[[], None]]:
        end = time.monotonic() + self.config.deadline

        def check() -> None:
            if time.monotonic() > end:
                raise LostReplyError(f"X did not finish answering within {self.config.deadline:g} s.")

        timer = threading.Timer(self.config.deadline, self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield check
        except httpx2.HTTPError:
            check()
            raise
        finally:
            timer.cancel()

    def _cut(self) -> None:
        for sock in list(self._sockets):
            with contextlib.suppress(OSError):
                # Not ``sock.shutdown``: on a TLS socket that would take the session from under the reader.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    @contextlib.contextmanager
    def _translate(self) -> Iterator[None]:
        try:
            yield
        except (httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
            raise ConfigurationError("The address of X cannot be used.", remedy="Check base_url.") from error
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise SourceUnavailableError(f"X cannot be reached: {type(error).__name__}.") from error
        except (httpx2.HTTPError, httpx2.StreamError, zlib.error) as error:
            raise LostReplyError(f"X did not answer: {type(error).__name__}.") from error


def _join(chunks: Iterator[bytes], encoding: str, cap: int, clock: Callable[[], None]) -> bytes:
    """Collect a body; never hold more than ``cap`` bytes of it, however small it came over the wire."""
    if encoding not in {"", "identity", "gzip"}:
        raise LostReplyError(f"X answered in an encoding nobody asked for: {encoding[:20]!r}.")
    inflate = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
    body = bytearray()
    for chunk in chunks:
        clock()
        rest = chunk
        while rest and len(body) <= cap:
            body += inflate.decompress(rest, cap + 1 - len(body)) if inflate else rest[: cap + 1 - len(body)]
            rest = inflate.unconsumed_tail if inflate else b""
        if len(body) > cap:
            raise LostReplyError(f"X sent a body of more than {cap} bytes.")
    clock()
    if inflate and body and not inflate.eof:
        raise LostReplyError("X sent a compressed body that ends too early.")
    return bytes(body)
