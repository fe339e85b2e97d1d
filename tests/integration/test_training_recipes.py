"""The recipes' own code on random ModernBERTs and BERTs of a few thousand weights."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from training_support import SAYINGS, make_encoder, rows

from trendvane.domain.errors import ConfigurationError, ModelPackageError
from trendvane.model import finetune, package
from trendvane.model.engine import Engine
from trendvane.model.export import release_trained
from trendvane.model.finetune import RECIPES, Recipe, fine_tune

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("onnx")

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore"),  # training libraries warn about themselves
]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Recipe]:
    """The named recipes with tiny encoders, and a pace that suits these."""
    return {
        name: replace(
            RECIPES[name],
            encoder=str(make_encoder(tmp_path_factory.mktemp(name), name)),
            epochs=5,
            learning_rate=3e-3,
            threads=1,
        )
        for name in ("modernbert", "bert")
    }


@pytest.mark.parametrize("name", ["modernbert", "bert"])
def test_a_recipe_becomes_a_package_that_serves(tiny: dict[str, Recipe], name: str, tmp_path: Path) -> None:
    recipe = tiny[name]
    trained = fine_tune(recipe, rows(240), rows(30, 1000), tmp_path / "model")
    names = {f.name for f in trained.iterdir()}
    assert names >= {"model.safetensors", "config.json", "tokenizer.json", "recipe.json"}
    assert not [n for n in names if n.startswith("checkpoint") or n.endswith((".bin", ".pt", ".pth"))]
    again = transformers.AutoModelForSequenceClassification.from_pretrained(trained)
    assert again.config.id2label == {0: "negative", 1: "neutral", 2: "positive"}
    dev = tmp_path / "dev.csv"
    lines = [f"{e.tweet_id},{e.text},{e.label}" for e in rows(60, 2000)]
    dev.write_text("\n".join(["tweet_id,text,label", *lines]))
    out = tmp_path / "package"
    metrics = release_trained(trained, dev, out, shares={}, version="7")
    assert metrics["average_recall"] > 0.95
    engine = Engine(package.load(out))
    try:
        engine.verify()
        p = engine.predict([text for text, _ in SAYINGS])
        # A batch of unlike lengths says what each text says alone.
        long = [SAYINGS[0][0] + " very" * 60, SAYINGS[2][0]]
        assert np.abs(engine.predict(long)[1] - engine.predict(long[1:])[0]).max() < 0.05
    finally:
        engine.close()
    assert p.argmax(axis=1).tolist() == [0, 1, 2]


def test_a_killed_training_goes_on(tiny: dict[str, Recipe], tmp_path: Path) -> None:
    """Killed without warning after its first checkpoint; the second start does not begin anew."""
    recipe = tiny["modernbert"]
    out, setup = tmp_path / "model", tmp_path / "setup.json"
    slow = replace(recipe, epochs=40)
    data = [[asdict(e) for e in part] for part in (rows(480), rows(30, 1000))]
    setup.write_text(json.dumps({"recipe": asdict(slow), "rows": data, "out": str(out)}))
    child = (
        "import json, sys; from pathlib import Path; from trendvane.model.finetune import *;"
        "s = json.loads(Path(sys.argv[1]).read_text());"
        "train, dev = ([Example(**e) for e in part] for part in s['rows']);"
        "fine_tune(Recipe(**s['recipe']), train, dev, Path(s['out']), checkpoint_steps=20)"
    )
    process = subprocess.Popen([sys.executable, "-c", child, str(setup)], stderr=subprocess.PIPE, text=True)
    while not list(out.glob("checkpoint-*/trainer_state.json")) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    _, said = process.communicate()
    assert process.returncode == -signal.SIGKILL, said
    with pytest.raises(ModelPackageError, match="was stopped"):
        finetune.read_report(out)
    (out / "checkpoint-99999").mkdir()  # what a kill leaves that comes while a checkpoint is written
    short = rows(480), rows(30, 1000)
    steps: list[int] = []
    fine_tune(slow, *short, out, watch=lambda step, total, figures: steps.append(step))
    assert min(steps) > 20
    assert max(steps) == 480 // 16 * 40
    report = finetune.read_report(out)
    assert report["train_rows"] == 480
    with pytest.raises(ConfigurationError, match="another recipe or of other data"):
        fine_tune(slow, rows(240), short[1], out)


def test_processes_train_together(tiny: dict[str, Recipe], tmp_path: Path) -> None:
    two = replace(tiny["bert"], processes=2, epochs=1)
    trained = fine_tune(two, rows(240), rows(30, 1000), tmp_path / "model")
    steps = [line["step"] for line in finetune.read_report(trained)["log"]]
    assert max(steps) == 240 // 16  # the batch is shared, not doubled


def test_a_folder_that_is_no_encoder_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    empty = replace(RECIPES["bert"], encoder=str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"cannot be used as an encoder.*--base-model PATH"):
        fine_tune(empty, rows(30), rows(3, 1000), tmp_path / "model")


def test_a_hub_that_cannot_be_reached_is_a_clear_error(tmp_path: Path) -> None:
    lost = replace(RECIPES["bert"], encoder="trendvane-tests/there-is-no-such-encoder")
    with pytest.raises(ConfigurationError, match="--base-model PATH"):
        fine_tune(lost, rows(30), rows(3, 1000), tmp_path / "model")
    assert not list(tmp_path.iterdir())
