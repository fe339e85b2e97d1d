"""Make ``bench/data/shares_foreign.npz`` again: the shipped model on topics of another collection.

``python bench/foreign.py --topics TOPICS.csv`` reads a CSV with columns ``topic, text, label`` (Sanders 2011
here). Rows whose label is none of the three classes are left out.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

from trendvane.domain.sentiment import LABELS
from trendvane.model.crossfit import JudgedPredictions
from trendvane.model.holder import open_engine
from trendvane.model.package import starter_path

TARGET = Path(__file__).parent / "data" / "shares_foreign.npz"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--topics", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=TARGET)
    arguments = parser.parse_args()
    with arguments.topics.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] in LABELS]
    names = list(dict.fromkeys(row["topic"] for row in rows))
    predictions = JudgedPredictions(
        topic=np.array([names.index(row["topic"]) for row in rows], np.int16),
        truth=np.array([LABELS.index(row["label"]) for row in rows], np.int8),
        p=open_engine(starter_path()).predict([row["text"] for row in rows]),
    )
    predictions.save(arguments.out)
    print(f"{len(rows)} predictions in {arguments.out}")


if __name__ == "__main__":
    main()
