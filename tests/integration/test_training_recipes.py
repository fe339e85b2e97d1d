"""The recipes' own code on random ModernBERTs and BERTs of a few thousand weights."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from trendvane.domain.errors import ConfigurationError, ModelPackageError
from trendvane.model import finetune, package
from trendvane.model.engine import Engine
from trendvane.model.export import release_trained
from trendvane.model.finetune import RECIPES, Example, Recipe, fine_tune

if TYPE_CHECKING:
    from pathlib import Path

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("onnx")

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore"),  # training libraries warn about themselves
]
SAYINGS = (("this is awful and sad", 0), ("the meeting is on monday", 1), ("this is lovely and great", 2))


def rows(count: int, offset: int = 0) -> list[Example]:
    made = []
    for i in range(offset, offset + count):
        text, label = SAYINGS[i % 3]
        made.append(Example(str(i), f"{text} {'very ' * (i % 7)}number{i}", label))
    return made


def make_encoder(folder: Path, kind: str) -> Path:
    """A folder as the hub would give it: random weights, configuration, and a tokenizer of our sentences."""
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=specials, show_progress=False)
    tokenizer.train_from_iterator([e.text for e in rows(100)], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "attention_mask"],
    )
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    shape: dict[str, Any] = {
        "vocab_size": tokenizer.get_vocab_size(),
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "pad_token_id": 0,
    }
    if kind == "bert":
        model = transformers.BertModel(transformers.BertConfig(**shape, initializer_range=0.1))
    else:
        ids = {"cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}
        model = transformers.ModernBertModel(
            transformers.ModernBertConfig(**shape, **ids, local_attention=16, global_attn_every_n_layers=2)
        )
    model.save_pretrained(folder)
    return folder


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


def test_a_hub_that_cannot_be_reached_is_a_clear_error(tmp_path: Path) -> None:
    lost = replace(RECIPES["bert"], encoder="trendvane-tests/there-is-no-such-encoder")
    with pytest.raises(ConfigurationError, match="--base-model PATH"):
        fine_tune(lost, rows(30), rows(3, 1000), tmp_path / "model")
    assert not list(tmp_path.iterdir())
