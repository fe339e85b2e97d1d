"""Promote: compare challengers with the champion on the frozen test set, and let the better one reign.

Everything is decided before anything is moved, and each move can be repeated:

1. The package is fetched, its hashes and golden rows are checked, both models are scored. A crash here has
   changed nothing; the next run does it again.
2. The package is copied beside the champion's. A crash leaves a copy that nobody looks at.
3. The decision is written in ``model_promotion``. From here on it is true, whatever is killed.
4. The registry's alias ``champion`` is moved, and the version tagged with the number of the line in the book.
5. The link on this machine's disk is moved; a running server and the scorer follow it by themselves.

Every run begins by finishing what an earlier one left undone (``succession.settle``): if the book names
another champion than alias or link, and the tag of step 4 is missing, 4 and 5 are done. Written first, the
alias would have been moved by nobody, for no reason; moved first, the link would serve what no book names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trendvane.domain.errors import ConfigurationError
from trendvane.model.package import load
from trendvane.steps.promote.bench import Bench
from trendvane.steps.promote.config import Decision, GateConfig, PromoteReport
from trendvane.steps.promote.succession import Palace, book, crown, settle
from trendvane.warehouse.promotions import Action, Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from trendvane.model.champion import ChampionFolder
    from trendvane.model.gate import Verdict
    from trendvane.model.registry import ModelVersion, Registry
    from trendvane.model.snapshots import Snapshots
    from trendvane.warehouse.engine import Warehouse

__all__ = ["GateConfig", "PromoteReport", "promote"]

_MAX_CHALLENGERS = 8  # in one run; a new test set must not judge every version there ever was


def promote(
    warehouse: Warehouse,
    snapshots: Snapshots,
    registry: Registry,
    champion: ChampionFolder,
    config: GateConfig,
    *,
    now: Callable[[], datetime],
) -> PromoteReport:
    """Judge every version that this test set has not judged yet; running it twice changes nothing.

    Where there is no champion, the shipped starter is judged first, against VADER. The others follow, best
    first, each against the champion of that moment.

    Raises:
        ConfigurationError: There is no test set, or it is too small; or the version asked for is unknown.
        RetryableError: Somebody else changed the champion meanwhile, or a store did not answer.
    """
    del now  # the database says when
    palace = Palace(warehouse, registry, champion)
    settled = settle(palace, config.actor)
    starter = registry.register(config.starter, run_id=None, identity=load(config.starter).identity)
    with Bench(snapshots, registry, champion, config) as bench:
        decisions: list[Decision] = []
        if registry.champion() is None and _is_new(starter, palace, bench):
            decisions.append(_decide(palace, bench, starter, config))
        found = [_wanted(palace, config)] if config.version else _challengers(palace, bench.test_set_id)
        # Several challengers are several chances to win by luck: they share the error (Bonferroni).
        bench.share(len(found))
        decisions += [_decide(palace, bench, version, config) for version in bench.best_first(found)]
    return PromoteReport(_reigning(palace), tuple(decisions), settled)


def _challengers(palace: Palace, test_set: str) -> Sequence[ModelVersion]:
    """Versions that the test set has not judged, newest first."""
    lines = book(palace)
    known = {line.model_version for line in lines}
    judged = {line.model_version for line in lines if line.test_set == test_set}
    # Whoever a person took from the throne comes back by a person's hand only.
    deposed = {line.previous_version for line in lines if line.action is Action.ROLLBACK}
    reigning = palace.registry.champion()
    since = int(reigning.version) if reigning else 0
    found = [v for v in palace.registry.versions() if v.identity not in judged | deposed and not v.champion]
    # A new test set looks again at what came after the champion, not at all that ever was.
    return [v for v in found if int(v.version) > since or v.identity not in known][:_MAX_CHALLENGERS]


def _is_new(version: ModelVersion, palace: Palace, bench: Bench) -> bool:
    return version.identity in {v.identity for v in _challengers(palace, bench.test_set_id)}


def _wanted(palace: Palace, config: GateConfig) -> ModelVersion:
    version = palace.registry.version(config.version)
    if version.champion:
        raise ConfigurationError(f"{version.identity} is the champion already.")
    return version


def _decide(palace: Palace, bench: Bench, version: ModelVersion, config: GateConfig) -> Decision:
    reigning = palace.registry.champion()
    verdict = bench.judge(version, reigning)
    taken = verdict.promote or (config.override and bench.usable(version))
    entry = Entry(
        model_version=version.identity,
        registered=version.version,
        action=_action(taken=taken, first=reigning is None),
        actor=config.actor,
        reason=_reason(verdict, config, taken=taken),
        previous_version=reigning.identity if reigning else None,
        test_set=bench.test_set_id,
        report={
            **verdict.report,
            "overridden": taken and not verdict.promote,
            "snapshot": version.tags.get("snapshot"),
        },
    )
    written = crown(palace, entry, bench.package(version) if taken else None)
    return Decision(
        version=version.version,
        identity=version.identity,
        action=written.action.value,
        against=bench.opponent(reigning),
        reasons=(written.reason,) if taken and not verdict.promote else verdict.reasons,
    )


def _action(*, taken: bool, first: bool) -> Action:
    if not taken:
        return Action.REFUSE
    return Action.ADOPT if first else Action.PROMOTE


def _reason(verdict: Verdict, config: GateConfig, *, taken: bool) -> str:
    said = " ".join(verdict.reasons)
    if taken and not verdict.promote:
        return f"{config.actor} overrode the gate: {_sentence(config.reason)} The gate had said: {said}"
    return f"{_sentence(config.reason)} {said}".strip()


def _sentence(text: str) -> str:
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


def _reigning(palace: Palace) -> str | None:
    found = palace.registry.champion()
    return found.identity if found else None
