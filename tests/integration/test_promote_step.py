from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from promotion_support import Court, DyingRegistry, Killed

from trendvane.domain.errors import ConfigurationError, ModelPackageError, StorageUnavailableError
from trendvane.model.snapshots import DataRow
from trendvane.steps.promote.bench import Bench
from trendvane.steps.promote.succession import book

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trendvane.model.registry import ModelVersion
    from trendvane.warehouse.engine import Warehouse

pytestmark = pytest.mark.integration

# What a weaker model takes one word for; the plain tiny model makes no mistake.
WEAK = {"good": "table", "great": "table"}
WEAKER = {**WEAK, "bad": "table", "awful": "good"}


@pytest.fixture
def court(tmp_path: Path, warehouse: Warehouse, make_package: Callable[..., Path]) -> Court:
    """The shipped starter is a weak model."""
    return Court(tmp_path, warehouse, make_package("starter", version="0", reads=WEAK))


@pytest.fixture
def add(court: Court, make_package: Callable[..., Path]) -> Callable[..., ModelVersion]:
    def register(version: str, reads: dict[str, str] | None = None, **more: Any) -> ModelVersion:
        tags = more.pop("tags", {})
        package = make_package(f"made-{version}", version=version, reads=reads, **more)
        return court.add(package, f"tiny-{version}", **tags)

    return register


def test_the_first_champion_is_the_starter_if_it_beats_the_word_list(court: Court) -> None:
    report = court.promote()
    assert report.champion == court.in_step() == "tiny-0"
    assert report.decisions[0].against == "vader"
    assert court.story() == ["adopt tiny-0"]
    assert court.promote().decisions == ()
    assert not court.promote().changed


def test_a_starter_that_does_not_beat_it_is_refused_once(
    court: Court, make_package: Callable[..., Path]
) -> None:
    court.starter = make_package(
        "poor", version="00", reads=dict.fromkeys(("good", "bad", "great", "awful"), "table")
    )
    report = court.promote()
    assert report.champion is None
    assert court.story() == ["refuse tiny-00"]
    assert court.promote().decisions == ()


def test_a_better_challenger_is_promoted_and_a_worse_one_refused(
    court: Court, add: Callable[..., ModelVersion]
) -> None:
    court.promote()
    add("1", WEAKER)
    refused = court.promote().decisions
    assert [d.action for d in refused] == ["refuse"]
    assert "macro F1" in refused[0].reasons[0].replace("Macro", "macro")
    assert court.in_step() == "tiny-0"
    add("2")
    assert [d.action for d in court.promote().decisions] == ["promote"]
    assert court.in_step() == "tiny-2"
    line = book(court.palace)[-1]
    assert (line.actor, line.previous_version, line.test_set) == (
        "anna",
        "tiny-0",
        court.snapshots.test_set().id,
    )
    assert line.report["whole"]["second"] == 1.0
    assert json.dumps(line.report)
    assert court.story() == ["adopt tiny-0", "refuse tiny-1", "promote tiny-2"]


def test_lies_in_a_manifest_change_nothing(court: Court, add: Callable[..., ModelVersion]) -> None:
    court.promote()
    best = {"macro_f1": 0.99, "accuracy": 0.99, "average_recall": 0.99}
    add("1", WEAKER, metrics=best, confusion=[[99, 0, 0], [0, 99, 0], [0, 0, 99]])
    add("2", None, metrics=dict.fromkeys(best, 0.01), confusion=[[0, 99, 0], [0, 0, 99], [99, 0, 0]])
    decided = {d.identity: d.action for d in court.promote().decisions}
    assert decided == {"tiny-1": "refuse", "tiny-2": "promote"}


