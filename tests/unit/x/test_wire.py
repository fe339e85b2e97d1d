from __future__ import annotations

import gzip
import logging
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import httpx2
import pytest

from trendvane.domain.errors import ConfigurationError, SourceUnavailableError
from trendvane.x.wire import LostReplyError, Wire, XConfig

TOKEN = "AAAA-the-secret-token"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
Handler = Callable[[httpx2.Request], httpx2.Response]


def wire(handler: Handler, *, deadline: float = 5.0, max_body: int = 1000) -> Wire:
    config = XConfig("https://x.test", TOKEN, deadline=deadline, max_body=max_body)
    return Wire(config, now=lambda: NOW, transport=httpx2.MockTransport(handler))


def compressed(body: bytes) -> Handler:
    return lambda _: httpx2.Response(200, content=iter([body]), headers={"content-encoding": "gzip"})


def test_bytes_headers_and_time_come_back_untouched() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        assert request.url.params["query"] == "a & b"
        return httpx2.Response(
            503, content=iter([b"\xff", b"\x00"]), headers={"Content-Type": "text/html", "X-A": "b"}
        )

    reply = wire(handler).send("GET", "/2/x", params={"query": "a & b"})
    assert (reply.status, reply.body, reply.content_type, reply.received_at) == (
        503,
        b"\xff\x00",
        "text/html",
        NOW,
    )
    assert reply.headers["x-a"] == "b"


def test_a_body_is_decompressed() -> None:
    assert wire(compressed(gzip.compress(b"hello"))).send("GET", "/").body == b"hello"


def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(b"\x00" * 50_000_000)
    with pytest.raises(LostReplyError, match="more than 1000 bytes"):
        wire(compressed(bomb)).send("GET", "/")


def test_an_endless_body_is_left() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 100

    with pytest.raises(LostReplyError, match="more than 1000 bytes"):
        wire(lambda _: httpx2.Response(200, content=endless())).send("GET", "/")


def test_exactly_the_limit_is_fine() -> None:
    assert (
        len(wire(lambda _: httpx2.Response(200, content=iter([b"x" * 1000]))).send("GET", "/").body) == 1000
    )
    assert len(wire(lambda _: httpx2.Response(200, content=b"x" * 1000)).send("GET", "/").body) == 1000


# Without the time of day in it: the workers of a parallel run must agree on the names of the cases.
@pytest.mark.parametrize(
    "body",
    [gzip.compress(b"hello" * 99, mtime=0)[:-5], b"no gzip at all", zlib.compress(b"x")],
    ids=["cut", "plain", "zlib"],
)
def test_damaged_compression_is_a_lost_reply(body: bytes) -> None:
    with pytest.raises(LostReplyError):
        wire(compressed(body)).send("GET", "/")


def test_an_unknown_encoding_is_a_lost_reply() -> None:
    answer = httpx2.Response(200, content=iter([b"x"]), headers={"content-encoding": "br"})
    with pytest.raises(LostReplyError, match="encoding"):
        wire(lambda _: answer).send("GET", "/")


def test_a_dripping_body_meets_the_deadline() -> None:
    def drip() -> Iterator[bytes]:
        for _ in range(100):
            time.sleep(0.02)
            yield b"x"

    with pytest.raises(LostReplyError, match=r"within 0\.1 s"):
        wire(lambda _: httpx2.Response(200, content=drip()), deadline=0.1).send("GET", "/")


@pytest.mark.parametrize(
    ("foreign", "ours"),
    [
        (httpx2.ConnectError("x"), SourceUnavailableError),
        (httpx2.ConnectTimeout("x"), SourceUnavailableError),
        (httpx2.PoolTimeout("x"), SourceUnavailableError),
        (httpx2.ReadTimeout("x"), LostReplyError),
        (httpx2.ReadError("x"), LostReplyError),
        (httpx2.WriteError("x"), LostReplyError),
        (httpx2.RemoteProtocolError("x"), LostReplyError),
        (httpx2.DecodingError("x"), LostReplyError),
        (httpx2.UnsupportedProtocol("x"), ConfigurationError),
    ],
)
def test_foreign_errors_are_translated(foreign: Exception, ours: type[Exception]) -> None:
    def handler(_: httpx2.Request) -> httpx2.Response:
        raise foreign

    with pytest.raises(ours) as caught:
        wire(handler).send("GET", "/")
    assert type(caught.value) is ours


def test_every_transport_error_is_translated() -> None:
    errors = {
        c for c in vars(httpx2).values() if isinstance(c, type) and issubclass(c, httpx2.TransportError)
    }
    for kind in errors:

        def handler(_: httpx2.Request, kind: type[httpx2.TransportError] = kind) -> httpx2.Response:
            raise kind("x")

        with pytest.raises((SourceUnavailableError, ConfigurationError)):
            wire(handler).send("GET", "/")


def test_redirects_are_not_followed_and_other_hosts_never_see_the_token() -> None:
    asked: list[tuple[str, bool]] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        asked.append((request.url.host, "authorization" in request.headers))
        return httpx2.Response(302, headers={"location": "https://evil.test/"})

    w = wire(handler)
    assert w.send("GET", "/2/x").status == 302
    w.send("PUT", "https://storage.test/upload", content=b"1\n")
    w.send("GET", "https://x.test.evil.test/")
    w.send("GET", "http://x.test/")
    w.send("GET", "https://x.test/2/y")
    assert asked == [
        ("x.test", True),
        ("storage.test", False),
        ("x.test.evil.test", False),
        ("x.test", False),
        ("x.test", True),
    ]


def test_the_token_is_nowhere_to_be_seen(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    def handler(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadError("boom", request=request)

    w = wire(handler)
    with pytest.raises(LostReplyError) as caught:
        w.send("GET", "/2/x")
    chain = [caught.value, caught.value.__cause__]
    assert (
        TOKEN
        not in "".join(map(repr, chain)) + "".join(map(str, chain)) + repr(w.config) + repr(w) + caplog.text
    )


@pytest.mark.parametrize("token", ["a b", "a\n", "a\r\nx: y", "é", "\x00"])
def test_a_strange_token_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        XConfig(bearer=token)
    assert token not in str(caught.value)


@pytest.mark.parametrize("url", ["", "api.x.com", "ftp://x", "https://"])
def test_a_strange_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        XConfig(base_url=url)
