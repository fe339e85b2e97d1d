"""``trendvane learn`` as a stranger uses it: an empty directory, a CSV of labels, a local encoder."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("onnxscript")
pytest.importorskip("matplotlib")
pytest.importorskip("vaderSentiment")

from training_support import make_encoder

if TYPE_CHECKING:
    from pathlib import Path

    from trendvane.warehouse.engine import Warehouse

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(900)]


def head(source: Path, target: Path, rows: int) -> Path:
    """The first rows of a CSV."""
    with (
        source.open(encoding="utf-8", newline="") as read,
        target.open("w", encoding="utf-8", newline="") as written,
    ):
        lines = csv.reader(read)
        csv.writer(written).writerows(line for line, _ in zip(lines, range(rows + 1), strict=False))
    return target


def trendvane(home: Path, warehouse: Warehouse, *arguments: str) -> str:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TRENDVANE_")}  # noqa: TID251
    done = subprocess.run(
        [sys.executable, "-m", "trendvane", *arguments],
        cwd=home,
        env=kept
        | {
            "TRENDVANE_DATA_DIR": str(home / "data"),
            "TRENDVANE_WAREHOUSE__URL": warehouse.engine.url.render_as_string(hide_password=False),
            "COLUMNS": "200",
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_learning_ends_with_a_verdict_and_a_story(shared: Path, tmp_path: Path, warehouse: Warehouse) -> None:
    labels = head(shared / "data" / "semeval_train.csv", tmp_path / "labels.csv", 600)
    judges = head(shared / "data" / "semeval_dev.csv", tmp_path / "judges.csv", 400)
    encoder = make_encoder(tmp_path / "encoder", "bert")
    command = ["learn", "--labels", str(labels), "--test", str(judges), "--recipe", "bert"]
    command += ["--base-model", str(encoder), "--epochs", "1", "--actor", "anna"]
    told = trendvane(tmp_path, warehouse, *command)
    assert "1/4 label: left out, labels are given." in told
    assert "is the first champion (compared with vader)" in told
    # An encoder of random weights, trained for a moment, knows less than the shipped model.
    assert "was refused (compared with starter-" in told
    assert told.splitlines()[-1].startswith("Champion: starter-")
    book: list[dict[str, Any]] = json.loads(trendvane(tmp_path, warehouse, "model", "history", "--json"))
    assert [line["action"] for line in book] == ["adopt", "refuse"]
    assert {line["actor"] for line in book} == {"anna"}
    assert book[1]["report"]["snapshot"]
    assert any(c["name"] == "leak" and "knows no row" in c["said"] for c in book[1]["report"]["checks"])
    again = json.loads(trendvane(tmp_path, warehouse, *command, "--json"))
    assert again["promote"]["decisions"] == []
    assert again["promote"]["champion"] == book[0]["version"]
