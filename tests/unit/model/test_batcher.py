from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from trendvane.domain.errors import ModelPackageError, OverloadedError
from trendvane.model.batcher import Batcher, BatchLimits, Prediction

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from numpy.typing import NDArray


class FakeEngine:
    """Answers [length, 0, 0]; can be held back; refuses the text ``poison``."""

    def __init__(self, version: str = "m-1") -> None:
        self.version = version
        self.batches: list[list[str]] = []
        self.gate = threading.Event()
        self.gate.set()

    def predict(self, texts: Iterable[str]) -> NDArray[np.float32]:
        texts = list(texts)
        self.batches.append(list(texts))
        assert self.gate.wait(5)
        if "poison" in texts:
            raise ModelPackageError("no number")
        return np.array([[len(text), 0, 0] for text in texts], np.float32)


class FakeHolder:
    def __init__(self, engine: FakeEngine) -> None:
        self.current: FakeEngine | None = engine

    def require(self) -> FakeEngine:
        if self.current is None:
            raise ModelPackageError("No model is loaded.")
        return self.current


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def run(
    scenario: Callable[[Batcher, Any], Awaitable[None]], clock: Clock | None = None, **limits: Any
) -> None:
    async def main() -> None:
        holder = FakeHolder(FakeEngine())
        batcher = Batcher(cast("Any", holder), BatchLimits(**limits), clock or Clock())
        await batcher.start()
        try:
            await asyncio.wait_for(scenario(batcher, holder), 10)
        finally:
            if holder.current:
                holder.current.gate.set()
            await batcher.stop()

    asyncio.run(main())


async def ask(batcher: Batcher, *texts: str, deadline_s: float = 60.0) -> asyncio.Task[Prediction]:
    return asyncio.create_task(batcher.predict(texts, deadline_s))


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0.005)


def test_each_request_gets_its_own_rows() -> None:
    async def scenario(batcher: Batcher, holder: Any) -> None:
        tasks = [await ask(batcher, "a" * i, "b" * (i + 1)) for i in range(1, 9)]
        for i, answer in enumerate(await asyncio.gather(*tasks), start=1):
            assert answer.p[:, 0].tolist() == [i, i + 1]
            assert answer.version == "m-1"
        assert sum(map(len, holder.current.batches)) == 16

    run(scenario)


def test_requests_that_arrive_together_share_a_batch() -> None:
    async def scenario(batcher: Batcher, holder: Any) -> None:
        await asyncio.gather(*[await ask(batcher, "x") for _ in range(10)])
        assert len(holder.current.batches) == 1

    run(scenario, max_wait_s=0.02)


def test_a_batch_is_never_larger_than_the_limit() -> None:
    async def scenario(batcher: Batcher, holder: Any) -> None:
        await asyncio.gather(*[await ask(batcher, "x", "y", "z") for _ in range(10)])
        assert max(map(len, holder.current.batches)) == 6

    run(scenario, max_batch=8)


def test_a_full_queue_refuses_at_once_and_says_when_to_come_back() -> None:
    async def scenario(batcher: Batcher, holder: Any) -> None:
        holder.current.gate.clear()
        first = await ask(batcher, "under way")
        await settle()
        waiting = await ask(batcher, *"abcd")
        await settle()
        assert batcher.queued == 4
        with pytest.raises(OverloadedError) as refused:
            await batcher.predict(["one too many"], 60.0)
        assert refused.value.retry_after >= 1
        holder.current.gate.set()
        await asyncio.gather(first, waiting)

    run(scenario, max_queued=4, max_wait_s=0.0)


def test_an_expired_request_never_reaches_the_model() -> None:
    clock = Clock()

    async def scenario(batcher: Batcher, holder: Any) -> None:
        holder.current.gate.clear()
        first = await ask(batcher, "under way")
        await settle()
        late, patient = (
            await ask(batcher, "late", deadline_s=1.0),
            await ask(batcher, "patient", deadline_s=9.0),
        )
        await settle()
        clock.now = 2.0
        holder.current.gate.set()
        await asyncio.gather(first, patient)
        with pytest.raises(OverloadedError, match="too long"):
            await late
        assert holder.current.batches == [["under way"], ["patient"]]

    run(scenario, clock=clock, max_wait_s=0.0)


def test_a_client_that_went_away_costs_no_inference() -> None:
    async def scenario(batcher: Batcher, holder: Any) -> None:
        holder.current.gate.clear()
        first = await ask(batcher, "under way")
        await settle()
        gone = await ask(batcher, "gone")
        await settle()
        gone.cancel()
        await settle()
        holder.current.gate.set()
        await first
        await settle()
        assert holder.current.batches == [["under way"]]
        assert batcher.queued == 0

    run(scenario, max_wait_s=0.0)


def test_one_requests_failure_leaves_its_neighbours_alone() -> None:
    async def scenario(batcher: Batcher, _holder: Any) -> None:
        good, bad = await ask(batcher, "good"), await ask(batcher, "poison")
        assert (await good).p[0, 0] == 4
        with pytest.raises(ModelPackageError):
            await bad

    run(scenario, max_wait_s=0.02)


def test_a_batch_keeps_the_engine_it_began_with() -> None:
    async def scenario(batcher: Batcher, holder: Any) -> None:
        old, new = holder.current, FakeEngine("m-2")
        old.gate.clear()
        before = await ask(batcher, "before")
        await settle()
        holder.current = new
        after = await ask(batcher, "after")
        await settle()
        old.gate.set()
        assert (await before).version == "m-1"
        assert (await after).version == "m-2"

    run(scenario, max_wait_s=0.0)


def test_without_a_model_a_request_is_refused() -> None:
    async def scenario(batcher: Batcher, holder: Any) -> None:
        holder.current = None
        with pytest.raises(ModelPackageError):
            await batcher.predict(["x"], 1.0)

    run(scenario)


def test_stopping_answers_those_who_wait_and_refuses_the_rest() -> None:
    async def scenario(batcher: Batcher, holder: Any) -> None:
        holder.current.gate.clear()
        tasks = [await ask(batcher, "x" * i) for i in range(1, 30)]
        await settle()
        stopping = asyncio.create_task(batcher.stop())
        await settle()
        with pytest.raises(OverloadedError, match="stopping"):
            await batcher.predict(["too late"], 1.0)
        holder.current.gate.set()
        answers = await asyncio.gather(*tasks)
        await stopping
        assert [answer.p[0, 0] for answer in answers] == list(range(1, 30))

    run(scenario, max_batch=4)


def test_listeners_hear_the_size_of_each_batch() -> None:
    async def scenario(batcher: Batcher, _holder: Any) -> None:
        heard: list[int] = []
        batcher.listen(heard.append)
        await batcher.predict(["a", "b"], 1.0)
        assert heard == [2]

    run(scenario)
