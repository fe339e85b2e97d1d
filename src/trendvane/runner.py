"""The embedded runner: walks through the flow, again and again, in one process.

Every step may run twice without harm, so the runner keeps no state: after a crash it simply begins again.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, is_dataclass
from typing import TYPE_CHECKING, Protocol

import structlog

from trendvane.domain.errors import RateLimitedError, RetryableError, TerminalError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from trendvane.domain.report import Report
    from trendvane.flow import Step

log = structlog.get_logger(__name__)

# A failed step waits twice as long each time, so that a source in trouble is not hammered.
_FIRST_PAUSE = 1.0
_MAX_PAUSE = 60.0


class StopSignal(Protocol):
    """The part of ``threading.Event`` the runner uses."""

    def is_set(self) -> bool:
        """Whether to end."""
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """Sleep, but wake up when it is time to end."""
        ...


@dataclass(slots=True)
class _Job:
    step: Step
    interval: float
    due: float = 0.0
    failures: int = 0


class Runner:
    """Runs steps when they are due.

    Args:
        steps: In the order of the flow.
        intervals: Seconds between two runs of a step, by its name.
        run: Runs a step and returns its report.
        clock: Monotonic seconds.
        wall: Unix seconds, to honour a moment given by X.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        intervals: Mapping[str, float],
        run: Callable[[Step], Report],
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._jobs = [_Job(step, intervals[step.name]) for step in steps]
        self._run = run
        self._clock = clock
        self._wall = wall

    def run_until(self, stop: StopSignal) -> None:
        """Work until ``stop`` is set; a running step is finished first."""
        while not stop.is_set():
            self.tick()
            pause = min(job.due for job in self._jobs) - self._clock()
            stop.wait(max(pause, 0.0))

    def tick(self) -> None:
        """Run every step that is due, once, in the order of the flow."""
        for job in self._jobs:
            if job.due <= self._clock():
                self._attempt(job)

    def _attempt(self, job: _Job) -> None:
        started = self._clock()
        try:
            report = self._run(job.step)
        except (RetryableError, TerminalError) as error:
            job.failures += 1
            job.due = self._clock() + self._pause(job, error)
            log.warning("step_failed", step=job.step.name, error=str(error), retry_in=job.due - self._clock())
            return
        job.failures = 0
        if report.changed:
            fields: dict[str, object] = (
                asdict(report) if is_dataclass(report) and not isinstance(report, type) else {}
            )
            log.info("step_done", step=job.step.name, seconds=round(self._clock() - started, 3), **fields)
        if report.more:
            job.due = self._clock()
        else:
            job.due = max(started + job.interval, self._clock())

    def _pause(self, job: _Job, error: Exception) -> float:
        if isinstance(error, RateLimitedError):
            return max(error.retry_at - self._wall(), _FIRST_PAUSE)
        return float(min(_FIRST_PAUSE * 2.0 ** (job.failures - 1), _MAX_PAUSE))
