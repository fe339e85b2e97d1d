"""A chat completion server that does as it is told, mostly badly, over real HTTP."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class Answer:
    """What is sent back.

    Attributes:
        status: HTTP status; 0 closes the connection without a word.
        body: Sent whole, unless ``cut``.
        headers: Besides the usual ones.
        cut: Send half the body and close.
    """

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False


def said(label: str, *, usage: tuple[int, int] = (100, 5)) -> Answer:
    """A well-behaved answer."""
    return content(json.dumps({"label": label}), usage=usage)


def content(
    text: str | None, *, ended: str = "stop", usage: tuple[int, int] = (100, 5), **more: Any
) -> Answer:
    """A completion with this content."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **more}, "finish_reason": ended}
    counts = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
    return Answer(body=json.dumps({"choices": [choice], "usage": counts}).encode())


def failed(status: int, message: str = "", code: str = "", **headers: str) -> Answer:
    """An error as OpenAI writes it."""
    body = json.dumps({"error": {"message": message, "code": code}}).encode()
    return Answer(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


class ScriptedServer:
    """Answers ``POST /v1/chat/completions`` by a function of the tweet and the number of the request."""

    def __init__(self, answer: Callable[[str, int], Answer]) -> None:
        self.asked: list[str] = []
        self._lock = threading.Lock()
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                tweet = json.loads(body["messages"][-1]["content"])["tweet"]
                with scripted._lock:
                    scripted.asked.append(tweet)
                    number = len(scripted.asked)
                self._send(answer(tweet, number))

            def _send(self, reply: Answer) -> None:
                if reply.status:
                    self.send_response(reply.status)
                    for name, value in {"content-type": "application/json", **reply.headers}.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(reply.body)))
                    self.end_headers()
                    self.wfile.write(reply.body[: len(reply.body) // 2] if reply.cut else reply.body)
                self.close_connection = self.close_connection or reply.cut or not reply.status

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
