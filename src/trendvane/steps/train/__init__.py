"""Train models on the latest snapshot, package them, and register them as challengers."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from trendvane.domain.errors import ConfigurationError, ModelPackageError
from trendvane.domain.sentiment import LABELS
from trendvane.insight import drift
from trendvane.model import finetune, package
from trendvane.model.encoders import encoder_path
from trendvane.model.finetune import RECIPES, Example
from trendvane.model.workshop import key_of
from trendvane.steps.train import records
from trendvane.steps.train.config import TrainConfig, TrainedRun, TrainReport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from trendvane.model.champion import ChampionFolder
    from trendvane.model.finetune import Recipe
    from trendvane.model.package import ModelPackage
    from trendvane.model.registry import ModelVersion, Registry
    from trendvane.model.runs import LiveRun
    from trendvane.model.snapshots import Snapshot, Snapshots
    from trendvane.model.workshop import Workshop

__all__ = ["TrainConfig", "TrainReport", "TrainedRun", "train"]

_PACKAGE = "package"
_EXTRA = ("torch", "transformers", "accelerate", "onnxscript", "matplotlib")
_CHECKPOINT_STEPS = 100  # a minute or two of a CPU
_COMMON = 0.01  # share of the rows from which a language counts as learned


def train(
    snapshots: Snapshots,
    registry: Registry,
    champion: ChampionFolder,
    workshop: Workshop,
    config: TrainConfig,
    *,
    now: Callable[[], datetime],
) -> TrainReport:
    """Train each recipe on the latest snapshot and register what comes out.

    What was trained on the same rows by the same recipe and seed is found and not trained again; a training
    that was stopped goes on.

    Raises:
        ConfigurationError: Unknown recipe, no snapshot, too few rows, no encoder, or no training extra.
        StorageUnavailableError: MLflow does not answer.
    """
    recipes = [_recipe(name, config) for name in config.recipes]
    snapshot = snapshots.latest()
    _require_rows(snapshot, config)
    _require_extra()
    bench = _Bench(snapshot, registry, champion, workshop, config)
    return TrainReport(snapshot.id, tuple(bench.make(recipe, now) for recipe in recipes))


def _recipe(name: str, config: TrainConfig) -> Recipe:
    if name not in RECIPES:
        raise ConfigurationError(f"There is no recipe {name!r}.", remedy=f"Recipes: {', '.join(RECIPES)}.")
    given = {
        "encoder": config.base_model,
        "epochs": config.epochs,
        "seed": config.seed,
        "threads": config.threads,
    }
    changed: dict[str, Any] = {key: value for key, value in given.items() if value}
    return replace(RECIPES[name], **changed)


def _require_rows(snapshot: Snapshot, config: TrainConfig) -> None:
    if snapshot.size < config.min_rows:
        raise ConfigurationError(
            f"Snapshot {snapshot.id} has {snapshot.size} rows, fewer than {config.min_rows}.",
            remedy="Label more tweets, or lower training.min_train_rows.",
        )
    for split in ("train", "dev"):
        if missing := [name for name in LABELS if not snapshot.counts.get(split, {}).get(name)]:
            raise ConfigurationError(
                f"Snapshot {snapshot.id} has no {', '.join(missing)} rows to {split} on.",
                remedy="Label more tweets.",
            )


def _require_extra() -> None:
    if missing := [name for name in _EXTRA if find_spec(name) is None]:
        raise ConfigurationError(
            f"Training needs {', '.join(missing)}, which is not installed.",
            remedy="Run `make train-env`, or pip install 'trendvane[train]'.",
        )


class _Bench:
    """One call's systems, and how a recipe becomes a version."""

    def __init__(
        self,
        snapshot: Snapshot,
        registry: Registry,
        champion: ChampionFolder,
        workshop: Workshop,
        config: TrainConfig,
    ) -> None:
        self._snapshot = snapshot
        self._registry = registry
        self._champion = champion
        self._workshop = workshop
        self._config = config

    def make(self, recipe: Recipe, now: Callable[[], datetime]) -> TrainedRun:
        """The run of ``recipe``: one that is finished already, or a new one."""
        identity = f"{recipe.name}-{now():%Y%m%dT%H%M%S}"
        # A snapshot that lost rows to forgetting is other data.
        key = key_of(recipe, f"{self._snapshot.sha256} less {self._snapshot.erased}")
        if self._config.again:
            key = f"{key}-{identity}"
        elif (made := self._finished(key)) is not None:
            return _told(recipe, made, new=False)
        encoder_path(recipe.encoder)  # a missing one is said before a run is begun
        with (
            self._workshop.claimed(key, identity) as (folder, identity),
            self._registry.runs.start(records.beginning(recipe, self._snapshot, identity, key)) as live,
        ):
            trained = self._train(recipe, folder, live, identity)
            made_package = self._package(recipe, trained, identity)
            with records.ending(made_package, trained, max_weights=self._config.max_weights) as record:
                live.write(record)
            made = self._registry.register(
                made_package.root,
                run_id=live.run_id,
                identity=identity,
                tags={"recipe": recipe.name, "snapshot": self._snapshot.id},
            )
        return _told(recipe, made, new=True)

    def _finished(self, key: str) -> ModelVersion | None:
        known = self._registry.runs.find(key)
        if known is None or not known.finished:
            return None
        return next((v for v in self._registry.versions() if v.run_id == known.run_id), None)

    def _train(self, recipe: Recipe, folder: Path, live: LiveRun, identity: str) -> Path:
        from trendvane.model.training import figures  # noqa: PLC0415 - optional extra

        told: set[int] = set()

        def tell(step: int, _total: int, said: Mapping[str, float]) -> None:
            if said:
                told.add(step)
                live.metrics(said, step)

        rows = [[_example(row) for row in self._snapshot.rows(split)] for split in ("train", "dev")]
        with self._workshop.watched(identity, tell) as watch:
            trained = finetune.fine_tune(
                recipe, rows[0], rows[1], folder, checkpoint_steps=_CHECKPOINT_STEPS, watch=watch
            )
        for line in finetune.read_report(trained)["log"]:  # what other processes, or a stopped run, found
            if line["step"] not in told and (said := figures(line)):
                live.metrics(said, line["step"])
        return trained

    def _package(self, recipe: Recipe, trained: Path, identity: str) -> ModelPackage:
        """The package of a finished training; one that an interrupted run has made is kept."""
        from trendvane.model.export import Release, export  # noqa: PLC0415 - optional extra

        target = trained / _PACKAGE
        try:
            return package.load(target)
        except ModelPackageError:
            _clear(target)
        name, _, version = identity.partition("-")
        dev = [_example(row) for row in self._snapshot.rows("dev")]
        release = Release(
            name,
            version,
            share_prior=self._share_prior(),
            encoder=_encoder(recipe),
            languages=self._languages(),
            snapshot={
                "id": self._snapshot.id,
                "sha256": self._snapshot.sha256,
                "counts": self._snapshot.counts,
            },
            training={k: v for k, v in _report(trained).items() if k != "log"},
            describe=drift.reference,
        )
        export(trained, recipe, dev, target, release)
        return package.load(target)

    def _share_prior(self) -> Mapping[str, Any]:
        """Of the champion: fitting one needs models of held-out topics, which no single training gives."""
        reigning = package.load(self._champion.ensure(package.starter_path()).resolve())
        return {"inherited_from": reigning.identity, **reigning.share_prior}

    def _languages(self) -> tuple[str, ...]:
        counts = Counter(row.lang for row in self._snapshot.rows("train") if row.lang != "und")
        least = _COMMON * counts.total()
        return tuple(sorted(lang for lang, n in counts.items() if n >= least)) or ("en",)


def _example(row: Any) -> Example:
    return Example(row.tweet_id, row.text, row.label)


def _report(trained: Path) -> dict[str, Any]:
    report = finetune.read_report(trained)
    return {**report, "recipe": {k: getattr(report["recipe"], k) for k in report["recipe"].__slots__}}


def _encoder(recipe: Recipe) -> dict[str, str]:
    known = recipe.encoder in {r.encoder for r in RECIPES.values()}
    return {"name": recipe.encoder, "licence": "Apache-2.0" if known else "unknown"}


def _clear(folder: Path) -> None:
    """Take away what a stopped export left."""
    for file in folder.glob("*"):
        file.unlink()


def _told(recipe: Recipe, made: ModelVersion, *, new: bool) -> TrainedRun:
    return TrainedRun(
        recipe.name,
        made.run_id or "",
        made.version,
        made.identity,
        float(made.metrics.get("macro_f1", 0.0)),
        new,
    )
