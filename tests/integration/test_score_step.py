from __future__ import annotations

import math
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
import pytest
from pipeline_support import START, Model, Pipeline, page, row, tweet_id

from trendvane.domain.errors import ModelPackageError, TrendvaneError
from trendvane.steps.score import ScoreConfig, score
from trendvane.warehouse import scoring

if TYPE_CHECKING:
    from pathlib import Path

    from trendvane.warehouse.engine import Warehouse

pytestmark = pytest.mark.integration


@pytest.fixture
def pipe(tmp_path: Path, warehouse: Warehouse) -> Pipeline:
    return Pipeline(tmp_path, warehouse)


class Chokes(Model):
    """Fails on one word, or on everything."""

    def __init__(self, word: str) -> None:
        self.word = word
        self.calls = 0

    def predict(self, texts: Any) -> Any:
        self.calls += 1
        if any(self.word in text for text in texts):
            raise RuntimeError("choked")
        return super().predict(texts)


def test_scores_reach_product_flags_and_counts_together(pipe: Pipeline) -> None:
    pipe.take(page(1, [row(1, "a bad idea from the north"), row(2, "plain weather in the south"), row(3)]))
    assert pipe.score().scored == 3
    found = pipe.rows("SELECT predicted_sentiment, sentiment_score FROM tweet_product ORDER BY tweet_id")
    assert [(label, round(score, 2)) for label, score in found] == [(0, 0.7), (1, 0.8), (2, 0.7)]
    assert (
        pipe.value(
            "SELECT count(*) FROM tweet_staging WHERE inference_done AND moved_to_product AND processed_done"
            " AND claimed_until IS NULL AND predicted_sentiment IS NOT NULL"
        )
        == 3
    )
    (counts,) = pipe.rows("SELECT minute, tweets, n_negative, n_neutral, n_positive FROM topic_rollup")
    assert counts == (START, 3, 1, 1, 1)
    assert pipe.audit().balanced
    assert pipe.score().claimed == 0


def test_copies_and_other_languages_count_as_tweets_but_not_as_voices(pipe: Pipeline) -> None:
    opinion = "this ferry timetable is a triumph of the human spirit over arithmetic"
    pipe.take(
        page(
            1,
            [
                row(1, opinion),
                row(2, opinion),
                row(3, lang="fr"),
                row(4, "a calm autumn morning in the valley", lang="en-GB"),
                row(5, "rain again over the harbour and the hills", lang="und"),
            ],
        )
    )
    pipe.score()
    assert pipe.rows("SELECT tweets, n_negative + n_neutral + n_positive FROM topic_rollup") == [(5, 3)]


def test_a_tweet_that_chokes_the_model_fails_alone_and_is_given_up(pipe: Pipeline) -> None:
    pipe.model = Chokes("poison")
    pipe.take(page(1, [row(i) for i in range(30)] + [row(99, "a poison pill for readers of words")]))
    assert pipe.score(limit=31).scored == 30
    for _ in range(2):
        with pytest.raises(RuntimeError, match="choked"):
            pipe.score()
    assert pipe.score().dead == 1
    assert pipe.rows("SELECT stage, reason, tweet_id, attempts FROM dead_letter") == [
        ("score", "attempts_exhausted", tweet_id(99), 3)
    ]
    report = pipe.audit()
    assert (report.balanced, report.places.dead, report.places.pending) == (True, 1, 0)


def test_given_up_tweets_can_be_revived(pipe: Pipeline, warehouse: Warehouse) -> None:
    pipe.take(page(1, [row(1)]))
    pipe.execute("UPDATE tweet_staging SET attempts = 3")
    assert pipe.score().dead == 1
    with warehouse.begin() as connection:
        assert scoring.revive(connection) == 1
    assert pipe.score().scored == 1
    assert pipe.audit().balanced


