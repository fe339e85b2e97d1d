from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pipeline_support import Pipeline, page, row, tweet_id

if TYPE_CHECKING:
    from pathlib import Path

    from trendvane.warehouse.engine import Warehouse

pytestmark = pytest.mark.integration

IDS = [tweet_id(number) for number in range(1, 7)]


@pytest.fixture
def pipe(tmp_path: Path, warehouse: Warehouse) -> Pipeline:
    """Tweets 1 to 3 scored, 4 dead, 5 pending, 6 in the spool."""
    pipe = Pipeline(tmp_path, warehouse)
    pipe.take(page(1, [row(1), row(2), row(3), {"id": str(tweet_id(4))}]))
    pipe.score()
    pipe.take(page(2, [row(5)], "#b"))
    pipe.spool.save(page(3, [row(6)]))
    return pipe


def test_every_tweet_is_found_where_it_is(pipe: Pipeline) -> None:
    report = pipe.audit(IDS)
    places = report.places
    assert report.balanced
    assert (places.seen, places.product, places.dead, places.pending, places.waiting) == (6, 3, 1, 1, 1)


def test_an_object_that_is_not_staged_yet_is_waiting(pipe: Pipeline) -> None:
    pipe.push()
    assert pipe.audit(IDS).balanced
    assert pipe.audit(IDS).places.waiting == 1


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (f"DELETE FROM tweet_staging WHERE tweet_id = {IDS[4]}", "missing"),
        (f"DELETE FROM tweet_product WHERE tweet_id = {IDS[0]}", "missing"),
        (f"INSERT INTO tombstone (tweet_id, reason) VALUES ({IDS[0]}, 'deleted')", "twice"),
        ("UPDATE topic_rollup SET tweets = tweets + 1", "wrong_rollups"),
        ("UPDATE topic_rollup SET p_positive = p_positive + 0.1", "wrong_rollups"),
        ("DELETE FROM topic_rollup", "wrong_rollups"),
        (f"UPDATE tweet_staging SET inference_done = false WHERE tweet_id = {IDS[0]}", "duplicates"),
        (f"DELETE FROM tweet_staging WHERE tweet_id = {IDS[4]}", "stray_topics"),
    ],
)
def test_a_planted_fault_is_found(pipe: Pipeline, damage: str, fault: str) -> None:
    pipe.execute(damage)
    report = pipe.audit(IDS)
    assert not report.balanced
    assert getattr(report, fault, 0) or getattr(report.places, fault, 0)


def test_a_tweet_that_only_the_outside_knows_is_missing(pipe: Pipeline) -> None:
    report = pipe.audit([*IDS, tweet_id(500)])
    assert report.places.missing_examples == (tweet_id(500),)
    assert not report.balanced


def test_a_lost_object_and_an_orphan_are_named(pipe: Pipeline) -> None:
    pipe.push()
    key = pipe.value("SELECT key FROM lake_object WHERE staged_at IS NULL")
    pipe.execute(f"DELETE FROM lake_object WHERE key = '{key}'")
    assert pipe.audit().orphans == 1
    assert pipe.audit().balanced
    other = pipe.value("SELECT key FROM lake_object LIMIT 1")
    pipe.lake.delete(other)
    assert pipe.audit().absent == (other,)
    assert not pipe.audit().balanced


def test_an_altered_object_is_named(pipe: Pipeline) -> None:
    key = pipe.value("SELECT key FROM lake_object LIMIT 1")
    (pipe.root / "lake" / key).write_bytes(b"not what was pushed")
    report = pipe.audit()
    assert report.unreadable == (key,)
    assert not report.balanced
