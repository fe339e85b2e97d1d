from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
import zstandard
from pipeline_support import START, FatefulLake, Pipeline, page, row, tweet_id

from trendvane.steps.forget import ForgetConfig, ForgetReport, forget
from trendvane.warehouse import manifest

if TYPE_CHECKING:
    from pathlib import Path

    from trendvane.warehouse.engine import Warehouse

pytestmark = pytest.mark.integration


@pytest.fixture
def pipe(tmp_path: Path, warehouse: Warehouse) -> Pipeline:
    return Pipeline(tmp_path, warehouse)


def run(pipe: Pipeline, config: ForgetConfig | None = None, **more: Any) -> ForgetReport:
    return forget(pipe.spool, pipe.lake, pipe.warehouse, config or ForgetConfig(), now=pipe.now, **more)


def holds(pipe: Pipeline, needle: str) -> list[str]:
    """Every place on disk, and every table, in which ``needle`` can be found."""
    places = []
    for path in (path for path in pipe.root.rglob("*") if path.is_file()):
        data = path.read_bytes()
        if path.suffix == ".zst":
            data = zstandard.ZstdDecompressor().decompress(data)
        if needle.encode() in data:
            places.append(str(path.relative_to(pipe.root)))
    tables = ("tweet_staging", "tweet_product", "tweet_topic", "dead_letter", "cluster_key", "tweet_label")
    places += [
        table
        for table in tables
        if pipe.value(f"SELECT count(*) FROM {table} t WHERE position('{needle}' in t::text) > 0")
    ]
    return places


def test_a_forgotten_tweet_leaves_every_store_and_replay_brings_nothing_back(
    pipe: Pipeline, warehouse: Warehouse
) -> None:
    pipe.take(
        page(1, [row(1), row(2, "the secret words of somebody else"), {"id": str(tweet_id(7))}]),
        page(2, [row(2, "the secret words of somebody else"), row(3)], "#b"),
        page(3, [row(4)], "#c"),
    )
    pipe.score()
    pipe.execute(f"INSERT INTO tweet_label (tweet_id, labeller, kind) VALUES ({tweet_id(2)}, 'me', 'human')")
    pipe.spool.save(
        page(4, [row(2, "the secret words of somebody else"), row(5)], at=START + timedelta(hours=2))
    )
    report = run(pipe, requests=[(tweet_id(2), "deleted"), (tweet_id(7), "deleted")])
    assert (report.tombstones, report.rows, report.objects, report.spool_files) == (2, 1, 2, 1)
    assert holds(pipe, "secret words") == []
    assert holds(pipe, str(tweet_id(2))) == []
    assert holds(pipe, str(tweet_id(7))) == []
    before = pipe.audit([tweet_id(i) for i in (1, 2, 3, 4, 5, 7)])
    assert before.balanced
    assert before.places.forgotten == 2

    with warehouse.begin() as connection:
        manifest.replay(connection, [key for key, _ in pipe.lake.list()])
    pipe.at += timedelta(hours=3)
    pipe.push()
    pipe.stage()
    pipe.score()
    assert holds(pipe, "secret words") == []
    assert pipe.value("SELECT count(*) FROM tweet_product") == 4
    assert pipe.audit([tweet_id(i) for i in (1, 2, 3, 4, 5, 7)]).balanced


def test_counts_are_taken_back(pipe: Pipeline) -> None:
    pipe.take(page(1, [row(1), row(2, "such a bad plan for the old harbour")]), page(2, [row(1)], "#b"))
    pipe.score()
    run(pipe, requests=[(tweet_id(1), "deleted")])
    assert pipe.rows("SELECT tweets, n_negative, n_positive FROM topic_rollup") == [(1, 1, 0)]
    assert pipe.audit().balanced


def test_references_to_a_rewritten_object_follow_it(pipe: Pipeline) -> None:
    pipe.take(page(1, [row(1), row(2), {"text": "no id"}]))
    run(pipe, requests=[(tweet_id(2), "deleted")])
    (key,) = [key for key, _ in pipe.lake.list()]
    assert pipe.rows("SELECT key, error FROM lake_object") == [(key, None)]
    assert pipe.value("SELECT raw_ref FROM tweet_staging").startswith(f"{key}#")
    assert pipe.value("SELECT raw_ref FROM dead_letter").startswith(f"{key}#")
    assert pipe.stage().objects == 0


