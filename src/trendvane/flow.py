"""The order of the steps, written once. The runner, the command line and the DAGs are derived from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from trendvane.steps.collect import collect
from trendvane.steps.curate import curate
from trendvane.steps.drift import drift
from trendvane.steps.forget import forget
from trendvane.steps.label import label
from trendvane.steps.promote import promote
from trendvane.steps.push import push
from trendvane.steps.score import score
from trendvane.steps.stage import stage
from trendvane.steps.train import train

if TYPE_CHECKING:
    from collections.abc import Callable


class Schedule(StrEnum):
    """What starts a step."""

    POLL = "poll"  # the clock, every half minute or so, in a process of its own
    NEW_DATA = "new_data"  # whatever the steps before it produced
    DAILY = "daily"
    LEARN = "learn"  # a person, once a week, or drift; never the runner by itself


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        name: Equals the function's name and its file's.
        function: Its parameters name the systems it needs; ``bootstrap`` supplies them. Returns a report.
        after: Steps whose output it reads.
        schedule: What starts it.
    """

    name: str
    function: Callable[..., Any]
    after: tuple[str, ...]
    schedule: Schedule


FLOW: tuple[Step, ...] = (
    Step("collect", collect, (), Schedule.POLL),
    Step("push", push, ("collect",), Schedule.NEW_DATA),
    Step("stage", stage, ("push",), Schedule.NEW_DATA),
    Step("score", score, ("stage",), Schedule.NEW_DATA),
    Step("forget", forget, ("stage",), Schedule.DAILY),
    Step("drift", drift, ("score",), Schedule.DAILY),
    Step("label", label, ("score",), Schedule.LEARN),
    Step("curate", curate, ("label",), Schedule.LEARN),
    Step("train", train, ("curate",), Schedule.LEARN),
    Step("promote", promote, ("train",), Schedule.LEARN),
)


def step(name: str) -> Step:
    """The step called ``name``.

    Raises:
        KeyError: There is none.
    """
    return {s.name: s for s in FLOW}[name]
