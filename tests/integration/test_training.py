"""From labelled rows to a package that serves: an encoder of a few thousand weights, on this CPU."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from trendvane.domain.errors import ModelPackageError
from trendvane.insight.prior import JudgedTopic, fit
from trendvane.insight.shares import Counts, SharePrior, estimate
from trendvane.model import package
from trendvane.model.crossfit import JudgedTweet, cross_fit
from trendvane.model.engine import Engine
from trendvane.model.export import release_trained
from trendvane.model.finetune import Example, Recipe, fine_tune

if TYPE_CHECKING:
    from pathlib import Path

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("onnx")

pytestmark = [
    pytest.mark.integration,
    # Training libraries warn about themselves; none of these is served with.
    pytest.mark.filterwarnings("ignore"),
]
SAYINGS = (("this is awful and sad", 0), ("the meeting is on monday", 1), ("this is lovely and great", 2))


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """A BERT of two narrow layers with the starter's tokenizer, as a local folder."""
    folder = tmp_path_factory.mktemp("encoder")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=30522, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    )
    transformers.BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(package.starter_path() / package.TOKENIZER),
        pad_token="[PAD]",
        model_input_names=["input_ids", "attention_mask"],
    )
    tokenizer.save_pretrained(folder)
    return Recipe("tiny", str(folder), 12, 5e-3, 16, warmup_steps=0, threads=1, prior_adjustment=0.5)


def rows(count: int, offset: int = 0) -> list[Example]:
    made = []
    for i in range(offset, offset + count):
        text, label = SAYINGS[i % 3]
        made.append(
            Example(str(i), f"{text} {'abcdefghij'[i % 10]}{'klmnopqrst'[i // 10 % 10]} number{i}", label)
        )
    return made


def prior() -> SharePrior:
    rng = np.random.default_rng(0)
    truths = [rng.integers(0, 3, 80) for _ in range(30)]
    return fit([JudgedTopic(t, 0.25 + 0.25 * np.eye(3)[t]) for t in truths], "a test")


@pytest.fixture(scope="module")
def trained(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fine_tune(recipe, rows(240), rows(30, 1000), tmp_path_factory.mktemp("run"), checkpoint_steps=50)


def test_a_training_becomes_a_package_that_serves(trained: Path, tmp_path: Path) -> None:
    dev = tmp_path / "dev.csv"
    lines = [f"{e.tweet_id},{e.text},{e.label}" for e in rows(60, 2000)]
    dev.write_text("\n".join(["tweet_id,text,label", *lines]))
    out = tmp_path / "package"
    metrics = release_trained(trained, dev, out, shares=prior().to_dict(), version="7")
    assert metrics["average_recall"] > 0.95
    assert metrics["float32"]["average_recall"] > 0.95
    made = package.load(out)
    assert made.identity == "tiny-7"
    assert sum(map(sum, made.confusion)) == 60
    engine = Engine(made)
    try:
        engine.verify()
        p = engine.predict([text for text, _ in SAYINGS])
    finally:
        engine.close()
    assert p.argmax(axis=1).tolist() == [0, 1, 2]
    shares = estimate(Counts((10, 20, 30), (10, 20, 30)), SharePrior.from_dict(made.share_prior))
    assert shares.n == 60


def test_a_package_is_not_written_over_another(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "something").write_text("")
    dev = tmp_path / "something"
    dev.write_text("tweet_id,text,label\n1,a,0\n")
    with pytest.raises(ModelPackageError, match="not empty"):
        release_trained(trained, dev, tmp_path, shares={})


def test_a_folder_without_a_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelPackageError, match="no finished training"):
        release_trained(tmp_path, tmp_path / "dev.csv", tmp_path / "out", shares={})


def test_a_finished_training_is_not_done_again(trained: Path, recipe: Recipe) -> None:
    before = json.loads((trained / "recipe.json").read_text())["log"]
    fine_tune(recipe, rows(240), rows(30, 1000), trained, checkpoint_steps=50)
    after = json.loads((trained / "recipe.json").read_text())["log"]
    assert [line.get("loss") for line in after][:3] == [line.get("loss") for line in before][:3]


def test_cross_fitting_never_trains_on_what_it_predicts(recipe: Recipe, tmp_path: Path) -> None:
    """The judged collections say the opposite of the rest: a model that saw them would follow."""
    judged = [
        JudgedTweet(e.tweet_id, f"topic {i % 4}", "one" if i % 4 < 2 else "two", e.text, 2 - e.label)
        for i, e in enumerate(rows(40))
    ]
    told = [Example(t.tweet_id, t.text, t.label) for t in judged]
    everything = [*told, *rows(1400, 100)]
    folds = [frozenset({"one"}), frozenset({"two"})]
    found = cross_fit(replace(recipe, epochs=2, prior_adjustment=0.0), everything, judged, folds, tmp_path)
    expected = np.array([2 - t.label for t in judged])
    assert (found.p.argmax(axis=1) == expected).mean() > 0.9
    assert found.topic.max() == 3
