"""Open streams: who is connected, and what is on its way to them."""

from __future__ import annotations

import asyncio
import random
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trendvane.emulator.problems import too_many_connections

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trendvane.emulator.render import View

# X cuts off a reader that falls behind; five minutes at three posts a second.
BUFFER = 1_000
ENDPOINT = "/2/tweets/search/stream"


@dataclass(slots=True)
class Connection:
    """One stream. ``queue`` holds payloads; None asks the writer to close."""

    id: str
    view: View
    client_ip: str
    connected_ms: int
    queue: asyncio.Queue[dict[str, Any] | None] = field(default_factory=lambda: asyncio.Queue(BUFFER + 1))
    disconnected_ms: int | None = None
    reason: str = ""


class Hub:
    """Registers streams and hands payloads to them.

    Args:
        limit: Connections allowed at the same time.
        seed: For the connections' ids.
    """

    def __init__(self, limit: int, seed: int) -> None:
        self._limit = limit
        self._rng = random.Random(f"hub-{seed}")
        self._active: dict[str, Connection] = {}
        self._past: list[Connection] = []

    def __len__(self) -> int:
        return len(self._active)

    def open(self, view: View, client_ip: str, now_ms: int) -> Connection:
        """Register a stream.

        Raises:
            ProblemError: 429 TooManyConnections; an old connection counts until its end was noticed.
        """
        if len(self._active) >= self._limit:
            raise too_many_connections()
        name = str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
        connection = Connection(name, view, client_ip, now_ms)
        self._active[name] = connection
        return connection

    def active(self) -> list[Connection]:
        """Streams that count against the limit."""
        return list(self._active.values())

    def past(self) -> list[Connection]:
        """The latest hundred ended streams."""
        return list(self._past)

    def offer(self, connection: Connection, payload: dict[str, Any], now_ms: int) -> None:
        """Queue a payload; a reader with a full buffer is dropped."""
        if connection.queue.qsize() >= BUFFER:
            self.close(connection.id, now_ms, "SlowReader")
        else:
            connection.queue.put_nowait(payload)

    def close(self, name: str, now_ms: int, reason: str) -> bool:
        """End a stream; False when there is none of that name."""
        connection = self._active.pop(name, None)
        if connection is None:
            return False
        connection.disconnected_ms, connection.reason = now_ms, reason
        self._past = [*self._past[-99:], connection]
        connection.queue.put_nowait(None)
        return True

    def kill(self, names: Iterable[str], now_ms: int) -> dict[str, Any]:
        """End several; the body of ``DELETE /2/connections``."""
        results: list[dict[str, Any]] = []
        for name in names:
            done = self.close(name, now_ms, "ForceDisconnect")
            problem = {} if done else {"error_message": "Connection not found"}
            results.append({"uuid": name, "success": done} | problem)
        good = sum(bool(result["success"]) for result in results)
        return {"successful_kills": good, "failed_kills": len(results) - good, "results": results}
