"""Many small requests, few batches: a bounded queue in front of the model.

It refuses rather than lets wait: a full queue answers at once, and a request that waited past its deadline is
dropped before the model spends time on it. Inference runs in a thread, so the event loop stays free to
refuse.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trendvane.domain.errors import OverloadedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from trendvane.model.engine import Engine
    from trendvane.model.holder import ModelHolder

_FIRST_GUESS = 0.005  # seconds per text, until a batch was measured
_SMOOTHING = 0.2  # weight of the newest batch in that figure


@dataclass(frozen=True, slots=True)
class Prediction:
    """Answer to one request.

    Attributes:
        p: Probabilities (n x 3), in the order of ``LABELS``.
        version: The model that gave all of them.
    """

    p: NDArray[np.float32]
    version: str


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """Bounds of the queue.

    Attributes:
        max_queued: Texts waiting; a request that would pass it is refused. Keep below deadline x texts per
            second.
        max_batch: Texts read together; the engine cuts them further by tokens.
        max_wait_s: How long a request waits for company.
    """

    max_queued: int = 256
    max_batch: int = 64
    max_wait_s: float = 0.002


@dataclass(slots=True)
class _Request:
    texts: Sequence[str]
    expires_at: float
    answer: asyncio.Future[Prediction]


class Batcher:
    """Collects requests into batches for the model in use. Lives in one event loop.

    Args:
        holder: Asked once per batch, so that a batch never mixes two models.
        limits: Bounds of the queue.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        holder: ModelHolder,
        limits: BatchLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._holder = holder
        self._limits = limits or BatchLimits()
        self._clock = clock
        self._queue: deque[_Request] = deque()
        self._queued = 0
        self._arrived = asyncio.Event()
        self._closed = True
        self._worker: asyncio.Task[None] | None = None
        self._seconds_per_text = _FIRST_GUESS
        self._listeners: list[Callable[[int], None]] = []

    @property
    def queued(self) -> int:
        """Texts waiting."""
        return self._queued

    def listen(self, listener: Callable[[int], None]) -> None:
        """Call ``listener`` with the number of texts of each batch."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Begin to take requests."""
        self._closed = False
        self._worker = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """Refuse new requests, answer those that wait, return when all are answered."""
        self._closed = True
        self._arrived.set()
        if self._worker is not None:
            await self._worker
            self._worker = None

    async def predict(self, texts: Sequence[str], deadline_s: float) -> Prediction:
        """Probabilities of ``texts``.

        Args:
            texts: Raw texts, at least one.
            deadline_s: Seconds this request may wait before it is dropped.

        Raises:
            OverloadedError: The queue is full, the request waited too long, or the process is stopping.
            ModelPackageError: There is no model, or it misbehaves.
        """
        self._holder.require()
        if self._closed:
            raise OverloadedError("The server is stopping.", retry_after=1.0)
        if self._queued + len(texts) > self._limits.max_queued:
            raise OverloadedError("The prediction queue is full.", retry_after=self._patience())
        answer: asyncio.Future[Prediction] = asyncio.get_running_loop().create_future()
        self._queue.append(_Request(texts, self._clock() + deadline_s, answer))
        self._queued += len(texts)
        self._arrived.set()
        return await answer

    def _patience(self) -> float:
        """Seconds until the texts that wait now are read."""
        return max(1.0, math.ceil(self._queued * self._seconds_per_text))

    async def _work(self) -> None:
        while await self._some():
            if requests := self._take():
                await self._answer(requests)

    async def _some(self) -> bool:
        while not self._queue:
            if self._closed:
                return False
            self._arrived.clear()
            await self._arrived.wait()
        if self._queued < self._limits.max_batch and not self._closed:
            await asyncio.sleep(self._limits.max_wait_s)
        return True

    def _take(self) -> list[_Request]:
        taken: list[_Request] = []
        size = 0
        now = self._clock()
        while self._queue and (not taken or size + len(self._queue[0].texts) <= self._limits.max_batch):
            request = self._queue.popleft()
            self._queued -= len(request.texts)
            if request.answer.done():  # its client went away
                continue
            if request.expires_at < now:
                request.answer.set_exception(
                    OverloadedError("The request waited too long.", retry_after=self._patience())
                )
                continue
            taken.append(request)
            size += len(request.texts)
        return taken

    async def _answer(self, requests: list[_Request]) -> None:
        try:
            engine = self._holder.require()
            texts = [text for request in requests for text in request.texts]
            started = self._clock()
            p = await asyncio.to_thread(engine.predict, texts)
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the callers, not to this task
            await self._blame(requests, error)
            return
        self._measure(len(texts), self._clock() - started)
        _deliver(requests, p, engine)

    async def _blame(self, requests: list[_Request], error: Exception) -> None:
        """One request's failure must not be its neighbours': ask again for each alone."""
        if len(requests) > 1:
            for request in requests:
                await self._answer([request])
        elif not requests[0].answer.done():
            requests[0].answer.set_exception(error)

    def _measure(self, texts: int, seconds: float) -> None:
        self._seconds_per_text += _SMOOTHING * (seconds / texts - self._seconds_per_text)
        for listener in self._listeners:
            listener(texts)


def _deliver(requests: list[_Request], p: NDArray[np.float32], engine: Engine) -> None:
    start = 0
    for request in requests:
        end = start + len(request.texts)
        if not request.answer.done():
            request.answer.set_result(Prediction(p[start:end], engine.version))
        start = end
