"""The commands about data sets, as a stranger uses them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from trendvane.cli.app import build
from trendvane.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

    from trendvane.warehouse.engine import Warehouse

pytestmark = pytest.mark.integration


def words(number: int) -> str:
    letters = [chr(ord("a") + int(digit)) for digit in f"{number:04d}"]
    return "invented words " + " ".join(letter * 5 for letter in letters)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    rows = [f"{i + 1},{words(i)},{i % 3}" for i in range(900)]
    (tmp_path / "mine.csv").write_text("\n".join(["tweet_id,text,label", *rows, "901,,1", ""]))
    return tmp_path


def trendvane(home: Path, warehouse: Warehouse, *line: str, files: str = "mine.csv") -> Result:
    environment = {
        "TRENDVANE_DATA_DIR": str(home),
        "TRENDVANE_WAREHOUSE__URL": warehouse.engine.url.render_as_string(hide_password=False),
        "TRENDVANE_TRAINING__FILES": str(home / files) if files else "",
        "TRENDVANE_TRAINING__MIN_TEST_ROWS": "30",
    }
    return CliRunner().invoke(build(), line, env=environment)


def test_curate_and_look_at_it(home: Path, warehouse: Warehouse) -> None:
    done = trendvane(home, warehouse, "run", "curate")
    assert "missing_text 1" in done.stdout
    report = json.loads(trendvane(home, warehouse, "run", "curate", "--json").stdout)
    assert report["rows"] == 901
    assert report["train"] + report["dev"] + report["test"] == 900
    listed = [
        json.loads(line)
        for line in trendvane(home, warehouse, "dataset", "list", "--json").stdout.splitlines()
    ]
    assert [(facts["id"], facts["rows"]) for facts in listed] == [
        (report["snapshot"], report["train"] + report["dev"])
    ]
    assert report["snapshot"] in trendvane(home, warehouse, "dataset", "list").stdout
    shown = trendvane(home, warehouse, "dataset", "show").stdout
    assert f"# Data card of snapshot {report['snapshot']}" in shown
    assert trendvane(home, warehouse, "dataset", "show", report["snapshot"]).stdout == shown
    assert report["test_set"] in trendvane(home, warehouse, "dataset", "test-set").stdout


def test_the_test_set_is_renewed_with_files_named_on_the_spot(home: Path, warehouse: Warehouse) -> None:
    before = json.loads(trendvane(home, warehouse, "run", "curate", "--json").stdout)
    more = [f"{i + 1},{words(i)},{i % 3}" for i in range(2000, 3000)]
    (home / "more.csv").write_text("\n".join(["tweet_id,text,label", *more, ""]))
    line = ("dataset", "test-set", "--renew", "--json", "--labels", str(home / "more.csv"))
    renewed = json.loads(trendvane(home, warehouse, *line).stdout)
    assert renewed["rows"] > before["test"]
    assert renewed["id"] != before["test_set"]
    assert json.loads(trendvane(home, warehouse, "dataset", "test-set", "--json").stdout) == renewed


def test_a_damaged_snapshot_does_not_hide_the_others(home: Path, warehouse: Warehouse) -> None:
    first = json.loads(trendvane(home, warehouse, "run", "curate", "--json").stdout)["snapshot"]
    path = home / "datasets" / "snapshots" / first / "cleaned_data.csv"
    path.write_text(path.read_text()[:-5])
    lines = (home / "mine.csv").read_text().splitlines()
    (home / "less.csv").write_text("\n".join(lines[:800]))
    second = json.loads(trendvane(home, warehouse, "run", "curate", "--json", files="less.csv").stdout)
    listed = trendvane(home, warehouse, "dataset", "list").stdout
    assert f"{first}  " in listed
    assert "is not the file that was written" in listed
    assert second["snapshot"] in listed


def test_nothing_curated_yet_says_what_to_do(home: Path, warehouse: Warehouse) -> None:
    assert trendvane(home, warehouse, "dataset", "list").stdout == ""
    for line in (("dataset", "show"), ("dataset", "test-set"), ("run", "curate")):
        failed = trendvane(home, warehouse, *line, files="").exception
        assert isinstance(failed, ConfigurationError)
        assert failed.remedy
