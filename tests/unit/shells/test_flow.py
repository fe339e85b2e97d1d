from __future__ import annotations

from pathlib import Path

from trendvane import flow, steps


def test_a_step_is_named_like_its_function_and_its_file() -> None:
    for step in flow.FLOW:
        assert step.function.__name__ == step.name
        assert step.function.__module__.startswith(f"trendvane.steps.{step.name}")


def test_steps_come_after_what_they_read() -> None:
    seen: set[str] = set()
    for step in flow.FLOW:
        assert set(step.after) <= seen
        seen.add(step.name)


def test_every_step_file_is_in_the_flow_or_is_the_audit() -> None:
    folder = Path(next(iter(steps.__path__)))
    files = {p.stem for p in folder.iterdir() if not p.stem.startswith("_")}
    public = {name for name in files if hasattr(__import__(f"trendvane.steps.{name}", fromlist=[name]), name)}
    assert public == {s.name for s in flow.FLOW} | {"audit"}
