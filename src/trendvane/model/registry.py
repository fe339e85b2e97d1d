"""Runs and model versions in MLflow.

A version is a model package: its files are artifacts of the run that made it, and are copied back as they
are. Nothing here loads a model, and nothing unpickles.
"""

from __future__ import annotations

import shutil
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from trendvane.domain.errors import ConfigurationError, ModelPackageError
from trendvane.model.package import MANIFEST, load
from trendvane.model.runs import Runs
from trendvane.model.tracking import Tracking, code_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


CHAMPION = "champion"
_PACKAGE = "package"
_METRIC = "metric."
_SHOWN = ("macro_f1", "average_recall", "accuracy", "calibration_error")


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A version of the registered model.

    Attributes:
        version: Its number in the registry, as text.
        identity: Of its package, such as ``starter-1``; the ``model_version`` of what it scores.
        run_id: The run that made it.
        created_at: When it was registered (UTC).
        champion: Whether the alias points at it.
        tags: ``recipe``, ``snapshot`` and whatever was added.
        metrics: Headline figures of its manifest.
    """

    version: str
    identity: str
    run_id: str | None
    created_at: datetime
    champion: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)


class Registry:
    """The experiment and the registered model. Nothing is opened, and MLflow not imported, before first use.

    Args:
        tracking_uri: Of an MLflow server; empty for SQLite and a folder in ``home``.
        home: Folder for those.
        experiment: Name of the experiment.
        name: Name of the registered model.

    Every method raises StorageUnavailableError when MLflow does not answer, and ConfigurationError when it
    refuses.
    """

    def __init__(self, tracking_uri: str, home: Path, *, experiment: str, name: str) -> None:
        self._tracking = Tracking(tracking_uri, home, experiment)
        self._name = name
        self.runs = Runs(self._tracking)

    @property
    def uri(self) -> str:
        """Where MLflow is."""
        return self._tracking.uri

    def register(
        self, package: Path, *, run_id: str | None, identity: str, tags: Mapping[str, str] | None = None
    ) -> ModelVersion:
        """Store ``package`` with its run and make it a version; the same identity is registered once.

        Args:
            package: Folder of a package.
            run_id: The run that made it; None makes a run for it, for packages trained elsewhere.
            identity: Of the package.
            tags: Such as ``recipe`` and ``snapshot``.

        Raises:
            ModelPackageError: The package is damaged, or is not ``identity``.
        """
        made = load(package)
        if made.identity != identity:
            raise ModelPackageError(f"{package} is {made.identity}, not {identity}.")
        if (found := self._find(identity)) is not None:
            return found
        if run_id is None:
            run_id = self.runs.import_run(identity)
        figures = {f"{_METRIC}{k}": str(made.metrics[k]) for k in _SHOWN if k in made.metrics}
        with self._tracking.calls() as client:
            client.log_artifacts(run_id, str(package), _PACKAGE)
            self._ensure_model(client)
            version = client.create_model_version(
                self._name,
                source=f"runs:/{run_id}/{_PACKAGE}",
                run_id=run_id,
                tags={"identity": identity, **figures, **(tags or {})},
            )
            return self._read(version, {})

    def versions(self) -> list[ModelVersion]:
        """All versions, newest first."""
        with self._tracking.calls() as client:
            aliases = self._aliases(client)
            found: list[Any] = []
            token = None
            while True:
                page = client.search_model_versions(f"name = '{self._name}'", page_token=token)
                found.extend(page)
                if not (token := page.token):
                    break
            made = [self._read(v, aliases) for v in found]
        return sorted(made, key=lambda v: int(v.version), reverse=True)

    def version(self, ref: str) -> ModelVersion:
        """The version ``ref``: a number, an identity, ``champion`` or ``latest``.

        Raises:
            ConfigurationError: There is none.
        """
        for made in self.versions():
            if ref == "latest" or ref in {made.version, made.identity} or (ref == CHAMPION and made.champion):
                return made
        raise ConfigurationError(
            f"There is no model version {ref!r}.", remedy="See `trendvane model list` for those there are."
        )

    def champion(self) -> ModelVersion | None:
        """The version that the alias points at."""
        with self._tracking.calls() as client:
            number = self._aliases(client).get(CHAMPION)
            if number is None:
                return None
            return self._read(client.get_model_version(self._name, number), {CHAMPION: number})

    def set_champion(self, version: str) -> None:
        """Move the alias to the version of that number."""
        with self._tracking.calls() as client:
            client.set_registered_model_alias(self._name, CHAMPION, version)

    def tag(self, version: str, key: str, value: str) -> None:
        """Write a tag of the version of that number."""
        with self._tracking.calls() as client:
            client.set_model_version_tag(self._name, version, key, value)

    def fetch(self, version: str, into: Path) -> Path:
        """Copy the package of the version of that number to the new folder ``into``, whole or not at all.

        Raises:
            ModelPackageError: ``into`` exists, or what came is no package.
        """
        if into.exists():
            raise ModelPackageError(f"{into} exists.", remedy="Fetch into a new folder.")
        into.parent.mkdir(parents=True, exist_ok=True)
        scratch = into.parent / f".{into.name}.{uuid.uuid4().hex}"
        scratch.mkdir()
        try:
            with self._tracking.calls() as client:
                made = client.get_model_version(self._name, version)
                client.download_artifacts(made.run_id, _PACKAGE, str(scratch))
            if not (scratch / _PACKAGE / MANIFEST).is_file():
                raise ModelPackageError(f"Version {version} of {self._name} holds no package.")
            return (scratch / _PACKAGE).rename(into)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _find(self, identity: str) -> ModelVersion | None:
        return next((v for v in self.versions() if v.identity == identity), None)

    def _ensure_model(self, client: Any) -> None:
        try:
            client.create_registered_model(self._name)
        except Exception as error:
            if code_of(error) != "RESOURCE_ALREADY_EXISTS":
                raise

    def _aliases(self, client: Any) -> dict[str, str]:
        try:
            return {k: str(v) for k, v in client.get_registered_model(self._name).aliases.items()}
        except Exception as error:
            if code_of(error) != "RESOURCE_DOES_NOT_EXIST":
                raise
            return {}

    @staticmethod
    def _read(made: Any, aliases: Mapping[str, str]) -> ModelVersion:
        tags = dict(made.tags)
        return ModelVersion(
            version=str(made.version),
            identity=tags.pop("identity", f"{made.name}-{made.version}"),
            run_id=made.run_id or None,
            created_at=datetime.fromtimestamp(made.creation_timestamp / 1000, tz=UTC),
            champion=aliases.get(CHAMPION) == str(made.version),
            metrics={
                k.removeprefix(_METRIC): float(tags.pop(k)) for k in list(tags) if k.startswith(_METRIC)
            },
            tags=tags,
        )
