"""The server as a process: many clients, too many clients, and a request to stop in the middle of it all."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx2
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration

SERVER = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from trendvane.model.batcher import Batcher, BatchLimits
from trendvane.model.holder import ModelHolder, open_engine
from trendvane.serve.app import create_app
from trendvane.serve.ports import Ports, ServeConfig
from trendvane.serve.server import build_server

port, package, gate, queued = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])

class GatedEngine:
    def __init__(self, path):
        self._engine = open_engine(path)
        self.version, self.package = self._engine.version, self._engine.package
    def predict(self, texts):
        gate.with_name("busy").touch()
        while not gate.exists():
            time.sleep(0.01)
        return self._engine.predict(texts)

holder = ModelHolder(package, GatedEngine)
limits = BatchLimits(max_queued=queued, max_batch=32)
config = ServeConfig(model_poll_s=0.1, deadline_s=120.0)
ports = Ports(holder=holder, batcher=Batcher(holder, limits), warehouse=None, config=config,
              now=lambda: datetime.now(UTC))
build_server(create_app(ports), ports.draining, host="127.0.0.1", port=port).run()
"""


class Server:
    """A running server. Its model answers while the file ``gate`` exists; ``client`` speaks to it."""

    def __init__(self, package: Path, queued: int) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.gate = package / "gate"
        self.gate.touch()
        arguments = [str(self.port), str(package), str(self.gate), str(queued)]
        self.process = subprocess.Popen([sys.executable, "-c", SERVER, *arguments])
        limits = httpx2.Limits(max_connections=64)
        self.client = httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=120, limits=limits)
        self._until(self._ready)

    def _ready(self) -> bool:
        assert self.process.poll() is None
        try:
            return self.client.get("/readyz").status_code == 200
        except httpx2.TransportError:
            return False

    def wait_until_busy(self) -> None:
        self._until(self.gate.with_name("busy").exists)

    def wait_for_queue(self, texts: int) -> None:
        self._until(lambda: f"trendvane_predict_queue_texts {texts}.0" in self.client.get("/metrics").text)

    @staticmethod
    def _until(condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < end, "waited for a minute"
            time.sleep(0.02)

    def ask(self, texts: list[str]) -> httpx2.Response:
        return self.client.post("/v1/predict", json={"texts": texts})


@pytest.fixture
def serve(make_package: Callable[..., Path]) -> Iterator[Callable[..., Server]]:
    started: list[Server] = []

    def start(queued: int = 2048) -> Server:
        started.append(Server(make_package(f"p{len(started)}"), queued))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.process.kill()
        server.process.wait(10)
        server.client.close()


def test_32_clients_each_get_their_own_answers(serve: Callable[..., Server]) -> None:
    server = serve()
    words = {"good": "positive", "bad": "negative", "table": "neutral"}

    def client(number: int) -> list[bool]:
        right = []
        for turn in range(10):
            texts = [list(words)[(number + turn + i) % 3] for i in range(1 + number % 8)]
            rows = server.ask(texts).json()["predictions"]
            right.append([row["label"] for row in rows] == [words[text] for text in texts])
        return right

    with ThreadPoolExecutor(32) as pool:
        assert all(all(right) for right in pool.map(client, range(32)))
    figures = server.client.get("/metrics").text
    assert 'route="/v1/predict",status="2xx"} 320.0' in figures
    # /readyz may well have said 503 while the server was starting; whoever asked the model was answered.
    assert 'route="/v1/predict",status="5xx"' not in figures


def test_overload_is_refused_without_waiting_for_the_model(serve: Callable[..., Server]) -> None:
    server = serve(queued=32)
    server.gate.unlink()
    with ThreadPoolExecutor(24) as pool:
        accepted = [pool.submit(server.ask, ["good"] * 32)]
        server.wait_until_busy()
        accepted.append(pool.submit(server.ask, ["good"] * 32))
        server.wait_for_queue(32)
        started = time.monotonic()
        refused = list(pool.map(lambda _: server.ask(["good"]), range(20)))
        seconds = time.monotonic() - started
        # The model has not answered anybody yet: these were refused at the door.
        assert not any(future.done() for future in accepted)
        server.gate.touch()
        assert [future.result().status_code for future in accepted] == [200, 200]
    assert [answer.status_code for answer in refused] == [429] * 20
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert seconds < 10  # 20 requests on a machine that may be busy with other tests
    assert server.ask(["good"]).status_code == 200


def test_sigterm_answers_what_it_accepted_and_then_ends(serve: Callable[..., Server]) -> None:
    server = serve()
    server.gate.unlink()
    with ThreadPoolExecutor(20) as pool:
        under_way = [pool.submit(server.ask, ["good"] * 32) for _ in range(20)]
        server.wait_for_queue(19 * 32)  # one batch is with the model, the others wait
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        server.gate.touch()
        answers = [future.result() for future in under_way]
    assert [answer.status_code for answer in answers] == [200] * 20
    assert server.process.wait(30) in {0, -signal.SIGTERM}
    with pytest.raises(httpx2.TransportError):
        server.ask(["good"])


def test_a_large_body_is_refused_without_being_read(serve: Callable[..., Server]) -> None:
    server = serve()
    with socket.create_connection(("127.0.0.1", server.port), 10) as raw:
        raw.sendall(
            b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 62914560\r\n\r\n{"
        )
        assert raw.recv(4096).startswith(b"HTTP/1.1 413")


def test_an_endless_chunked_body_is_cut_off(serve: Callable[..., Server]) -> None:
    server = serve()
    chunk = b"1000\r\n" + b"a" * 4096 + b"\r\n"
    with socket.create_connection(("127.0.0.1", server.port), 10) as raw:
        raw.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        sent = 0
        try:
            while sent < 4096:
                raw.sendall(chunk)
                sent += 1
        except OSError:
            pass
        else:
            pytest.fail("16 MiB were taken")
    assert server.client.get("/livez").status_code == 200


BROKEN = [
    b"\x00\x01\x02\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /v1/model HTTP/1.1\r\nHost: x/v1/health?\r\n\r\n",
    b"GET /v1/model HTTP/1.1\r\n\r\n",
]


def test_broken_http_is_never_a_5xx(serve: Callable[..., Server]) -> None:
    server = serve()
    for request in BROKEN:
        answer = exchange(server.port, request)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), request[:60]
    assert server.client.get("/livez").status_code == 200


def exchange(port: int, request: bytes) -> bytes:
    answer = b""
    with socket.create_connection(("127.0.0.1", port), 10) as raw:
        try:
            raw.sendall(request)
            raw.shutdown(socket.SHUT_WR)
            while part := raw.recv(4096):
                answer += part
        except (ConnectionResetError, BrokenPipeError):
            pass
    return answer