def test_a_retweet_goes_with_its_original(pipe: Pipeline) -> None:
    text = "one cannot unsee the statue on the roundabout"
    retweet = row(2, f"RT @a: {text}", referenced_tweets=[{"type": "retweeted", "id": str(tweet_id(1))}])
    pipe.take(page(1, [row(1, text), retweet, row(3)]))
    pipe.score()
    assert run(pipe, requests=[(tweet_id(1), "deleted")]).tombstones == 2
    assert holds(pipe, "unsee the statue") == []
    assert pipe.value("SELECT count(*) FROM tweet_product") == 1
    assert pipe.audit().balanced


def test_a_page_that_is_not_json_is_emptied(pipe: Pipeline) -> None:
    torn = f'{{"data": [{{"id": "{tweet_id(1)}", "text": "whole row"}}, {{"id": "{tweet_id(2)}", "te'
    pipe.take(page(1, [], body=torn.encode()))
    assert pipe.value("SELECT count(*) FROM tweet_staging") == 1
    run(pipe, requests=[(tweet_id(1), "deleted")])
    assert holds(pipe, str(tweet_id(1))) == []


def test_a_forgotten_tweet_that_x_sends_again_is_left_out_and_erased_again(pipe: Pipeline) -> None:
    pipe.take(page(1, [row(1)]))
    run(pipe, requests=[(tweet_id(1), "deleted")])
    pipe.spool.save(page(2, [row(1), row(2)], at=START + timedelta(minutes=5)))
    pipe.push()
    assert pipe.stage().forgotten == 1
    assert holds(pipe, str(tweet_id(1)))
    assert run(pipe).objects == 1
    assert holds(pipe, str(tweet_id(1))) == []
    assert run(pipe).objects == 0


def test_the_finder_is_asked_about_what_we_hold(pipe: Pipeline) -> None:
    pipe.take(page(1, [row(1), row(2)]))
    asked: list[int] = []

    def find(ids: Any) -> list[tuple[int, str]]:
        asked.extend(ids)
        return [(tweet_id(2), "suspended")]

    run(pipe, ForgetConfig(source="emulator"), find=find)
    assert asked == [tweet_id(1), tweet_id(2)]
    assert pipe.rows("SELECT tweet_id, reason, erased_at IS NULL FROM tombstone") == [
        (tweet_id(2), "suspended", False)
    ]


def test_retention_removes_old_tweets_and_old_objects(pipe: Pipeline) -> None:
    pipe.take(page(1, [row(1), row(2)]), page(2, [row(3)], at=START + timedelta(days=20)))
    pipe.at = START + timedelta(days=31)
    pipe.push()
    pipe.stage()
    pipe.score()
    report = run(pipe, ForgetConfig(retention=timedelta(days=30)), requests=[(tweet_id(900), "request")])
    assert (report.rows, report.objects) == (2, 1)
    assert [r for (r,) in pipe.rows("SELECT tweet_id FROM tweet_staging")] == [tweet_id(3)]
    assert holds(pipe, str(tweet_id(1))) == []
    assert pipe.audit().balanced


def test_a_crash_between_the_stores_is_made_good_by_the_next_run(pipe: Pipeline) -> None:
    pipe.take(page(1, [row(1), row(2)]))
    real = pipe.lake
    fateful = FatefulLake(real)
    pipe.lake = cast("Any", fateful)
    for method in ("put", "delete"):
        fateful.dies_at = method
        with pytest.raises(ConnectionError):
            run(pipe, requests=[(tweet_id(1), "deleted")])
        assert holds(pipe, str(tweet_id(1)))
    pipe.lake = real
    run(pipe)
    assert holds(pipe, str(tweet_id(1))) == []
    assert len(list(pipe.lake.list())) == 1
    assert pipe.audit().balanced
