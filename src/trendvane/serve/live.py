"""Live snapshots by Server-Sent Events: one poller per process, however many people watch.

The poller runs only while somebody watches. A viewer that reads slowly skips to the latest snapshot:
nothing is queued for it, so a stuck phone costs one connection and no memory.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson
import structlog
from fastapi import APIRouter, HTTPException
from fastapi.responses import StreamingResponse

from trendvane.domain.errors import TrendvaneError
from trendvane.serve.problems import documented
from trendvane.serve.questions import WindowName, checked_window

if TYPE_CHECKING:
    import threading
    from collections.abc import AsyncIterator, Callable

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOptions:
    """Pace and limits.

    Attributes:
        poll_s: Seconds between looks at the rollups.
        refresh_s: A snapshot at least this often even when nothing changed: windows slide, sources go silent.
        heartbeat_s: Seconds between comments that keep proxies from closing a quiet connection.
        max_viewers: Connections served at once by this process.
    """

    poll_s: float = 0.5
    refresh_s: float = 10.0
    heartbeat_s: float = 15.0
    max_viewers: int = 200


@dataclass(slots=True)
class _Slot:
    """The latest message of one window, and the bell that rings when it changes."""

    message: bytes = b""
    version: int = 0
    built_at: float = float("-inf")
    viewers: int = 0
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    def publish(self, message: bytes) -> None:
        self.message = message
        self.version += 1
        bell, self.bell = self.bell, asyncio.Event()
        bell.set()


class Broadcaster:
    """Polls once, tells everybody.

    Args:
        fingerprint: Differs whenever the numbers may have changed. Blocks; runs in a thread.
        build: Builds the snapshot of a window. Blocks; runs in a thread.
        draining: Set when the process was asked to stop; streams then end.
        options: Pace and limits.
    """

    def __init__(
        self,
        fingerprint: Callable[[], object],
        build: Callable[[str], dict[str, object]],
        draining: threading.Event,
        options: LiveOptions,
    ) -> None:
        self._fingerprint = fingerprint
        self._build = build
        self._draining = draining
        self._options = options
        self._slots: dict[str, _Slot] = {}
        self._seen: object = None
        self._poller: asyncio.Task[None] | None = None

    @property
    def viewers(self) -> int:
        """Open streams."""
        return sum(slot.viewers for slot in self._slots.values())

    @property
    def full(self) -> bool:
        """Whether another viewer would be one too many."""
        return self.viewers >= self._options.max_viewers

    async def watch(self, window: str) -> AsyncIterator[bytes]:
        """Yield Server-Sent Events until the client leaves or the process drains."""
        slot = self._slots.setdefault(window, _Slot())
        if slot.viewers == 0:  # what it holds may be hours old
            slot.version, slot.built_at = 0, float("-inf")
        slot.viewers += 1
        seen = 0
        try:
            self._start()
            yield b"retry: 2000\n\n"
            quiet = 0.0
            while not self._draining.is_set():
                if slot.version != seen:
                    seen, quiet = slot.version, 0.0
                    yield slot.message
                    continue
                # Short waits, because a thread's event cannot wake this loop when the process drains.
                pause = min(self._options.heartbeat_s, 1.0)
                if not await _rings(slot.bell, pause):
                    quiet += pause
                if quiet >= self._options.heartbeat_s:
                    quiet = 0.0
                    yield b": still here\n\n"
        finally:
            slot.viewers -= 1

    def _start(self) -> None:
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll(), name="live-poller")

    async def _poll(self) -> None:
        """Look, build, publish; until nobody watches any more."""
        while self.viewers and not self._draining.is_set():
            try:
                await self._look()
            except TrendvaneError as error:
                _log.warning("live_snapshot_failed", error=str(error))
                self._trouble("The warehouse does not answer.")
            except Exception:  # noqa: BLE001 - whatever went wrong, the viewers hear of it and polling goes on
                _log.exception("live_snapshot_failed")
                self._trouble("The server could not build a snapshot.")
            await asyncio.sleep(self._options.poll_s)

    async def _look(self) -> None:
        seen = await asyncio.to_thread(self._fingerprint)
        changed, self._seen = seen != self._seen, seen
        clock = asyncio.get_running_loop().time()
        for window, slot in list(self._slots.items()):
            if slot.viewers and (changed or clock - slot.built_at >= self._options.refresh_s):
                snapshot = await asyncio.to_thread(self._build, window)
                slot.built_at = clock
                slot.publish(b"event: snapshot\ndata: " + orjson.dumps(snapshot) + b"\n\n")

    def _trouble(self, message: str) -> None:
        for slot in self._slots.values():
            slot.built_at = float("-inf")
            if slot.viewers:
                slot.publish(b"event: trouble\ndata: " + orjson.dumps({"detail": message}) + b"\n\n")


async def _rings(bell: asyncio.Event, timeout: float) -> bool:  # noqa: ASYNC109 - it is the point
    try:
        await asyncio.wait_for(bell.wait(), timeout)
    except TimeoutError:
        return False
    return True


def live_router(broadcaster: Broadcaster) -> APIRouter:
    """``GET /v1/live``."""
    router = APIRouter(tags=["topics"], responses=documented(422, 503))

    @router.get("/v1/live", summary="Live snapshots as Server-Sent Events", response_class=StreamingResponse)
    async def live(window: WindowName = "1h") -> StreamingResponse:
        checked_window(window)
        if broadcaster.full:
            raise HTTPException(503, "Too many people watch at once.", headers={"Retry-After": "10"})
        return StreamingResponse(
            broadcaster.watch(window),
            media_type="text/event-stream",
            # no-transform and the nginx header: a proxy that buffers or compresses would hold events back.
            headers={"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"},
        )

    return router
