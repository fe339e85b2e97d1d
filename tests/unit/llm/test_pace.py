from __future__ import annotations

from trendvane.llm.pace import Pacer


class Clock:
    """Moves when somebody sleeps."""

    def __init__(self) -> None:
        self.at = 100.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.at += seconds


def test_requests_are_evenly_spaced() -> None:
    clock = Clock()
    pacer = Pacer(120.0, clock=clock.now, sleep=clock.sleep)
    for _ in range(4):
        pacer.wait()
    assert clock.slept == [0.5, 0.5, 0.5]


def test_a_slow_caller_does_not_wait_and_saves_nothing_up() -> None:
    clock = Clock()
    pacer = Pacer(60.0, clock=clock.now, sleep=clock.sleep)
    pacer.wait()
    clock.at += 30
    pacer.wait()
    pacer.wait()
    assert clock.slept == [1.0]


def test_patience_asked_for_holds_everybody() -> None:
    clock = Clock()
    pacer = Pacer(60.0, clock=clock.now, sleep=clock.sleep)
    pacer.hold(7.0)
    pacer.hold(3.0)
    pacer.wait()
    pacer.wait()
    pacer.pause(2.0)
    assert clock.slept == [7.0, 1.0, 2.0]
