from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from trendvane.model import gate
from trendvane.model.behaviour import Case
from trendvane.model.gate import Check, Rules, Scored
from trendvane.model.holder import open_engine

MakePackage = Callable[..., Path]
SUITES = {"negation": [Case("good", "bad", -1)], "entity swap": [Case("good table", "good unknown", 0)]}
RULES = Rules(max_calibration_error=1.0)
# A challenger that knows less, and says that it is the best there ever was.
BOAST = {"macro_f1": 0.99, "average_recall": 0.99, "accuracy": 0.99}


@dataclass(frozen=True)
class Row:
    text: str
    label: int
    topic: str = ""
    lang: str = "en"


ROWS = [
    *(Row(f"good {i}", 2) for i in range(60)),
    *(Row(f"bad {i}", 0) for i in range(60)),
    *(Row(f"table {i}", 1) for i in range(60)),
]
TRUTH = np.array([row.label for row in ROWS])


def score(package: Path, rows: Sequence[Row] = ROWS) -> Scored:
    engine = open_engine(package)
    try:
        return gate.score(engine, rows, identity=engine.version, temperature=1.0, suites=SUITES)
    finally:
        engine.close()


def fake(identity: str, answers: Sequence[int] | np.ndarray, behaviour: float = 1.0) -> Scored:
    """A model that is sure of each answer to nine tenths."""
    p = np.full((len(answers), 3), 0.05, np.float32)
    p[np.arange(len(answers)), answers] = 0.9
    return Scored(identity, p, {"negation": behaviour}, 1.0)


def test_what_packages_say_of_themselves_counts_for_nothing(make_package: MakePackage) -> None:
    champion = make_package("old", version="1", metrics={"macro_f1": 0.1})
    boaster = make_package(
        "new",
        version="2",
        reads={"good": "table"},
        metrics=BOAST,
        confusion=[[999, 0, 0], [0, 999, 0], [0, 0, 999]],
    )
    assert json.loads((boaster / "package.json").read_text())["metrics"]["macro_f1"] == 0.99
    refused = gate.judge(score(champion), score(boaster), ROWS, TRUTH, RULES)
    assert not refused.promote
    assert refused.report["whole"]["second"] < refused.report["whole"]["first"] == 1.0
    taken = gate.judge(score(boaster), score(champion), ROWS, TRUTH, RULES)
    assert taken.promote
    assert taken.report["champion"]["macro_f1"] < 0.7


def test_better_on_average_is_not_enough_unless_it_is_sure() -> None:
    rng = np.random.default_rng(0)
    wrong = rng.random(len(TRUTH)) < 0.3
    champion = np.where(wrong, (TRUTH + 1) % 3, TRUTH)
    one_better = champion.copy()
    one_better[np.flatnonzero(wrong)[0]] = TRUTH[np.flatnonzero(wrong)[0]]
    one_better[np.flatnonzero(~wrong)[:8]] = (TRUTH[np.flatnonzero(~wrong)[:8]] + 1) % 3
    one_better[np.flatnonzero(wrong)[1:9]] = TRUTH[np.flatnonzero(wrong)[1:9]]
    verdict = gate.judge(fake("a-1", champion), fake("a-2", one_better), ROWS, TRUTH, RULES)
    assert verdict.report["whole"]["second"] > verdict.report["whole"]["first"]
    assert not verdict.promote
    assert "not surely better" in verdict.reasons[0]


def test_a_slice_that_surely_fell_refuses_though_the_average_rose() -> None:
    rows = [*ROWS, *(Row(f"never {i}", i % 3, topic="#budget") for i in range(90))]
    truth = np.array([row.label for row in rows])
    champion, challenger = truth.copy(), truth.copy()
    champion[:120] = (truth[:120] + 1) % 3
    challenger[-90:-45] = (truth[-90:-45] + 1) % 3
    verdict = gate.judge(fake("a-1", champion), fake("a-2", challenger), rows, truth, RULES)
    assert verdict.report["whole"]["low"] > 0
    assert not verdict.promote
    assert any("topic=#budget (90 rows)" in reason for reason in verdict.reasons)
    forgiving = replace(RULES, slice_tolerance=0.9)
    assert gate.judge(fake("a-1", champion), fake("a-2", challenger), rows, truth, forgiving).promote


