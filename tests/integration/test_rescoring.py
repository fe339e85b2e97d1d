"""After a promotion the champion reads recent tweets again: once each, and no number counts twice."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from pipeline_support import START, Model, Pipeline, page, row, tweet_id

from trendvane.domain.topic import topic_id
from trendvane.steps.score import ScoreConfig, ScoreReport, score
from trendvane.warehouse import label_rollups, lookup, reading, reading_tweets, rescoring, scoring, staging

if TYPE_CHECKING:
    from pathlib import Path

    from trendvane.warehouse.engine import Warehouse

pytestmark = pytest.mark.integration
CONFIG = ScoreConfig(batch=8, rescore=timedelta(hours=48), settle=timedelta(0))


class Gloomy(Model):
    """Says negative, of everything."""

    version = "gloomy-2"

    def __init__(self) -> None:
        self.read: list[str] = []

    def predict(self, texts: Any) -> Any:
        self.read += texts
        return super().predict(["bad"] * len(texts))


@pytest.fixture
def pipe(tmp_path: Path, warehouse: Warehouse) -> Pipeline:
    return Pipeline(tmp_path, warehouse)


def promote(pipe: Pipeline, version: str, action: str = "promote") -> None:
    statement = sa.text(
        "INSERT INTO model_promotion (model_version, action, actor, reason, created_at)"
        " VALUES (:version, :action, 'a test', 'none', :at)"
    )
    with pipe.warehouse.begin() as connection:
        connection.execute(statement, {"version": version, "action": action, "at": pipe.at})


def run(pipe: Pipeline, model: Model, config: ScoreConfig = CONFIG, limit: int = 1000) -> ScoreReport:
    return score(pipe.warehouse, model, config, now=pipe.now, limit=limit)


def until_done(pipe: Pipeline, model: Model, config: ScoreConfig = CONFIG) -> int:
    total = 0
    while (report := run(pipe, model, config)).changed:
        total += report.rescored
    return total


def shown(pipe: Pipeline, topic: str = "#a") -> list[tuple[str, int, int, int]]:
    with pipe.warehouse.begin() as connection:
        found = reading.minutes(connection, topic_id(topic), START - timedelta(days=9))
    return [(m.model_version, m.counts.tweets, m.counts.negative, m.counts.positive) for m in found]


def test_a_new_champion_reads_again_what_the_old_one_read_once(pipe: Pipeline) -> None:
    pipe.take(page(1, [row(i) for i in range(20)]), page(2, [row(3)], "#b"))
    assert run(pipe, Model()).scored == 20
    gloomy = Gloomy()
    assert run(pipe, gloomy).rescored == 0  # not promoted
    promote(pipe, gloomy.version)
    assert run(pipe, Model()).rescored == 0  # no champion any more
    first = run(pipe, gloomy)
    assert (first.rescored, first.more) == (8, True)
    assert shown(pipe) == [("fake-1", 20, 0, 20)]  # until most of the minute has been read again
    assert until_done(pipe, gloomy) == 12
    assert shown(pipe) == [("gloomy-2", 20, 20, 0)]
    assert shown(pipe, "#b") == [("gloomy-2", 1, 1, 0)]
    assert len(gloomy.read) == 20
    assert pipe.rows("SELECT DISTINCT predicted_sentiment FROM tweet_staging") == [(0,)]
    assert pipe.value("SELECT count(*) FROM tweet_product") == 40
    report = pipe.audit([tweet_id(i) for i in range(20)])
    assert (report.balanced, report.places.product) == (True, 20)
    with pipe.warehouse.begin() as connection:
        found = lookup.find(connection, tweet_id(3))
        examples = reading_tweets.examples(
            connection, topic_id("#a"), START - timedelta(hours=1), per_class=30, confident=False
        )
    assert found is not None
    assert found.scored is not None
    assert found.scored.model_version == gloomy.version
    assert [e.sentiment for e in examples] == [0] * 20


def test_fresh_tweets_come_first_and_newest_before_older(pipe: Pipeline) -> None:
    pipe.take(page(1, [row(i) for i in range(10)]))
    run(pipe, Model())
    promote(pipe, Gloomy.version)
    pipe.take(page(2, [row(i) for i in range(10, 22)]))
    gloomy = Gloomy()
    assert run(pipe, gloomy, limit=12) == ScoreReport(12, 12, 0, 0, limited=True)
    report = run(pipe, gloomy)
    assert (report.claimed, report.rescored) == (0, 8)
    again = pipe.rows("SELECT staging_id FROM tweet_product GROUP BY 1 HAVING count(*) = 2")
    assert {found for (found,) in again} == {tweet_id(i) for i in range(2, 10)}
    assert until_done(pipe, gloomy) == 2
    assert shown(pipe) == [("gloomy-2", 22, 22, 0)]
    assert pipe.audit().balanced


def test_a_rollback_brings_the_old_rows_back_without_reading_them_again(pipe: Pipeline) -> None:
    pipe.take(page(1, [row(i) for i in range(6)]))
    run(pipe, Model())
    promote(pipe, Gloomy.version)
    assert until_done(pipe, Gloomy()) == 6
    pipe.take(page(2, [row(i) for i in range(6, 9)]))
    assert run(pipe, Gloomy()).scored == 3
    promote(pipe, Model.version, "rollback")
    assert until_done(pipe, Model()) == 3  # those it had never seen
    assert shown(pipe) == [("fake-1", 9, 0, 9)]
    with pipe.warehouse.begin() as connection:
        found = lookup.find(connection, tweet_id(3))
    assert found is not None
    assert found.scored is not None
    assert found.scored.model_version == Model.version
    promote(pipe, Gloomy.version)
    assert until_done(pipe, Gloomy()) == 0
    assert shown(pipe) == [("gloomy-2", 9, 9, 0)]
    assert pipe.audit().balanced


@pytest.mark.parametrize(
    "config",
    [
        replace(CONFIG, rescore=timedelta(0)),
        replace(CONFIG, rescore=timedelta(hours=1)),
        replace(CONFIG, settle=timedelta(minutes=5)),
    ],
    ids=["off", "too old", "not yet"],
)
def test_nothing_is_read_again(pipe: Pipeline, config: ScoreConfig) -> None:
    pipe.take(page(1, [row(1)]))
    run(pipe, Model())
    promote(pipe, Gloomy.version)
    assert until_done(pipe, Gloomy(), config) == 0


def test_several_scorers_one_of_them_dead_read_every_tweet_once(pipe: Pipeline) -> None:
    pipe.take(page(1, [row(i) for i in range(120)]))
    run(pipe, Model())
    promote(pipe, Gloomy.version)
    with pipe.warehouse.begin() as connection:  # one that claims and is never heard of again
        due = rescoring.turn(
            connection, version=Gloomy.version, window=CONFIG.rescore, settle=CONFIG.settle, now=pipe.at
        )
        assert due is not None
        lost = rescoring.claim(connection, due, lease=timedelta(minutes=5), limit=10)
    failures: list[Exception] = []

    def work() -> None:
        try:
            until_done(pipe, Gloomy())
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert pipe.value("SELECT count(*) FROM tweet_product WHERE model_version = 'gloomy-2'") == 110
    assert pipe.audit().balanced
    pipe.execute(
        "UPDATE tweet_staging SET claimed_until = now() - interval '1 second'"
    )  # its lease has ended
    assert until_done(pipe, Gloomy()) == 10
    late = [scoring.Scored(item, 2, (0.1, 0.2, 0.7), voice=True) for item in lost]
    with pipe.warehouse.begin() as connection:
        assert rescoring.write(connection, late, version=Gloomy.version, now=pipe.at) == 0
    assert pipe.audit().balanced
    assert pipe.value("SELECT sum(tweets) FROM topic_rollup WHERE model_version = 'gloomy-2'") == 120


def test_where_the_new_model_fails_the_old_row_stays(pipe: Pipeline) -> None:
    class Chokes(Gloomy):
        def predict(self, texts: Any) -> Any:
            if any("poison" in text for text in texts):
                raise RuntimeError("choked")
            return super().predict(texts)

    pipe.take(page(1, [row(i) for i in range(9)] + [row(20, "a poison pill for readers of words")]))
    run(pipe, Model())
    promote(pipe, Gloomy.version)
    assert until_done(pipe, Chokes()) == 9
    assert run(pipe, Chokes()).changed is False
    assert pipe.rows("SELECT model_version FROM tweet_product WHERE staging_id = " + str(tweet_id(20))) == [
        ("fake-1",)
    ]
    assert pipe.audit().balanced


def test_labels_count_for_the_new_version_too(pipe: Pipeline) -> None:
    pipe.take(page(1, [row(i) for i in range(6)]))
    run(pipe, Model())
    ids = [tweet_id(i) for i in range(4)]
    with pipe.warehouse.begin() as connection:
        staging.lock(connection, ids)
        insert = sa.text(
            "INSERT INTO tweet_label (tweet_id, labeller, label, kind, at_random)"
            " VALUES (:id, 'me', 0, 'human', true)"
        )
        connection.execute(insert, [{"id": i} for i in ids])
        label_rollups.refresh(connection, ids)
    promote(pipe, Gloomy.version)
    until_done(pipe, Gloomy())
    with pipe.warehouse.begin() as connection:
        found = label_rollups.confusion(connection, since=START, by="version")
        (minute,) = reading.minutes(connection, topic_id("#a"), START)
    assert {c.model_version: c.matrix[0] for c in found} == {"fake-1": (0, 0, 4), "gloomy-2": (4, 0, 0)}
    assert (minute.counts.labelled, minute.counts.true_negative, minute.counts.called_negative) == (4, 4, 4)
    assert pipe.audit().balanced
