"""A registry in a folder that can die at any call, and a test set of words the tiny model knows."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from trendvane.domain.errors import ConfigurationError, StorageUnavailableError
from trendvane.model.behaviour import Case
from trendvane.model.champion import ChampionFolder
from trendvane.model.gate import Rules
from trendvane.model.registry import ModelVersion
from trendvane.model.snapshots import DataRow, Snapshots
from trendvane.steps.promote import GateConfig, PromoteReport, promote
from trendvane.steps.promote.succession import Palace, book, rollback

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from trendvane.warehouse.engine import Warehouse
    from trendvane.warehouse.promotions import Entry

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
WORDS = (("bad", 0), ("table", 1), ("good", 2), ("awful", 0), ("great", 2))
SUITES = {"emoji": [Case("table", "table", 0)]}


class Killed(BaseException):
    """The process was killed; nothing may catch it."""


class ShelfRegistry:
    """Versions as folders; behaves like the registry in MLflow.

    Args:
        root: Folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._versions: dict[str, ModelVersion] = {}
        self.alias: str | None = None
        self.fails: set[str] = set()

    def _enter(self, name: str) -> None:
        if name in self.fails:
            raise StorageUnavailableError(f"{name}: MLflow does not answer.")

    def register(
        self, package: Path, *, run_id: str | None, identity: str, tags: dict[str, str] | None = None
    ) -> ModelVersion:
        self._enter("register")
        for version in self.versions():
            if version.identity == identity:
                return version
        number = str(len(self._versions) + 1)
        shutil.copytree(package, self._root / number)
        at = START + timedelta(minutes=int(number))
        self._versions[number] = ModelVersion(number, identity, run_id, at, tags=tags or {})
        return self._versions[number]

    def versions(self) -> list[ModelVersion]:
        self._enter("versions")
        made = [replace(v, champion=v.version == self.alias) for v in self._versions.values()]
        return sorted(made, key=lambda v: -int(v.version))

    def version(self, ref: str) -> ModelVersion:
        for made in self.versions():
            if (
                ref == "latest"
                or ref in {made.version, made.identity}
                or (ref == "champion" and made.champion)
            ):
                return made
        raise ConfigurationError(f"There is no model version {ref!r}.")

    def champion(self) -> ModelVersion | None:
        self._enter("champion")
        return self.version(self.alias) if self.alias else None

    def set_champion(self, version: str) -> None:
        self._enter("set_champion")
        self.alias = version

    def tag(self, version: str, key: str, value: str) -> None:
        self._enter("tag")
        made = self._versions[version]
        self._versions[version] = replace(made, tags={**made.tags, key: value})

    def fetch(self, version: str, into: Path) -> Path:
        self._enter("fetch")
        shutil.copytree(self._root / version, into)
        return into

    def folder(self, version: str) -> Path:
        return self._root / version


class DyingRegistry:
    """Dies before or after a call of the named method."""

    def __init__(self, real: Any, method: str, *, after: bool) -> None:
        self._real = real
        self._method = method
        self._after = after

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name != self._method:
            return found

        def die(*args: Any, **named: Any) -> Any:
            if self._after:
                found(*args, **named)
            raise Killed

        return die


@dataclass(frozen=True)
class Guess:
    """A baseline that gives one answer to everything."""

    version: str = "vader"

    def predict(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        import numpy as np  # noqa: PLC0415

        return np.tile(np.array([0.1, 0.8, 0.1], np.float32), (len(texts), 1))


@dataclass
class Court:
    """Everything the step promote needs, with the tiny model as shipped starter."""

    root: Path
    warehouse: Warehouse
    starter: Path
    registry: Any = None
    champion: ChampionFolder = field(init=False)
    snapshots: Snapshots = field(init=False)

    def __post_init__(self) -> None:
        self.registry = self.registry or ShelfRegistry(self.root / "registry")
        self.champion = ChampionFolder(self.root / "champion")
        self.snapshots = Snapshots(self.root / "datasets")
        self.freeze()

    def freeze(self, rows: int = 150, more: str = "") -> None:
        made = (WORDS[i % len(WORDS)] for i in range(rows))
        self.snapshots.freeze(
            DataRow(str(i), f"{word} {more}{i}", label, lang="en") for i, (word, label) in enumerate(made)
        )

    def config(self, **changes: Any) -> GateConfig:
        return replace(
            GateConfig(
                starter=self.starter,
                baseline=Guess,
                rules=Rules(max_calibration_error=1.0),
                suites=SUITES,
                actor="anna",
            ),
            **changes,
        )

    def promote(self, **changes: Any) -> PromoteReport:
        return promote(
            self.warehouse,
            self.snapshots,
            self.registry,
            self.champion,
            self.config(**changes),
            now=lambda: START,
        )

    def add(self, package: Path, identity: str, **tags: str) -> ModelVersion:
        made: ModelVersion = self.registry.register(package, run_id=None, identity=identity, tags=tags)
        return made

    @property
    def palace(self) -> Palace:
        return Palace(self.warehouse, self.registry, self.champion)

    def rollback(self, to: str = "") -> Entry:
        return rollback(self.palace, to=to, actor="anna", reason="because")

    def story(self) -> list[str]:
        """The book: action and version."""
        return [f"{line.action} {line.model_version}" for line in book(self.palace)]

    def in_step(self) -> str | None:
        """The champion that book, alias and link name, when all agree."""
        alias = self.registry.champion()
        assert alias is not None
        last = [line for line in book(self.palace) if line.action != "refuse"][-1]
        assert alias.identity == last.model_version == self.champion.identity
        return self.champion.identity
