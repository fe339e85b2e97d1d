"""The step ``train``: from a snapshot to a registered challenger, twice, stopped in between, and refused."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from training_support import make_encoder, rows

from trendvane.domain.errors import ConfigurationError
from trendvane.insight import drift
from trendvane.insight.shares import SharePrior
from trendvane.model import package
from trendvane.model.champion import ChampionFolder
from trendvane.model.registry import Registry
from trendvane.model.snapshots import DataRow, Snapshots
from trendvane.model.workshop import Workshop
from trendvane.settings import prepare_mlflow
from trendvane.steps.train import TrainConfig, train

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("onnx")
pytest.importorskip("matplotlib")

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore"),  # training libraries warn about themselves
]


class Stage:
    """Every system of the step, in one folder, and a clock that moves on when it is read."""

    def __init__(self, root: Path, encoder: Path) -> None:
        prepare_mlflow()
        self.snapshots = Snapshots(root / "datasets")
        self.registry = Registry("", root / "mlflow", experiment="e", name="m")
        self.champion = ChampionFolder(root / "champion")
        self.root = root / "model"
        self.config = TrainConfig(("bert",), base_model=str(encoder), epochs=2, threads=1, min_rows=30)
        self._time = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def now(self) -> datetime:
        self._time += timedelta(minutes=1)
        return self._time

    def train(self, config: TrainConfig | None = None, bar=None):
        return train(
            self.snapshots,
            self.registry,
            self.champion,
            Workshop(self.root, bar),
            config or self.config,
            now=self.now,
        )


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    made = Stage(tmp_path_factory.mktemp("stage"), make_encoder(tmp_path_factory.mktemp("encoder"), "bert"))
    parts = {"train": rows(60), "dev": rows(30, 1000)}
    made.snapshots.write(
        (split, DataRow(e.tweet_id, e.text, e.label, lang="en"))
        for split, part in parts.items()
        for e in part
    )
    return made


@contextmanager
def stopping(_name: str) -> Iterator[Callable[[int, int, Mapping[str, float]], None]]:
    """A bar that somebody looks at, and presses Ctrl-C."""

    def move(step: int, _total: int, _said: Mapping[str, float]) -> None:
        if step == 3:
            raise KeyboardInterrupt

    yield move


def test_a_stopped_training_goes_on_and_is_done_once(stage: Stage) -> None:
    with pytest.raises(KeyboardInterrupt):
        stage.train(bar=stopping)
    client = stage.registry._tracking.client
    (begun,) = client.search_runs([stage.registry._tracking.experiment_id])
    assert begun.info.status == "KILLED"
    assert stage.registry.versions() == []

    report = stage.train()
    assert report.changed
    (run,) = report.runs
    assert (run.recipe, run.run_id, run.version, run.identity) == (
        "bert",
        begun.info.run_id,
        "1",
        "bert-20260102T030505",
    )
    again = stage.train()
    assert not again.changed
    assert [r._replace(new=True) for r in again.runs] == [run]
    assert len(client.search_runs([stage.registry._tracking.experiment_id])) == 1

    forced = stage.train(replace(stage.config, again=True))
    assert forced.changed
    assert forced.runs[0].version == "2"
    assert len(list(stage.root.iterdir())) == 2


def test_the_run_tells_how_the_model_came_to_be(stage: Stage, tmp_path: Path) -> None:
    run = stage.train().runs[0]
    snapshot = stage.snapshots.latest()
    client = stage.registry._tracking.client
    told = client.get_run(run.run_id)
    assert told.info.status == "FINISHED"
    assert told.info.run_name == run.identity
    assert (
        told.data.params.items()
        >= {
            "learning_rate": "2e-05",
            "warmup_steps": "500",
            "snapshot": snapshot.id,
        }.items()
    )
    assert told.data.params.keys() >= {"version_torch", "version_transformers", "seed", "encoder"}
    assert told.data.metrics.keys() >= {
        "accuracy",
        "precision",
        "recall",
        "f1",
        "average_recall",
        "f1_negative",
    }
    assert told.data.metrics["macro_f1"] == pytest.approx(run.macro_f1)
    assert [m.step for m in client.get_metric_history(run.run_id, "dev_macro_f1")] == [4, 8]
    (data,) = told.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == (snapshot.id, snapshot.sha256[:36])
    assert {f.path for f in client.list_artifacts(run.run_id)} == {
        "confusion_matrix.csv",
        "confusion_matrix.json",
        "confusion_matrix.png",
        "data",
        "metrics.json",
        "package",
        "weights",
    }
    assert {f.path for f in client.list_artifacts(run.run_id, "data")} == {
        "data/snapshot.json",
        "data/DATA_CARD.md",
    }
    fetched = stage.registry.fetch(run.version, tmp_path / "package")
    counts = json.loads(
        (tmp_path / client.download_artifacts(run.run_id, "confusion_matrix.json", str(tmp_path))).read_text()
    )["counts"]
    assert [list(row.values()) for row in counts.values()] == [
        list(r) for r in package.load(fetched).confusion
    ]


def test_the_package_says_what_serving_and_drift_ask(stage: Stage, tmp_path: Path) -> None:
    version = stage.registry.version(stage.train().runs[0].identity)
    assert version.tags == {"recipe": "bert", "snapshot": stage.snapshots.latest().id}
    made = package.load(stage.registry.fetch(version.version, tmp_path / "package"))
    assert made.languages == ("en",)
    assert made.share_prior["inherited_from"].startswith("starter-")
    SharePrior.from_dict(made.share_prior)
    texts = [row.text for row in stage.snapshots.latest().rows("dev")]
    assert drift.compare(made.reference, np.full((len(texts), 3), 1 / 3), texts)
    manifest = json.loads((made.root / package.MANIFEST).read_text())
    assert manifest["snapshot"]["sha256"] == stage.snapshots.latest().sha256
    assert manifest["training"]["recipe"]["learning_rate"] == 2e-5
    assert "very" not in json.dumps(manifest["training"])


def test_what_cannot_be_trained_is_said_before_anything_is_written(stage: Stage, tmp_path: Path) -> None:
    for change, said in (
        ({"recipes": ("robertson",)}, "no recipe 'robertson'"),
        ({"min_rows": 91}, "has 90 rows, fewer than 91"),
        ({"base_model": str(tmp_path)}, r"--base-model PATH"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            stage.train(replace(stage.config, **change))
    assert len(stage.registry.versions()) == 2
    assert len(stage.registry._tracking.client.search_runs([stage.registry._tracking.experiment_id])) == 2
