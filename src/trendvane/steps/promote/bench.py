"""Where models are judged: the test set, and each model opened, checked and scored once."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from trendvane.domain.errors import ConfigurationError, DatasetError, ModelPackageError
from trendvane.domain.sentiment import LABELS
from trendvane.insight.prior import SharePrior
from trendvane.model import gate
from trendvane.model.comparison import macro_f1
from trendvane.model.gate import Check, Verdict
from trendvane.model.leaks import leaks
from trendvane.model.measures import confusion_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trendvane.model.champion import ChampionFolder
    from trendvane.model.gate import Scored
    from trendvane.model.package import ModelPackage
    from trendvane.model.registry import ModelVersion, Registry
    from trendvane.model.snapshots import Snapshots
    from trendvane.steps.promote.config import GateConfig


class Bench:
    """Fetches, opens and scores models, each once; its folder goes when the block ends.

    Args:
        snapshots: Hold the test set, and what challengers were trained on.
        registry: Holds the packages.
        champion: Holds some of them already.
        config: Of the step.

    Raises:
        ConfigurationError: There is no test set, or it has too few rows of a class.
    """

    def __init__(
        self, snapshots: Snapshots, registry: Registry, champion: ChampionFolder, config: GateConfig
    ) -> None:
        self._snapshots = snapshots
        self._registry = registry
        self._champion = champion
        self._config = config
        self._rules = config.rules
        self._test_set = snapshots.test_set()
        self._rows = list(self._test_set.rows())
        self._truth = np.array([row.label for row in self._rows], np.int64)
        self._scores: dict[str, Scored] = {}
        self._troubles: dict[str, str] = {}
        self._packages: dict[str, ModelPackage] = {}
        self._baseline: Scored | None = None
        self._stack = ExitStack()
        self._require_rows()

    def __enter__(self) -> Self:
        self._scratch = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="trendvane-")))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def test_set_id(self) -> str:
        """Id of the frozen rows."""
        return self._test_set.id

    def share(self, challengers: int) -> None:
        """Ask of each of so many challengers to be surer, so that all together err as rarely as one."""
        level = 1.0 - (1.0 - self._config.rules.level) / max(challengers, 1)
        self._rules = replace(self._config.rules, level=level)

    def best_first(self, versions: Sequence[ModelVersion]) -> list[ModelVersion]:
        """The same versions, by their macro F1 on the test set; those that do not work at the end."""
        scores = {version.identity: self._macro_f1(version) for version in versions}
        return sorted(versions, key=lambda version: -scores[version.identity])

    def package(self, version: ModelVersion) -> Path:
        """The folder of a version that was scored."""
        return self._packages[version.identity].root

    def usable(self, version: ModelVersion) -> bool:
        """Whether the package loads, answers its golden rows and is not too large."""
        return self._score(version) is not None and self._size_check(version).passed

    def opponent(self, reigning: ModelVersion | None) -> str:
        """Whom a challenger is compared with."""
        return "vader" if self._is_vacant(reigning) or reigning is None else reigning.identity

    def judge(self, version: ModelVersion, reigning: ModelVersion | None) -> Verdict:
        """The gate's verdict on a version."""
        challenger = self._score(version)
        if challenger is None:
            said = f"{version.identity} cannot be used: {self._troubles[version.identity]}"
            return Verdict(promote=False, reasons=(said,), report={"checks": []})
        more = [self._size_check(version), self._leak_check(version)]
        if reigning is None or self._is_vacant(reigning):
            if self._baseline is None:
                self._baseline = gate.score(self._config.baseline(), self._rows, identity="vader")
            return gate.judge_first(self._baseline, challenger, self._truth, self._rules, more=more)
        more.append(self._share_check(version, reigning))
        return gate.judge(
            self._scores[reigning.identity], challenger, self._rows, self._truth, self._rules, more=more
        )

    def _is_vacant(self, reigning: ModelVersion | None) -> bool:
        """Whether there is no champion, or one that this version of the program can no longer use."""
        return reigning is None or self._score(reigning) is None

    def _score(self, version: ModelVersion) -> Scored | None:
        name = version.identity
        if name not in self._scores and name not in self._troubles:
            try:
                self._scores[name] = self._open_and_score(version)
            except ModelPackageError as error:
                self._troubles[name] = str(error)
        return self._scores.get(name)

    def _open_and_score(self, version: ModelVersion) -> Scored:
        from trendvane.model.holder import open_engine  # noqa: PLC0415  brings onnxruntime

        folder = self._champion.find(version.identity)
        if folder is None:
            folder = self._registry.fetch(version.version, self._scratch / version.version)
        engine = open_engine(folder, threads=self._config.threads)
        try:
            if engine.version != version.identity:
                raise ModelPackageError(f"Its package calls itself {engine.version}.")
            self._packages[version.identity] = engine.package
            return gate.score(
                engine,
                self._rows,
                identity=version.identity,
                temperature=engine.package.temperature,
                suites=self._config.suites,
            )
        finally:
            engine.close()

    def _macro_f1(self, version: ModelVersion) -> float:
        scored = self._score(version)
        return -1.0 if scored is None else float(macro_f1(confusion_of(self._truth, scored.answers)))

    def _size_check(self, version: ModelVersion) -> Check:
        size = sum(file.stat().st_size for file in self.package(version).iterdir() if file.is_file())
        allowed = self._config.max_bytes
        said = f"The package has {size / 1e6:,.1f} MB; {allowed / 1e6:,.1f} MB are allowed."
        return Check("size", size <= allowed, said)

    def _leak_check(self, version: ModelVersion) -> Check:
        snapshot = version.tags.get("snapshot", "")
        if not snapshot:
            return Check("leak", passed=True, said="It names no snapshot, so leaks were not looked for.")
        try:
            found = leaks(self._snapshots.load(snapshot), self._test_set)
        except (ConfigurationError, DatasetError) as error:
            said = f"Leaks were not looked for: snapshot {snapshot} is not here ({error.message})"
            return Check("leak", passed=True, said=said)
        if found:
            return Check(
                "leak", passed=False, said=f"It was trained on rows that the test set knows: {found}."
            )
        return Check("leak", passed=True, said=f"Its snapshot {snapshot} knows no row of the test set.")

    def _share_check(self, version: ModelVersion, reigning: ModelVersion) -> Check:
        """A champion whose shares have intervals may not give way to one whose shares have none."""
        priors = {v.identity: _has_prior(self._packages[v.identity].share_prior) for v in (version, reigning)}
        passed = priors[version.identity] or not priors[reigning.identity]
        said = "Its share prior can be used." if passed else "It has no share prior: the page would be empty."
        return Check("shares", passed, said)

    def _require_rows(self) -> None:
        needed = self._config.min_class_rows
        counts = np.bincount(self._truth, minlength=len(LABELS))
        few = [f"{n} {label}" for n, label in zip(counts, LABELS, strict=True) if n < needed]
        if few:
            raise ConfigurationError(
                f"The test set has only {', '.join(few)} rows; {needed} of each class are needed.",
                remedy="Label more tweets, then run `trendvane dataset test-set --renew`.",
            )


def _has_prior(prior: Mapping[str, object]) -> bool:
    try:
        SharePrior.from_dict(prior)
    except ConfigurationError:
        return False
    return True
