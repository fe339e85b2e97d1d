"""The cap on bodies, at the level of ASGI, where it can be seen how much was read."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from trendvane.serve.bodies import BodyLimit

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send


class Inner:
    """Takes the body and remembers it."""

    def __init__(self) -> None:
        self.body: bytes | None = None

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        self.body = message.get("body")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


class Client:
    """Sends chunks one by one and counts how many were asked for; then is silent."""

    def __init__(self, *chunks: bytes, leaves: bool = False) -> None:
        self.messages: list[Message] = [
            {"type": "http.request", "body": c, "more_body": i < len(chunks) - 1 or leaves}
            for i, c in enumerate(chunks)
        ]
        if leaves:
            self.messages.append({"type": "http.disconnect"})
        self.asked = 0
        self.answer: list[Message] = []

    async def receive(self) -> Message:
        self.asked += 1
        if self.messages:
            return self.messages.pop(0)
        await asyncio.sleep(60)
        raise AssertionError

    async def send(self, message: Message) -> None:
        self.answer.append(message)


def exchange(client: Client, headers: dict[str, str], **limits: Any) -> Inner:
    inner = Inner()
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
    }
    asyncio.run(BodyLimit(inner, **{"limit": 10, **limits})(scope, client.receive, client.send))
    return inner


def test_a_declared_length_over_the_cap_is_refused_unread() -> None:
    client = Client(b"x" * 11)
    exchange(client, {"Content-Length": "11"})
    assert client.answer[0]["status"] == 413
    assert client.asked == 0
    assert (b"connection", b"close") in client.answer[0]["headers"]


def test_a_chunked_body_is_refused_as_soon_as_it_passes_the_cap() -> None:
    client = Client(*[b"x" * 4] * 1000)
    inner = exchange(client, {"Transfer-Encoding": "chunked"})
    assert client.answer[0]["status"] == 413
    assert client.asked == 3
    assert inner.body is None


def test_a_lie_about_the_length_does_not_pass_the_cap() -> None:
    client = Client(b"x" * 8, b"x" * 8)
    exchange(client, {"Content-Length": "8"})
    assert client.answer[0]["status"] == 413


def test_a_body_of_exactly_the_cap_passes_in_one_piece() -> None:
    client = Client(b"x" * 6, b"y" * 4)
    assert exchange(client, {"Content-Length": "10"}).body == b"xxxxxxyyyy"


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "ten", "", "٣", "1, 2"])
def test_a_length_that_is_no_number_is_400(length: str) -> None:
    client = Client(b"x")
    exchange(client, {"Content-Length": length})
    assert client.answer[0]["status"] == 400


def test_an_absurd_length_is_413() -> None:
    client = Client(b"x")
    exchange(client, {"Content-Length": "9" * 6000})
    assert client.answer[0]["status"] == 413


def test_a_body_that_drips_is_408() -> None:
    client = Client(b"x", leaves=True)
    client.messages.pop()
    exchange(client, {"Transfer-Encoding": "chunked"}, patience=0.01)
    assert client.answer[0]["status"] == 408


def test_a_client_that_leaves_is_answered_nothing() -> None:
    client = Client(b"x", leaves=True)
    inner = exchange(client, {"Transfer-Encoding": "chunked"})
    assert client.answer == []
    assert inner.body is None
