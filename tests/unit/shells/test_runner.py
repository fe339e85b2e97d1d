from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from trendvane.domain.errors import BudgetExhaustedError, RateLimitedError, SourceUnavailableError
from trendvane.flow import Schedule, Step
from trendvane.runner import Runner


@dataclass(frozen=True)
class Report:
    changed: bool = True
    more: bool = False


@dataclass
class World:
    """A clock that only sleep moves, and steps that do what their script says."""

    script: dict[str, list[Any]]
    time: float = 0.0
    calls: list[tuple[str, float]] = field(default_factory=list)
    ticks: int = 0

    def run(self, step: Step) -> Any:
        self.calls.append((step.name, self.time))
        outcome = self.script[step.name].pop(0) if self.script[step.name] else Report(changed=False)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def clock(self) -> float:
        return self.time

    # as a stop signal
    def is_set(self) -> bool:
        self.ticks += 1
        return self.ticks > 12

    def wait(self, timeout: float | None = None) -> bool:
        self.time += timeout or 0.0
        return False


def runner(world: World, **intervals: float) -> Runner:
    steps = [Step(name, lambda: None, (), Schedule.NEW_DATA) for name in intervals]
    return Runner(steps, intervals, world.run, clock=world.clock, wall=world.clock)


def test_each_step_runs_at_its_own_pace() -> None:
    world = World({"push": [], "score": []})
    runner(world, push=10.0, score=4.0).run_until(world)
    assert [t for name, t in world.calls if name == "push"][:3] == [0.0, 10.0, 20.0]
    assert [t for name, t in world.calls if name == "score"][:3] == [0.0, 4.0, 8.0]


def test_a_step_with_more_to_do_runs_again_at_once() -> None:
    world = World({"score": [Report(more=True), Report(more=True), Report()]})
    runner(world, score=5.0).run_until(world)
    assert [t for _, t in world.calls][:4] == [0.0, 0.0, 0.0, 5.0]


def test_a_failing_step_waits_longer_each_time_and_the_others_go_on() -> None:
    down = SourceUnavailableError("down")
    world = World({"push": [down, down, down], "score": []})
    runner(world, push=1.0, score=1.0).run_until(world)
    push = [t for name, t in world.calls if name == "push"]
    assert push[:4] == [0.0, 1.0, 3.0, 7.0]
    assert len([1 for name, _ in world.calls if name == "score"]) > len(push)


def test_a_rate_limit_is_waited_out() -> None:
    world = World({"push": [RateLimitedError("slow down", retry_at=42.0)]})
    runner(world, push=1.0).run_until(world)
    assert world.calls[1] == ("push", 42.0)


def test_a_refusal_does_not_end_the_process() -> None:
    world = World({"push": [BudgetExhaustedError("no money")] * 20})
    runner(world, push=1.0).run_until(world)
    assert len(world.calls) > 3
    gaps = [b - a for (_, a), (_, b) in zip(world.calls, world.calls[1:], strict=False)]
    assert max(gaps) <= 60.0
