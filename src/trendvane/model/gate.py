"""Whether a challenger may become champion.

Both are scored here, now, on the same rows: what a run stored about itself is never read, because two runs
judged themselves on two days, on two sets, with two versions of the code. Everything measured goes into the
report; what a person needs is in the sentences.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trendvane.model import behaviour, measures
from trendvane.model.comparison import compare
from trendvane.model.slices import slices

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from trendvane.model.behaviour import Case, Model
    from trendvane.model.comparison import Comparison
    from trendvane.model.slices import Row


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked of a challenger.

    Attributes:
        level: How sure the bootstrap must be that it is better on the whole.
        slice_tolerance: Fall of macro F1 in one slice that is forgiven.
        min_slice_rows: Rows below which a slice is not looked at.
        behaviour_floor: Share of each suite's cases that must come out right.
        behaviour_tolerance: Fall of that share, against the champion, that is forgiven.
        max_calibration_error: Expected calibration error with the package's own temperature.
        seed: Of the bootstrap: the same models on the same rows get the same verdict.
    """

    level: float = 0.95
    slice_tolerance: float = 0.03
    min_slice_rows: int = 50
    behaviour_floor: float = 0.5
    behaviour_tolerance: float = 0.1
    max_calibration_error: float = 0.15
    seed: int = 7


@dataclass(frozen=True, slots=True)
class Scored:
    """One model's answers.

    Attributes:
        identity: Of the package.
        p: (n x 3) Probabilities of the test rows, in their order.
        behaviour: Share of cases that came out right, by suite.
        temperature: Of the package; None where there is none.
    """

    identity: str
    p: NDArray[np.float32]
    behaviour: Mapping[str, float]
    temperature: float | None = None

    @property
    def answers(self) -> NDArray[np.intp]:
        """(n) Class indices."""
        return np.asarray(self.p.argmax(axis=1))


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; ``said`` is a plain sentence with its figures."""

    name: str
    passed: bool
    said: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate decided.

    Attributes:
        promote: Whether the challenger may become champion.
        reasons: Sentences: why not, or why.
        report: Every figure, fit for JSON.
    """

    promote: bool
    reasons: tuple[str, ...]
    report: Mapping[str, Any]


def score(
    model: Model,
    rows: Sequence[Row],
    *,
    identity: str,
    temperature: float | None = None,
    suites: Mapping[str, Sequence[Case]] | None = None,
) -> Scored:
    """Ask a model every row and every case."""
    p = model.predict([row.text for row in rows])
    return Scored(identity, p, behaviour.rates(model, suites), temperature)


def judge(
    champion: Scored,
    challenger: Scored,
    rows: Sequence[Row],
    truth: NDArray[np.integer[Any]],
    rules: Rules,
    *,
    more: Sequence[Check] = (),
) -> Verdict:
    """Decide between two models that answered the same rows.

    Args:
        champion: Answers of the model in use.
        challenger: Answers of the one that wants its place.
        rows: The frozen test set.
        truth: (n) Its labels.
        rules: What is asked.
        more: Checks made elsewhere (package, leak); one that failed refuses.
    """
    rng = np.random.default_rng(rules.seed)
    whole = compare(truth, champion.answers, challenger.answers, level=rules.level, rng=rng)
    parts = _by_slice(champion, challenger, rows, truth, rules)
    checks = [
        _higher(whole, champion, challenger, rules),
        *_slices(parts, rules),
        *_behaviour(champion, challenger, rules),
        calibrated(challenger, truth, rules),
        *more,
    ]
    report = {"whole": asdict(whole), "slices": {name: asdict(part) for name, part in parts.items()}}
    return _verdict(checks, report | figures(champion, challenger, truth))


def judge_first(
    baseline: Scored,
    challenger: Scored,
    truth: NDArray[np.integer[Any]],
    rules: Rules,
    *,
    more: Sequence[Check] = (),
) -> Verdict:
    """Decide whether a model may be the first champion: it must surely beat ``baseline`` on the whole set.

    Slices and behaviour are told but not asked for: there is nothing yet that could get worse.
    """
    rng = np.random.default_rng(rules.seed)
    whole = compare(truth, baseline.answers, challenger.answers, level=rules.level, rng=rng)
    checks = [_higher(whole, baseline, challenger, rules), *more]
    return _verdict(checks, {"whole": asdict(whole)} | figures(baseline, challenger, truth))