def test_of_several_the_best_goes_first_and_the_others_meet_it(
    court: Court, add: Callable[..., ModelVersion]
) -> None:
    add("1", {"awful": "table"})  # registered before the starter was: still judged, and after it
    add("2")
    add("3", WEAKER)
    decisions = court.promote().decisions
    assert [(d.identity, d.action, d.against) for d in decisions] == [
        ("tiny-0", "adopt", "vader"),
        ("tiny-2", "promote", "tiny-0"),
        ("tiny-1", "refuse", "tiny-2"),
        ("tiny-3", "refuse", "tiny-2"),
    ]
    # One chance in twenty shared among three.
    assert "98.3%" in decisions[1].reasons[0]


def test_nobody_is_judged_twice_on_one_test_set_unless_a_person_asks(
    court: Court, add: Callable[..., ModelVersion]
) -> None:
    court.promote()
    add("1", WEAKER)
    court.promote()
    assert court.promote().decisions == ()
    assert [d.action for d in court.promote(version="tiny-1").decisions] == ["refuse"]
    court.freeze(more="other")
    assert [d.identity for d in court.promote().decisions] == ["tiny-1"]
    with pytest.raises(ConfigurationError, match="champion already"):
        court.promote(version="champion")


def test_a_person_may_override_and_the_book_says_so(court: Court, add: Callable[..., ModelVersion]) -> None:
    court.promote()
    add("1", WEAKER)
    court.promote(version="tiny-1", override=True, reason="It reads the new slang.")
    line = book(court.palace)[-1]
    assert line.reason.startswith("anna overrode the gate: It reads the new slang.")
    assert "Macro F1" in line.reason
    assert line.report["overridden"] is True
    assert court.in_step() == "tiny-1"


def test_a_damaged_package_cannot_be_overridden(court: Court, add: Callable[..., ModelVersion]) -> None:
    court.promote()
    version = add("1")
    with (court.registry.folder(version.version) / "model.onnx").open("ab") as file:
        file.write(b" ")
    decided = court.promote(version="tiny-1", override=True, reason="I insist.").decisions
    assert decided[0].action == "refuse"
    assert "sha256" in decided[0].reasons[0]
    assert court.in_step() == "tiny-0"


def test_a_package_that_is_too_large_is_refused(court: Court, add: Callable[..., ModelVersion]) -> None:
    court.promote()
    add("1")
    assert "are allowed" in court.promote(max_bytes=100).decisions[0].reasons[0]


def test_a_challenger_that_knows_the_test_set_is_refused(
    court: Court, add: Callable[..., ModelVersion]
) -> None:
    court.promote()
    words = "somebody wrote remarkably peculiar sentences yesterday"
    court.snapshots.freeze([*court.snapshots.test_set().rows(), DataRow("900", f"{words} good", 2)])
    clean = court.snapshots.write([("train", DataRow("1000", "an honest row of other words", 1))])
    leaky = court.snapshots.write([("train", DataRow("1001", f"RT @a: {words} GOOD!!", 2))])
    add("1", tags={"snapshot": leaky.id})
    decided = court.promote().decisions
    assert decided[0].action == "refuse"
    assert "the test set knows" in decided[0].reasons[0]
    add("2", tags={"snapshot": clean.id})
    assert court.promote().decisions[0].action == "promote"


def test_two_versions_are_compared_without_deciding_anything(
    court: Court, add: Callable[..., ModelVersion]
) -> None:
    worse, better = add("1", WEAKER), add("2")
    with Bench(court.snapshots, court.registry, court.champion, court.config()) as bench:
        assert bench.judge(better, worse).promote
        assert not bench.judge(worse, better).promote
    assert court.story() == []


def test_without_enough_test_rows_nothing_is_judged(court: Court) -> None:
    court.freeze(rows=20)
    with pytest.raises(ConfigurationError, match="of each class"):
        court.promote()
    assert court.story() == []


CRASHES = [
    (method, after) for method in ("register", "fetch", "set_champion", "tag") for after in (False, True)
]