def test_many_slices_share_the_error() -> None:
    """Of equal models in twenty slices, hardly a pair is refused for a slice."""
    rows = [Row(f"word{i % 7}", i % 3, topic=f"#t{i % 10}", lang=f"l{i % 9}") for i in range(1200)]
    truth = np.array([row.label for row in rows])
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(2):
        first, second = (np.where(rng.random(1200) < 0.3, (truth + 1) % 3, truth) for _ in range(2))
        verdict = gate.judge(
            fake("a-1", first), fake("a-2", second), rows, truth, replace(RULES, slice_tolerance=0.0)
        )
        assert len(verdict.report["slices"]) > 15
        refused += any(
            check["name"].startswith("slice ") for check in verdict.report["checks"] if not check["passed"]
        )
    assert refused == 0


@pytest.mark.parametrize(
    ("before", "after", "passes"), [(0.9, 0.85, True), (0.9, 0.7, False), (0.4, 0.45, False)]
)
def test_behaviour_has_a_floor_and_may_not_fall_far(before: float, after: float, *, passes: bool) -> None:
    worse = np.where(np.arange(len(TRUTH)) % 3 == 0, (TRUTH + 1) % 3, TRUTH)
    verdict = gate.judge(
        fake("a-1", worse, behaviour=before), fake("a-2", TRUTH, behaviour=after), ROWS, TRUTH, RULES
    )
    assert verdict.promote is passes
    assert passes or "negation" in verdict.reasons[0]


def test_misplaced_confidence_refuses() -> None:
    worse = np.where(np.arange(len(TRUTH)) % 3 == 0, (TRUTH + 1) % 3, TRUTH)
    timid = fake("a-2", TRUTH)
    timid = replace(timid, p=np.where(timid.p > 0.5, 0.4, 0.3).astype(np.float32))
    verdict = gate.judge(fake("a-1", worse), timid, ROWS, TRUTH, replace(RULES, max_calibration_error=0.15))
    assert not verdict.promote
    assert "confidence" in verdict.reasons[0]
    assert verdict.report["challenger"]["best_temperature"] < 0.5


def test_a_check_made_elsewhere_refuses_too() -> None:
    worse = np.where(np.arange(len(TRUTH)) % 3 == 0, (TRUTH + 1) % 3, TRUTH)
    leak = Check("leak", passed=False, said="3 test rows were trained on.")
    verdict = gate.judge(fake("a-1", worse), fake("a-2", TRUTH), ROWS, TRUTH, RULES, more=[leak])
    assert verdict.reasons == ("3 test rows were trained on.",)
    assert not gate.judge_first(fake("v", worse), fake("a-1", TRUTH), TRUTH, RULES, more=[leak]).promote


def test_the_first_champion_must_beat_the_word_list(make_package: MakePackage) -> None:
    baseline = fake("vader", np.where(np.arange(len(TRUTH)) % 3 == 0, (TRUTH + 1) % 3, TRUTH))
    assert gate.judge_first(baseline, score(make_package("a")), TRUTH, RULES).promote
    wrong = score(make_package("b", reads={"good": "bad", "bad": "good"}))
    assert not gate.judge_first(baseline, wrong, TRUTH, RULES).promote


def test_the_report_is_json() -> None:
    verdict = gate.judge(fake("a-1", TRUTH), fake("a-2", TRUTH), ROWS, TRUTH, RULES)
    assert json.loads(json.dumps(verdict.report))["whole"]["n"] == len(ROWS)
