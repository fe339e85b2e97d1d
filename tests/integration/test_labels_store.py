"""Labels on their way into the warehouse."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from pipeline_support import START, Pipeline, page, row, tweet_id

from trendvane.warehouse import forgetting, labels
from trendvane.warehouse.labels import LabelRow

if TYPE_CHECKING:
    from pathlib import Path

    from trendvane.warehouse.engine import Warehouse

pytestmark = pytest.mark.integration


@pytest.fixture
def pipe(tmp_path: Path, warehouse: Warehouse) -> Pipeline:
    pipeline = Pipeline(tmp_path, warehouse)
    pipeline.take(page(1, [row(i) for i in range(4)]))
    pipeline.score()
    return pipeline


def said(number: int, label: int | None, labeller: str = "anna", *, at_random: bool = False) -> LabelRow:
    return LabelRow(tweet_id(number), labeller, "", label, 1, "human", 1.0, at_random)


def write(pipe: Pipeline, *rows: LabelRow) -> int:
    with pipe.warehouse.begin() as connection:
        return labels.write(connection, rows, now=pipe.now())


def test_a_label_is_replaced_by_the_same_labeller_and_chance_is_not_forgotten(pipe: Pipeline) -> None:
    assert write(pipe, said(0, 0, at_random=True), said(1, None)) == 2
    pipe.at += timedelta(minutes=1)
    assert write(pipe, said(0, 1), said(0, 2), said(0, 1, "bert")) == 2
    found = pipe.rows("SELECT tweet_id, labeller, label, at_random FROM tweet_label ORDER BY 1, 2")
    assert found == [
        (tweet_id(0), "anna", 2, True),
        (tweet_id(0), "bert", 1, False),
        (tweet_id(1), "anna", None, False),
    ]
    assert pipe.value("SELECT min(created_at) FROM tweet_label WHERE tweet_id = " + str(tweet_id(1))) == (
        START + timedelta(hours=2)
    )


def test_labels_of_forgotten_and_unknown_tweets_are_not_kept(pipe: Pipeline) -> None:
    with pipe.warehouse.begin() as connection:
        forgetting.bury(connection, [(tweet_id(2), "deleted")], now=pipe.now())
    assert write(pipe, said(2, 0), said(77, 0), said(3, 0)) == 1
    assert write(pipe) == 0
    assert pipe.rows("SELECT tweet_id FROM tweet_label") == [(tweet_id(3),)]


def test_counts_of_labelled_voices_follow(pipe: Pipeline) -> None:
    write(pipe, said(0, 0, at_random=True), said(1, 2, at_random=True), said(2, 1))
    found = pipe.rows("SELECT truth, predicted, n FROM label_rollup ORDER BY truth")
    assert found == [(0, 2, 1), (2, 2, 1)]
    write(pipe, said(0, 1))
    assert pipe.rows("SELECT truth, n FROM label_rollup ORDER BY truth") == [(1, 1), (2, 1)]
