from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from trendvane.cli import learn
from trendvane.domain.errors import BudgetExhaustedError
from trendvane.flow import FLOW, Schedule

STEPS = [step.name for step in FLOW if step.schedule is Schedule.LEARN]
LOOP = [name for name in STEPS if name in {"label", "curate", "train", "promote"}]


@dataclass(frozen=True)
class Report:
    changed: bool = True
    more: bool = False


@dataclass
class Systems:
    """Runs nothing, and remembers what it was asked."""

    script: dict[str, list[Any]] = field(default_factory=dict)
    base_url: str = ""
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def settings(self) -> Any:
        return SimpleNamespace(label=SimpleNamespace(base_url=self.base_url))

    def run(self, name: str, **overrides: Any) -> Any:
        self.asked.append((name, overrides))
        outcome = self.script.get(name, [])
        made = outcome.pop(0) if outcome else Report()
        if isinstance(made, Exception):
            raise made
        return made


def run(
    systems: Systems, given: dict[str, dict[str, Any]] | None = None, *, with_labels: bool = False
) -> list[str]:
    said: list[str] = []
    skipped = learn._skipped(systems, with_labels=with_labels)  # type: ignore[arg-type]
    learn._run(systems, given or {}, skipped, say=said.append)  # type: ignore[arg-type]
    return said


def test_the_loop_is_the_flow() -> None:
    systems = Systems(base_url="http://llm")
    run(systems)
    assert [name for name, _ in systems.asked] == LOOP == STEPS
    assert STEPS[-1] == "promote"


def test_nobody_is_asked_for_labels_that_are_given_or_that_nobody_can_give() -> None:
    for systems, with_labels, why in (
        (Systems(base_url="http://llm"), True, "labels are given"),
        (Systems(), False, "no language model is set"),
    ):
        said = run(systems, with_labels=with_labels)
        assert "label" not in [name for name, _ in systems.asked]
        assert any(why in line for line in said)


def test_what_was_not_asked_for_is_left_to_the_settings() -> None:
    systems = Systems()
    run(systems, {"promote": {"actor": "anna", "version": ""}})
    assert systems.asked[-1] == ("promote", {"actor": "anna"})


def test_a_step_with_more_to_do_is_run_again() -> None:
    systems = Systems({"promote": [Report(more=True), Report()]})
    run(systems)
    assert [name for name, _ in systems.asked].count("promote") == 2


def test_an_exhausted_budget_for_labels_does_not_end_the_loop() -> None:
    systems = Systems({"label": [BudgetExhaustedError("No money left.")]}, base_url="http://llm")
    said = run(systems)
    assert systems.asked[-1][0] == "promote"
    assert any("No money left." in line for line in said)


def test_elsewhere_it_does() -> None:
    with pytest.raises(BudgetExhaustedError):
        run(Systems({"promote": [BudgetExhaustedError("No money left.")]}))
