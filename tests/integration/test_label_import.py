"""Labels from files, and the commands about labels."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest
from pipeline_support import Pipeline, page, row, tweet_id
from typer.testing import CliRunner

from trendvane.cli.app import build
from trendvane.domain.errors import ConfigurationError, SourceUnavailableError
from trendvane.steps.label.file import ImportConfig, ImportReport, import_labels
from trendvane.warehouse import labels
from trendvane.warehouse.labels import LabelRow

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

    from trendvane.warehouse.engine import Warehouse

pytestmark = pytest.mark.integration

ANNA = ImportConfig("anna")
STORED = "SELECT tweet_id, labeller, label, kind, at_random FROM tweet_label ORDER BY tweet_id, labeller"


@pytest.fixture
def pipe(tmp_path: Path, warehouse: Warehouse) -> Pipeline:
    pipeline = Pipeline(tmp_path, warehouse)
    pipeline.take(page(1, [row(i) for i in range(6)]))
    return pipeline


def read(pipe: Pipeline, text: str, config: ImportConfig = ANNA) -> ImportReport:
    path = pipe.root / "given.csv"
    path.write_text(text)
    return import_labels(pipe.warehouse, path, config, now=pipe.now)


def test_each_bad_row_is_counted_and_its_neighbours_stay(pipe: Pipeline) -> None:
    ids = [tweet_id(i) for i in range(6)]
    text = f"""tweet_id,label,labeller
{ids[0]},positive,
{ids[1]},2,bert
{ids[2]},Negative,
{ids[2]},positive,
{ids[3]},happy,
12345,neutral,
1.9e18,neutral,
99999999999999999999,neutral,
{ids[4]}
{ids[5]},"1
{ids[5]},1,
"""
    report = read(pipe, text)
    assert (report.rows, report.stored) == (11, 4)
    assert report.refused == {
        "duplicate": 1,
        "bad_label": 1,
        "unknown_tweet": 1,
        "bad_id": 2,
        "broken_row": 2,
    }
    assert "line 5: duplicate" in report.examples
    assert len(report.examples) == 5
    assert pipe.rows(STORED) == [
        (ids[0], "file:anna", 2, "file", False),
        (ids[1], "file:bert", 2, "file", False),
        (ids[2], "file:anna", 0, "file", False),
        (ids[5], "file:anna", 1, "file", False),
    ]


def test_reading_a_file_again_changes_nothing_and_chance_must_be_claimed(pipe: Pipeline) -> None:
    text = f"\ufefflabel,tweet_id\n1,{tweet_id(0)}\n"
    read(pipe, text)
    before = pipe.rows(STORED)
    assert read(pipe, text).stored == 1
    assert pipe.rows(STORED) == before
    read(pipe, text, ImportConfig("anna", random_sample=True))
    assert pipe.rows(STORED) == [(tweet_id(0), "file:anna", 1, "file", True)]


def test_content_of_the_real_x_is_not_labelled_unless_allowed(pipe: Pipeline) -> None:
    pipe.execute("UPDATE tweet_staging SET source = 'x'")
    text = f"tweet_id,label\n{tweet_id(0)},1\n"
    assert read(pipe, text).refused == {"x_content": 1}
    assert read(pipe, text, ImportConfig("anna", allow_x_content=True)).stored == 1


def test_a_file_that_is_not_there_is_an_error_with_a_remedy(pipe: Pipeline) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        import_labels(pipe.warehouse, pipe.root / "none.csv", ANNA, now=pipe.now)


def command(pipe: Pipeline, *words: str, **settings: str) -> Result:
    url = pipe.warehouse.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    own = {"WAREHOUSE__URL": url, "DATA_DIR": str(pipe.root)} | settings
    environment = {f"TRENDVANE_{key}": value for key, value in own.items()}
    return CliRunner().invoke(build(), ["label", *words], env=environment)


def test_the_commands_say_what_they_did(pipe: Pipeline) -> None:
    (pipe.root / "team.csv").write_text(f"tweet_id,label\n{tweet_id(0)},0\n{tweet_id(1)},2\n5,1\n")
    imported = command(pipe, "import", str(pipe.root / "team.csv"), "--json")
    assert json.loads(imported.stdout)["refused"] == {"unknown_tweet": 1}
    assert "No tweet is labelled both" in command(pipe, "agreement").stdout
    rows = [LabelRow(tweet_id(i), "llm:m", "v", i * 2, 3, "llm", 1.0, at_random=True) for i in range(2)]
    with pipe.warehouse.begin() as connection:
        labels.write(connection, rows, now=pipe.now())
    shown = command(pipe, "agreement").stdout
    assert "llm:m  prompt v" in shown
    assert "1.00 (1.00 to 1.00)" in shown
    (found,) = json.loads(command(pipe, "agreement", "--json").stdout)
    assert (found["n"], found["kappa"]["value"]) == (2, 1.0)


def test_a_dry_run_says_tokens_and_dollars(pipe: Pipeline) -> None:
    pipe.score()
    pipe.execute("UPDATE tweet_staging SET sample = 'validation'")
    settings = {
        "LABEL__BASE_URL": "http://127.0.0.1:9/v1",
        "LABEL__MODEL": "m",
        "LABEL__DOLLARS_PER_MILLION_IN": "0.5",
    }
    refused = command(pipe, "run", "--dry-run", **settings)
    assert isinstance(refused.exception, ConfigurationError)
    assert "prices" in refused.exception.message
    settings |= {"LABEL__DOLLARS_PER_MILLION_OUT": "2"}
    planned = command(pipe, "run", "--dry-run", **settings)
    assert "Would ask llm:m about 6 tweets in up to 18 requests" in planned.stdout
    assert "Left of this month's cap: $20.0000" in planned.stdout
    found = json.loads(command(pipe, "run", "--dry-run", "--limit", "2", "--json", **settings).stdout)
    assert found["texts"] == 2
    assert found["dollars"] == pytest.approx(
        (found["tokens_in"] * 0.5 + found["tokens_out"] * 2) / 1e6, rel=0.01
    )


def test_the_review_page_is_only_announced_where_it_is(pipe: Pipeline) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        result = command(pipe, "review", SERVE__PORT=str(taken.getsockname()[1]))
    assert isinstance(result.exception, SourceUnavailableError)
    assert "trendvane serve" in result.exception.remedy