@pytest.mark.parametrize(
    ("method", "after"), CRASHES, ids=[f"{m}-{'after' if a else 'before'}" for m, a in CRASHES]
)
def test_a_run_that_was_killed_is_finished_by_the_next(
    court: Court, add: Callable[..., ModelVersion], method: str, *, after: bool
) -> None:
    court.promote()
    add("1")
    real = court.registry
    court.registry = DyingRegistry(real, method, after=after)
    with pytest.raises(Killed):
        court.promote()
    court.registry = real
    report = court.promote()
    assert report.champion == court.in_step() == "tiny-1"
    assert court.story() == ["adopt tiny-0", "promote tiny-1"]
    assert not court.promote().changed


def test_a_link_that_was_not_moved_is_moved_by_the_next_run(
    court: Court, add: Callable[..., ModelVersion]
) -> None:
    court.promote()
    before = court.champion.link.resolve()
    add("1")
    court.promote()
    court.champion._move(before)
    assert "put into use" in court.promote().settled
    assert court.in_step() == "tiny-1"


def test_an_alias_that_somebody_moved_by_hand_is_respected_and_written_down(
    court: Court, add: Callable[..., ModelVersion]
) -> None:
    court.promote()
    court.registry.set_champion(add("1", WEAKER).version)
    report = court.promote()
    assert "not by this command" in report.settled
    assert court.in_step() == "tiny-1"
    assert court.story()[1] == "adopt tiny-1"


def test_a_new_warehouse_takes_over_the_champion_of_an_old_registry(
    court: Court, add: Callable[..., ModelVersion]
) -> None:
    court.registry.set_champion(add("1").version)
    court.promote()
    assert court.in_step() == "tiny-1"
    assert court.story()[0] == "adopt tiny-1"


def test_rollback_goes_back_one_champion_at_a_time(court: Court, add: Callable[..., ModelVersion]) -> None:
    court.promote()
    add("1", {"awful": "table"})
    court.promote()
    add("2")
    court.promote()
    assert court.in_step() == "tiny-2"
    line = court.rollback()
    assert (line.model_version, line.previous_version, line.actor, line.reason) == (
        "tiny-1",
        "tiny-2",
        "anna",
        "because",
    )
    assert court.in_step() == "tiny-1"
    court.rollback()
    assert court.in_step() == "tiny-0"
    with pytest.raises(ConfigurationError, match="none before it"):
        court.rollback()
    assert court.promote().decisions == ()  # whoever was taken away does not come back by itself
    court.rollback(to="tiny-2")
    assert court.in_step() == "tiny-2"
    with pytest.raises(ConfigurationError, match="champion already"):
        court.rollback(to="tiny-2")


def test_rollback_fetches_what_is_only_in_the_registry(
    court: Court, add: Callable[..., ModelVersion], tmp_path: Path
) -> None:
    court.promote()
    add("1")
    court.promote()
    shutil.rmtree(tmp_path / "champion" / "packages" / "tiny-0")
    court.rollback()
    assert court.in_step() == "tiny-0"


def test_rollback_to_a_package_that_does_not_work_changes_nothing(
    court: Court, add: Callable[..., ModelVersion], tmp_path: Path
) -> None:
    court.promote()
    add("1")
    court.promote()
    for folder in (tmp_path / "champion" / "packages" / "tiny-0", court.registry.folder("1")):
        with (folder / "tokenizer.json").open("ab") as file:
            file.write(b" ")
    with pytest.raises(ModelPackageError, match="sha256"):
        court.rollback()
    assert court.in_step() == "tiny-1"


def test_without_a_champion_there_is_nothing_to_roll_back(court: Court) -> None:
    with pytest.raises(ConfigurationError, match="no champion yet"):
        court.rollback()


def test_a_registry_that_does_not_answer_is_worth_another_try(
    court: Court, add: Callable[..., ModelVersion]
) -> None:
    court.promote()
    add("1")
    court.registry.fails = {"set_champion"}
    with pytest.raises(StorageUnavailableError):
        court.promote()
    court.registry.fails = set()
    court.promote()
    assert court.in_step() == "tiny-1"
    assert replace(court.promote(), champion=None).changed is False
