"""The ``Trainer`` of Transformers as we use it. Needs the extra ``train``.

Where the speed comes from: a batch is padded to its own longest tweet, and batches are made of tweets of
like length, so that hardly any work is spent on padding; on GPUs that have it, bfloat16.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import Dataset

from trendvane.domain.errors import ConfigurationError
from trendvane.domain.text import prepare
from trendvane.model import measures
from trendvane.model.encoders import REMEDY
from trendvane.model.network import encoder_of, freeze_embeddings, load_classifier, take_out_prior

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trendvane.model.finetune import Example, Recipe, Watch

_CHUNK = 10_000  # tweets tokenised at a time
_STATE = "trainer_state.json"  # the last file of a checkpoint
_LOG_STEPS = 50
_WARMUP_SHARE = 10  # a tenth of a training that is too short for its warm-up


class TweetRows(Dataset):  # type: ignore[misc] # the type checker skips torch
    """Tokens of labelled tweets in one flat array: a million tweets take a hundred megabytes.

    Args:
        tokenizer: Of the encoder.
        examples: Labelled tweets.
        max_length: Word pieces kept.
    """

    def __init__(self, tokenizer: Any, examples: Sequence[Example], max_length: int) -> None:
        parts: list[Any] = []
        sizes: list[int] = []
        for start in range(0, len(examples), _CHUNK):
            texts = [prepare(e.text) for e in examples[start : start + _CHUNK]]
            ids = tokenizer(texts, truncation=True, max_length=max_length)["input_ids"]
            sizes.extend(map(len, ids))
            parts.append(np.array([token for row in ids for token in row], np.int32))
        self._tokens = np.concatenate(parts) if parts else np.empty(0, np.int32)
        self._ends = np.cumsum([0, *sizes])
        self._labels = [e.label for e in examples]

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, row: int) -> dict[str, Any]:
        ids = self._tokens[self._ends[row] : self._ends[row + 1]].tolist()
        return {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": self._labels[row]}


def _watcher(watch: Watch) -> Any:
    """A callback that tells how far the training is, and its figures."""
    from transformers import TrainerCallback  # noqa: PLC0415 - its import does things

    class Watcher(TrainerCallback):  # type: ignore[misc] # the type checker skips transformers
        def on_step_end(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
            watch(state.global_step, state.max_steps, {})

        def on_log(self, _args: Any, state: Any, _control: Any, logs: Any = None, **_: Any) -> None:
            watch(state.global_step, state.max_steps, figures(logs or {}))

    return Watcher()


def figures(line: dict[str, Any]) -> dict[str, float]:
    """What a line of the trainer's log says, by the names that runs are compared by."""
    names = {"loss": "train_loss", "learning_rate": "learning_rate"}
    said = {names.get(key, key.replace("eval_", "dev_", 1)): value for key, value in line.items()}
    return {k: float(v) for k, v in said.items() if k in names.values() or k.startswith("dev_")}


def build(recipe: Recipe, source: str, rows: tuple[Sequence[Example], Sequence[Example]], out: Path) -> Any:
    """The trainer of ``recipe``, on the encoder in the folder ``source``, for training and dev ``rows``."""
    from transformers import Trainer, set_seed  # noqa: PLC0415 - their import does things
    from transformers.data.data_collator import DataCollatorWithPadding  # noqa: PLC0415
    from transformers.trainer_callback import PrinterCallback  # noqa: PLC0415
    from transformers.utils import logging  # noqa: PLC0415

    logging.set_verbosity_error()  # it warns that the head is new
    logging.disable_progress_bar()
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    set_seed(recipe.seed)
    tokenizer, model = _load(source, recipe.head)
    if recipe.frozen_embeddings:
        freeze_embeddings(model)
    train, dev = rows
    trainer = Trainer(
        model=model,
        args=arguments(recipe, out, len(train)),
        train_dataset=TweetRows(tokenizer, train, recipe.max_length),
        eval_dataset=TweetRows(tokenizer, dev, recipe.max_length),
        data_collator=DataCollatorWithPadding(tokenizer),
        processing_class=tokenizer,
        compute_metrics=_metrics,
    )
    trainer.remove_callback(PrinterCallback)  # who wants to know, watches
    return trainer