@pytest.mark.parametrize("value", [math.nan, math.inf, -0.5, 2.0])
def test_a_broken_model_writes_nothing_and_is_not_held_against_the_tweets(
    pipe: Pipeline, value: float
) -> None:
    class Broken(Model):
        def predict(self, texts: Any) -> Any:
            return np.full((len(texts), 3), value, dtype=np.float32)

    pipe.take(page(1, [row(i) for i in range(5)]))
    pipe.model = Broken()
    for _ in range(4):
        with pytest.raises(ModelPackageError):
            pipe.score()
    assert pipe.value("SELECT count(*) FROM tweet_product") == 0
    assert pipe.value("SELECT max(attempts) FROM tweet_staging") == 0
    pipe.model = Model()
    assert pipe.score().scored == 5


def test_a_scorer_that_overslept_its_lease_writes_nothing(pipe: Pipeline, warehouse: Warehouse) -> None:
    pipe.take(page(1, [row(1), row(2)]))
    with warehouse.begin() as connection:
        slow = scoring.claim(connection, lease=timedelta(0), limit=10, attempts=(0, 0))
    with warehouse.begin() as connection:
        quick = scoring.claim(connection, lease=timedelta(minutes=1), limit=10, attempts=(0, 5))
    for claims, written in ((slow, 0), (quick, 2), (quick, 0)):
        scored = [scoring.Scored(item, 2, (0.1, 0.2, 0.7), voice=True) for item in claims]
        with warehouse.begin() as connection:
            assert scoring.write(connection, scored, version="fake-1", now=START) == written
    assert pipe.value("SELECT sum(tweets) FROM topic_rollup") == 2


def test_a_claimed_tweet_is_not_claimed_again_before_its_lease_ends(
    pipe: Pipeline, warehouse: Warehouse
) -> None:
    pipe.take(page(1, [row(1)]))
    with warehouse.begin() as connection:
        assert len(scoring.claim(connection, lease=timedelta(minutes=1), limit=9, attempts=(0, 9))) == 1
        assert scoring.claim(connection, lease=timedelta(minutes=1), limit=9, attempts=(0, 9)) == []


def test_listeners_hear_which_topics_changed(pipe: Pipeline, warehouse: Warehouse) -> None:
    url = warehouse.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as listener:
        listener.execute("LISTEN trendvane_rollup")
        pipe.take(page(1, [row(1)]))
        pipe.score()
        (heard,) = list(listener.notifies(timeout=5, stop_after=1))
    assert heard.payload == pipe.value("SELECT topic_id FROM topic_rollup")


def test_four_scorers_and_two_stagers_at_once_do_nothing_twice(pipe: Pipeline, warehouse: Warehouse) -> None:
    for number in range(24):
        rows = [row(i) for i in range(number * 20, number * 20 + 50)]  # neighbours share thirty tweets
        pipe.spool.save(page(number, rows, f"#topic{number % 6}", at=START + timedelta(hours=number % 2)))
    pipe.push()
    done = threading.Event()
    failures: list[BaseException] = []

    def work(run: Any, *, until_done: bool) -> None:
        try:
            while True:
                last = done.is_set()
                try:
                    count = run()
                except TrendvaneError:
                    continue  # a deadlock is broken by the server and tried again
                if count == 0 and (last or not until_done):
                    return
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    def score_once() -> int:
        config = ScoreConfig(batch=13, lease=timedelta(seconds=30))
        return score(warehouse, Model(), config, now=pipe.now, limit=13).claimed

    stagers = [
        threading.Thread(
            target=work, args=(lambda: pipe.stage(limit=1).objects,), kwargs={"until_done": False}
        )
        for _ in range(2)
    ]
    scorers = [
        threading.Thread(target=work, args=(score_once,), kwargs={"until_done": True}) for _ in range(4)
    ]
    for thread in stagers + scorers:
        thread.start()
    for thread in stagers:
        thread.join()
    pipe.stage()
    done.set()
    for thread in scorers:
        thread.join()
    assert failures == []
    ids = [tweet_id(i) for i in range(23 * 20 + 50)]
    report = pipe.audit(ids)
    assert report.balanced
    assert report.places.product == len(ids)
    assert pipe.value("SELECT count(*) FROM tweet_product") == len(ids)
