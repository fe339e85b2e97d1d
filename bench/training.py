"""Training throughput: the starter's recipe beside the same ``Trainer`` with every tweet padded to 128.

``python -m bench.training [--rows ../shared/data/semeval_train.csv] [--limit 800] [--threads 2]``

Both train the same rows for as many steps and are judged on the same other rows. Each has a process of its
own, so that the peak memory told is its own; CPU seconds stand beside the clock, for a busy machine slows
whoever comes second.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from trendvane.model.encoders import encoder_path
from trendvane.model.finetune import RECIPES, Example, read_examples, without_overlap

TARGET, MEMORY_GB = 2.5, 4
NAMES = {"ours": "ours: padded to the longest of its batch", "padded": "the same `Trainer`, padded to 128"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, default=Path("../shared/data/semeval_train.csv"))
    parser.add_argument("--limit", type=int, default=800, help="rows to train on; half as many judge")
    parser.add_argument("--epochs", type=float, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--kind", choices=NAMES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.kind:
        print(json.dumps(measure(arguments)))
        return
    if not arguments.rows.exists() or find_spec("torch") is None:
        print(f"\nTraining was not measured: there is no {arguments.rows}, or the extra train is missing.")
        return
    tell({kind: in_child(kind) for kind in NAMES})


def in_child(kind: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.training", *sys.argv[1:], "--kind", kind]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Train one way, in this process."""
    from transformers.data.data_collator import DataCollatorWithPadding  # noqa: PLC0415 - optional extra

    from trendvane.model.training import build  # noqa: PLC0415

    recipe = replace(RECIPES["starter"], threads=arguments.threads, epochs=arguments.epochs)
    train, dev = some_rows(arguments.rows, arguments.limit)
    with tempfile.TemporaryDirectory() as out:
        trainer = build(recipe, encoder_path(recipe.encoder), (train, dev), Path(out))
        trainer.args.eval_strategy = trainer.args.save_strategy = "no"
        like_ours = trainer.data_collator
        if arguments.kind == "padded":
            trainer.args.train_sampling_strategy = "random"
            trainer.data_collator = DataCollatorWithPadding(
                trainer.processing_class, padding="max_length", max_length=recipe.max_length
            )
        wall, cpu = time.perf_counter(), time.process_time()
        trainer.train()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        trainer.data_collator = like_ours
        score = trainer.evaluate()["eval_average_recall"]
    steps = trainer.state.global_step
    tweets = len(train) * arguments.epochs
    return {
        "steps": steps,
        "wall": tweets / wall,
        "cpu": tweets / cpu,
        "score": score,
        "gb": peak,
        "n": len(dev),
    }


def some_rows(path: Path, limit: int) -> tuple[list[Example], list[Example]]:
    rows = without_overlap(read_examples(path), [])
    order = np.random.default_rng(0).permutation(len(rows))
    dev = [rows[i] for i in order[: limit // 2]]
    return without_overlap([rows[i] for i in order[limit // 2 : limit * 3 // 2]], dev), dev


def tell(found: dict[str, dict[str, Any]]) -> None:
    n = found["ours"]["n"]
    print("\n## Training\n\n| | tweets/s | tweets/CPU s | steps | average recall on dev | peak memory, GB |")
    print("|---|---|---|---|---|---|")
    for kind, said in found.items():
        figures = f"{said['wall']:.1f} | {said['cpu']:.1f} | {said['steps']} | {said['score']:.3f}"
        print(f"| {NAMES[kind]} | {figures} | {said['gb']:.2f} |")
    ours, padded = found["ours"], found["padded"]
    ratio, per_cpu = ours["wall"] / padded["wall"], ours["cpu"] / padded["cpu"]
    print(f"\nRatio {ratio:.2f} by the clock, {per_cpu:.2f} by CPU seconds (target: {TARGET});")
    print(f"scores of {n} rows, whose standard error is about {0.5 / n**0.5:.3f};")
    print(f"peak memory of fine-tuning {ours['gb']:.2f} GB (target: under {MEMORY_GB}).")


if __name__ == "__main__":
    main()
