"""The command line as a stranger uses it: separate processes, an empty directory, nothing set."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from trendvane import __version__

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration


def trendvane(home: Path, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TRENDVANE_")}  # noqa: TID251
    environment |= {"TRENDVANE_DATA_DIR": str(home / "data"), "COLUMNS": "200", **extra}
    command = [sys.executable, "-m", "trendvane", *arguments]
    return subprocess.run(
        command, cwd=home, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_version_and_help(tmp_path: Path) -> None:
    assert trendvane(tmp_path, "--version").stdout == f"trendvane {__version__}\n"
    shown = trendvane(tmp_path, "--help").stdout
    commands = "demo up collect run serve emulator doctor audit db model export label dataset learn mlflow"
    for command in commands.split():
        assert command in shown


def test_wrong_usage_is_2(tmp_path: Path) -> None:
    assert trendvane(tmp_path, "demo", "--sedes", "3").returncode == 2


def test_an_unknown_step_names_the_steps(tmp_path: Path) -> None:
    done = trendvane(tmp_path, "run", "stge")
    assert done.returncode == 1
    assert "stge" in done.stderr
    assert "collect, push, stage, score" in done.stderr


def test_without_a_token_nothing_falls_back_to_sample_data(tmp_path: Path) -> None:
    done = trendvane(tmp_path, "up")
    assert done.returncode == 1
    assert "TRENDVANE_X__BEARER_TOKEN" in done.stderr


def test_the_doctor_says_what_is_missing_and_never_shows_a_secret(tmp_path: Path) -> None:
    done = trendvane(tmp_path, "doctor", "--json")
    assert done.returncode == 4
    findings = {f["check"]: f for f in json.loads(done.stdout)}
    assert not findings["x"]["ok"]
    assert "TRENDVANE_X__BEARER_TOKEN" in findings["x"]["remedy"]
    assert findings["warehouse"]["ok"]
    assert findings["model"]["ok"]
    healthy = trendvane(tmp_path, "doctor", TRENDVANE_X__BEARER_TOKEN="CANARY-1234")
    assert healthy.returncode == 0, healthy.stdout
    assert "CANARY" not in healthy.stdout + healthy.stderr


def test_an_empty_house_balances_and_its_steps_have_nothing_to_do(tmp_path: Path) -> None:
    assert trendvane(tmp_path, "run", "push", "--json").returncode in {0, 75}
    assert trendvane(tmp_path, "db", "upgrade").returncode == 0
    for step in ("push", "stage", "score"):
        done = trendvane(tmp_path, "run", step, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["step"] == step
    done = trendvane(tmp_path, "audit", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["seen"] == 0


def test_a_warehouse_that_is_not_there_is_worth_another_try(tmp_path: Path) -> None:
    url = "postgresql://nobody@127.0.0.1:1/none"
    done = trendvane(tmp_path, "db", "upgrade", TRENDVANE_WAREHOUSE__URL=url)
    assert done.returncode == 75
    assert "Remedy" in done.stderr
