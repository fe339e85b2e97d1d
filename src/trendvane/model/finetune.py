"""Fine-tune an encoder into a three-class tweet classifier. Running it needs the extra ``train``.

Three named recipes; each is data, and ``fine_tune`` is the one way through. A stopped run goes on from its
last checkpoint when it is started again with the same folder.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from trendvane.domain.errors import ConfigurationError, ModelPackageError
from trendvane.domain.holdout import held_out
from trendvane.domain.sentiment import LABELS
from trendvane.domain.text import TEXT_VERSION, fingerprints, prepare
from trendvane.model.encoders import STARTER_ENCODER, encoder_path

if TYPE_CHECKING:
    from pathlib import Path

WEIGHTS = "model.safetensors"
RECIPE = "recipe.json"
Watch = Callable[[int, int, Mapping[str, float]], None]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train.

    Attributes:
        name: ``starter``, ``modernbert`` or ``bert``.
        encoder: Hugging Face name or a folder; the starter's comes in a Python package, without the hub.
        epochs: Passes over the training rows.
        learning_rate: Peak of a linear schedule that ends at 0.
        batch_size, eval_batch_size: Tweets in a step, on all processes together; grouped by length, padded to
            the longest of the batch.
        warmup_steps: Steps until the peak; a tenth of all steps where those are fewer.
        weight_decay: Of AdamW (betas 0.9 and 0.999, epsilon 1e-8).
        max_length: Word pieces kept of a tweet.
        seed: Of everything random.
        threads: CPU threads, 0 for all.
        processes: That train together; 0 for one on each GPU, or one.
        frozen_embeddings: Leave the word vectors as they are.
        prior_adjustment: How far to take the training rows' class shares out of the logits: 0 not at all, 1
            wholly, so that the model decides as if the classes were equally common.
        head: ``mean`` or ``own``, as in ``model.network``.
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
    head: str = "mean"
    processes: int = 0

    def workers(self) -> int:
        """Processes that train together on this machine."""
        if self.processes:
            return self.processes
        import torch  # noqa: PLC0415 - optional extra

        return max(1, int(torch.cuda.device_count()))


RECIPES: dict[str, Recipe] = {
    "starter": Recipe(
        "starter", STARTER_ENCODER, 2, 5e-5, 32, warmup_steps=200, weight_decay=0.01, prior_adjustment=0.5
    ),
    "modernbert": Recipe("modernbert", "answerdotai/ModernBERT-base", 3, 2e-5, 16, head="own"),
    "bert": Recipe("bert", "google-bert/bert-base-uncased", 4, 2e-5, 16, head="own"),
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


def without_overlap(examples: Iterable[Example], others: Iterable[Example]) -> list[Example]:
    """Examples that share neither id nor fingerprint with ``others``, and no id or text with each other."""
    ids: set[str] = set()
    keys: set[int] = set()
    for example in others:
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


def trainable(examples: Sequence[Example], dev: Iterable[Example]) -> list[Example]:
    """``examples`` that neither ``dev`` nor the rows kept for judging (``domain.holdout``) know."""
    return without_overlap(examples, [*dev, *(e for e in examples if held_out(e.text))])


def fine_tune(
    recipe: Recipe,
    train: Sequence[Example],
    dev: Sequence[Example],
    out: Path,
    *,
    checkpoint_steps: int = 300,
    watch: Watch | None = None,
) -> Path:
    """Train into the folder ``out``: weights, configuration, tokenizer and ``recipe.json``; return it.

    A training that was stopped goes on from its last checkpoint; a finished one is left as it is.

    Args:
        recipe: How.
        train: What is learned.
        dev: Evaluated after each epoch and not trained on: remove its tweets by ``without_overlap`` first.
        out: Folder; belongs to this training alone.
        checkpoint_steps: Steps between two checkpoints.
        watch: Called with the step, the number of steps, and figures where there are new ones.

    Raises:
        ConfigurationError: The encoder cannot be had, or ``out`` belongs to another training.
    """
    source = encoder_path(recipe.encoder)
    begun = {"recipe": asdict(recipe), "text_version": TEXT_VERSION, "data": digest(train, dev)}
    if _is_finished(out, begun):
        return out
    out.mkdir(parents=True, exist_ok=True)
    _write_report(out, {**begun, "finished": False})
    started = time.monotonic()
    log = _run(recipe, source, (train, dev), out, (checkpoint_steps, watch))
    facts = {"train_rows": len(train), "dev_rows": len(dev), "seconds": round(time.monotonic() - started, 1)}
    _write_report(out, {**begun, **facts, "log": log, "finished": True})
    for folder in out.glob("checkpoint-*"):
        shutil.rmtree(folder)
    return out


def digest(*parts: Sequence[Example]) -> str:
    """The sha256 of what is trained and judged on, as a hex number."""
    sums = hashlib.sha256()
    for part in parts:
        for example in part:
            sums.update(f"{example.label}\x1f{example.text}\x1e".encode())
        sums.update(b"\x1d")
    return sums.hexdigest()


def read_report(trained: Path) -> dict[str, Any]:
    """``recipe.json`` of a finished training, its ``recipe`` as a ``Recipe``.

    Raises:
        ModelPackageError: ``trained`` holds no finished training.
    """
    try:
        report = json.loads((trained / RECIPE).read_text(encoding="utf-8"))
        report["recipe"] = Recipe(**report["recipe"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelPackageError(
            f"{trained} holds no finished training ({error}).", remedy="Run the training to its end."
        ) from error
    if not report.get("finished", True):
        raise ModelPackageError(
            f"{trained} holds a training that was stopped.", remedy="Start it again; it goes on."
        )
    found: dict[str, Any] = report
    return found


def _run(
    recipe: Recipe,
    source: str,
    rows: tuple[Sequence[Example], Sequence[Example]],
    out: Path,
    how: tuple[int, Watch | None],
) -> list[dict[str, Any]]:
    """Train in this process, or in as many as the recipe has workers; returns the log."""
    from trendvane.model.training import train_here  # noqa: PLC0415 - optional extra

    checkpoint_steps, watch = how
    workers = recipe.workers()
    if workers == 1:
        return train_here(recipe, source, rows, out, checkpoint_steps, watch)
    from torch.distributed.launcher import LaunchConfig, elastic_launch  # noqa: PLC0415 - optional extra

    # The launcher tells each worker its rank and where the others are; the trainer finds them so.
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=workers,
        run_id="trendvane",
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        monitor_interval=1,
    )
    logs = elastic_launch(config, train_here)(recipe, source, rows, out, checkpoint_steps)
    log: list[dict[str, Any]] = logs[0]
    return log


def _is_finished(out: Path, begun: Mapping[str, Any]) -> bool:
    """Whether ``out`` holds this very training, finished."""
    try:
        found = json.loads((out / RECIPE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except ValueError:  # a kill while it was written: nothing was finished
        return False
    if any(found.get(key) != value for key, value in json.loads(json.dumps(begun)).items()):
        raise ConfigurationError(
            f"{out} holds a training by another recipe or of other data.", remedy="Train into another folder."
        )
    return bool(found.get("finished"))


def _write_report(out: Path, report: Mapping[str, Any]) -> None:
    scratch = out / f".{RECIPE}"
    scratch.write_text(json.dumps(report, indent=1), encoding="utf-8")
    scratch.replace(out / RECIPE)


def smaller(recipe: Recipe, epochs: float) -> Recipe:
    """The same recipe with fewer passes and frozen word vectors, for cross-fitting."""
    return replace(recipe, epochs=epochs, frozen_embeddings=True)
