"""The demo as a newcomer runs it: up, live, honest about itself, and accounted for afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


def trendvane(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TRENDVANE_DATA_DIR": str(home)}  # noqa: TID251
    command = [sys.executable, "-m", "trendvane", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)


def test_the_demo_shows_live_sentiment_and_its_books_balance(tmp_path: Path) -> None:
    done = trendvane(tmp_path, "demo", "--seconds", "45", "--port", "0", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["topics"] >= 8
    assert report["tweets"] > 1000
    assert report["live_tweets"] > 10
    assert report["latency_p95_s"] > 0
    assert report["mean_absolute_error"] < 0.3
    assert report["memory_total_mb"] < 1536
    assert set(report["memory_mb"]) == {"emulator", "collect", "runner", "serve", "demo", "postgres"}
    audit = trendvane(tmp_path / "demo", "audit", "--json")
    assert audit.returncode == 0, audit.stdout + audit.stderr
    books = json.loads(audit.stdout)
    assert books["seen"] >= report["tweets"] > 0
    assert books["missing"] == 0


def test_a_replay_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    done = trendvane(tmp_path, "demo", "--replay", str(tmp_path / "none.csv"))
    assert done.returncode == 1
    assert "none.csv" in done.stderr


def test_a_replay_without_its_columns_says_which(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text("id,body\n1,hello\n")
    done = trendvane(tmp_path, "emulator", "--replay", str(path), "--port", "0")
    assert done.returncode == 1
    assert "topic" in done.stderr
    assert "Remedy" in done.stderr