def calibrated(scored: Scored, truth: NDArray[np.integer[Any]], rules: Rules) -> Check:
    """Whether confidence means what it says."""
    error = measures.calibration_error(np.asarray(scored.p, np.float64), truth)
    bound = rules.max_calibration_error
    return Check(
        "calibration",
        error <= bound,
        f"Its confidence is {error:.3f} away from its accuracy on average; {bound:g} is allowed.",
    )


def figures(first: Scored, second: Scored, truth: NDArray[np.integer[Any]]) -> dict[str, Any]:
    """What both models measure on the set, for the report."""
    return {"champion": _figures(first, truth), "challenger": _figures(second, truth)}


def _figures(scored: Scored, truth: NDArray[np.integer[Any]]) -> dict[str, Any]:
    confusion = measures.confusion_of(truth, scored.answers)
    found: dict[str, Any] = {
        "identity": scored.identity,
        **measures.report(confusion),
        "confusion": confusion.tolist(),
        "behaviour": {name: round(rate, 4) for name, rate in scored.behaviour.items()},
    }
    if scored.temperature is not None:
        # Logarithms of probabilities are logits up to a constant a row, which a softmax does not see.
        logits = np.log(np.maximum(scored.p, 1e-12))
        found["calibration_error"] = round(measures.calibration_error(scored.p.astype(float), truth), 4)
        found["temperature"] = scored.temperature
        found["best_temperature"] = round(scored.temperature * measures.fit_temperature(logits, truth), 4)
    return found


def _verdict(checks: Sequence[Check], report: Mapping[str, Any]) -> Verdict:
    failed = [check.said for check in checks if not check.passed]
    reasons = tuple(failed or [check.said for check in checks])
    return Verdict(not failed, reasons, {**report, "checks": [asdict(check) for check in checks]})


def _higher(whole: Comparison, champion: Scored, challenger: Scored, rules: Rules) -> Check:
    scores = (
        f"Macro F1 on {whole.n:,} test rows: {challenger.identity} {whole.second:.4f}, "
        f"{champion.identity} {whole.first:.4f}."
    )
    sure = whole.low > 0
    bound = f"is above {whole.low:+.4f}" if sure else f"may be as low as {whole.low:+.4f}: not surely better"
    return Check("higher", sure, f"{scores} At {rules.level:.1%} the difference {bound}.")


def _by_slice(
    champion: Scored, challenger: Scored, rows: Sequence[Row], truth: NDArray[np.integer[Any]], rules: Rules
) -> dict[str, Comparison]:
    found = slices(rows, rules.min_slice_rows)
    # With twenty slices one would "surely" fall by chance alone, so they share the error (Bonferroni).
    level = 1.0 - (1.0 - rules.level) / max(len(found), 1)
    rng = np.random.default_rng(rules.seed)
    return {
        name: compare(truth[at], champion.answers[at], challenger.answers[at], level=level, rng=rng)
        for name, at in found.items()
    }


def _slices(parts: Mapping[str, Comparison], rules: Rules) -> list[Check]:
    fallen = [
        Check(
            f"slice {name}",
            passed=False,
            said=f"In the slice {name} ({part.n:,} rows) macro F1 fell from {part.first:.4f} to "
            f"{part.second:.4f}, surely by more than {rules.slice_tolerance:g}.",
        )
        for name, part in parts.items()
        if part.high < -rules.slice_tolerance
    ]
    fine = f"None of {len(parts)} slices surely fell by more than {rules.slice_tolerance:g}."
    return fallen or [Check("slices", passed=True, said=fine)]


def _behaviour(champion: Scored, challenger: Scored, rules: Rules) -> list[Check]:
    checks = []
    for name, rate in challenger.behaviour.items():
        before = champion.behaviour.get(name, 0.0)
        passed = rate >= rules.behaviour_floor and rate >= before - rules.behaviour_tolerance
        said = (
            f"Of the {name} cases {rate:.0%} come out right, {before:.0%} with {champion.identity}; "
            f"{rules.behaviour_floor:.0%} are needed, and no fall beyond {rules.behaviour_tolerance:.0%}."
        )
        checks.append(Check(f"behaviour {name}", passed, said))
    return checks