def _load(source: str, head: str) -> tuple[Any, Any]:
    from transformers import AutoTokenizer  # noqa: PLC0415

    try:
        return AutoTokenizer.from_pretrained(source), load_classifier(source, head=head)
    except (OSError, ValueError, KeyError) as error:  # what Transformers raises of folders it cannot use
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ConfigurationError(f"{source} cannot be used as an encoder: {first}", remedy=REMEDY) from error


def train_here(
    recipe: Recipe,
    source: str,
    rows: tuple[Sequence[Example], Sequence[Example]],
    out: Path,
    checkpoint_steps: int,
    watch: Watch | None = None,
) -> list[dict[str, Any]]:
    """Train in this process, alone or as one of several, the first of which writes; returns the log."""
    trainer = build(recipe, source, rows, out)
    trainer.args.save_steps = checkpoint_steps
    if watch is not None:
        trainer.add_callback(_watcher(watch))
    trainer.train(resume_from_checkpoint=last_checkpoint(out))
    log: list[dict[str, Any]] = trainer.state.log_history
    if trainer.is_world_process_zero():
        model = trainer.accelerator.unwrap_model(trainer.model)
        take_out_prior(model, [e.label for e in rows[0]], recipe.prior_adjustment)
        trainer.save_model(str(out))
        encoder_of(model).config.save_pretrained(str(out))
        (out / "training_args.bin").unlink(missing_ok=True)  # a pickle, and nobody reads it
    return log


def last_checkpoint(out: Path) -> str | None:
    """The newest whole checkpoint in ``out``; one that a kill cut short does not count."""
    found = [(int(f.name.partition("-")[2]), f) for f in out.glob("checkpoint-*") if f.name[11:].isdigit()]
    for _, folder in sorted(found, reverse=True):
        try:
            json.loads((folder / _STATE).read_text())
        except (OSError, ValueError):
            continue
        return str(folder)
    return None


def arguments(recipe: Recipe, out: Path, train_rows: int) -> Any:
    """The recipe in the trainer's words. Processes share its batch, so that the recipe stays itself."""
    from transformers import TrainingArguments  # noqa: PLC0415

    on_gpu = torch.cuda.is_available()
    workers = torch.distributed.get_world_size() if torch.distributed.is_initialized() else recipe.workers()
    steps = math.ceil(train_rows / recipe.batch_size) * recipe.epochs
    return TrainingArguments(
        output_dir=str(out),
        num_train_epochs=recipe.epochs,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=min(recipe.warmup_steps, int(steps / _WARMUP_SHARE)),
        weight_decay=recipe.weight_decay,
        optim="adamw_torch_fused",
        adam_beta1=0.9,
        adam_beta2=0.999,
        adam_epsilon=1e-8,
        per_device_train_batch_size=max(1, recipe.batch_size // workers),
        per_device_eval_batch_size=recipe.eval_batch_size,
        train_sampling_strategy="group_by_length",
        eval_strategy="epoch",
        save_strategy="steps",
        save_total_limit=1,
        logging_steps=_LOG_STEPS,
        label_names=["labels"],
        report_to="none",
        disable_tqdm=True,
        seed=recipe.seed,
        bf16=on_gpu and torch.cuda.is_bf16_supported(),
        use_cpu=not on_gpu,
        dataloader_pin_memory=on_gpu,
    )


def _metrics(prediction: Any) -> dict[str, float]:
    confusion = measures.confusion_of(
        np.asarray(prediction.label_ids), np.argmax(prediction.predictions, axis=1)
    )
    said = measures.report(confusion)
    return {key: said[key] for key in ("average_recall", "macro_f1", "accuracy")}
