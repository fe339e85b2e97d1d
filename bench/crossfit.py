"""Make ``bench/data/shares_crossfit.npz`` again: predictions on judged topics by models that never saw them.

``python bench/crossfit.py --train TRAIN.csv --dev DEV.csv --topics TOPICS.csv`` takes about half an hour
on two cores; it goes on where it was stopped. The files are SemEval's (2013 to 2017, task 4; 2016
subtask C for the topics). Two folds: the topics of the 2016 test collection, and those of 2016 train,
dev and devtest.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from trendvane.model.crossfit import cross_fit, read_judged
from trendvane.model.finetune import RECIPES, read_examples, smaller

FOLDS = (frozenset({"2016test"}), frozenset({"2016train", "2016dev", "2016devtest"}))
TARGET = Path(__file__).parent / "data" / "shares_crossfit.npz"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--dev", type=Path, required=True)
    parser.add_argument("--topics", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("runs/crossfit"), help="checkpoints and logits")
    parser.add_argument("--out", type=Path, default=TARGET)
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    recipe = replace(smaller(RECIPES["starter"], epochs=1), threads=arguments.threads, warmup_steps=100)
    rows = read_examples(arguments.train) + read_examples(arguments.dev)
    predictions = cross_fit(recipe, rows, read_judged(arguments.topics), FOLDS, arguments.work)
    predictions.save(arguments.out)
    print(f"{len(predictions.truth)} predictions in {arguments.out}")


if __name__ == "__main__":
    main()
