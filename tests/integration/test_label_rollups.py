"""Counts of labelled voices stay what the rows say, whatever changes, and by whomever at once."""

from __future__ import annotations

import random
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from pipeline_support import START, Pipeline, page, row, tweet_id

from trendvane.domain.topic import topic_id
from trendvane.steps.forget import ForgetConfig, forget
from trendvane.warehouse import label_rollups, staging

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from trendvane.warehouse.engine import Warehouse
    from trendvane.warehouse.label_rollups import Confusion

pytestmark = pytest.mark.integration


@pytest.fixture
def pipe(tmp_path: Path, warehouse: Warehouse) -> Pipeline:
    return Pipeline(tmp_path, warehouse)


def label(
    pipe: Pipeline, numbers: Sequence[int], value: int | None, *, who: str = "me", at_random: bool = True
) -> None:
    """Write labels as a labeller does: rows locked first, counted last."""
    ids = [tweet_id(number) for number in numbers]
    statement = sa.text(
        "INSERT INTO tweet_label (tweet_id, labeller, label, kind, at_random)"
        " SELECT i, :who, :value, :kind, :at_random FROM unnest(CAST(:ids AS bigint[])) AS i ORDER BY i"
        " ON CONFLICT (tweet_id, labeller, prompt_version) DO UPDATE SET label = excluded.label"
    )
    with pipe.warehouse.begin() as connection:
        held = sorted(staging.lock(connection, ids))
        kind = "human" if who == "me" else "llm"
        values = {"ids": held, "who": who, "value": value, "kind": kind, "at_random": at_random}
        connection.execute(statement, values)
        label_rollups.refresh(connection, held)


def cells(pipe: Pipeline) -> dict[tuple[int, int], int]:
    found = pipe.rows("SELECT truth, predicted, sum(n) FROM label_rollup WHERE home GROUP BY 1, 2")
    return {(truth, predicted): int(n) for truth, predicted, n in found}


def faults(pipe: Pipeline) -> int:
    return pipe.audit().wrong_labels


def test_labels_count_once_by_truth_and_prediction_and_follow_every_change(pipe: Pipeline) -> None:
    pipe.take(page(1, [row(i) for i in range(6)]), page(2, [row(1), row(2)], "#b"))
    label(pipe, [0], 2)  # before there is a prediction
    assert cells(pipe) == {}
    pipe.score()
    assert cells(pipe) == {(2, 2): 1}
    label(pipe, [1, 2], 0)
    label(pipe, [1, 2], 0)
    assert cells(pipe) == {(2, 2): 1, (0, 2): 2}
    assert pipe.value("SELECT sum(n) FROM label_rollup") == 5  # two of the tweets have two topics
    label(pipe, [1], 1)
    assert cells(pipe) == {(2, 2): 1, (1, 2): 1, (0, 2): 1}
    label(pipe, [1], None)
    label(pipe, [3], 1, at_random=False)
    assert cells(pipe) == {(2, 2): 1, (0, 2): 1}
    assert faults(pipe) == 0


def test_people_outrank_machines_in_the_counts(pipe: Pipeline) -> None:
    pipe.take(page(1, [row(1)]))
    pipe.score()
    label(pipe, [1], 0, who="llm")
    label(pipe, [1], 2, who="me", at_random=False)
    assert cells(pipe) == {(2, 2): 1}


def test_a_second_topic_counts_a_labelled_tweet_too(pipe: Pipeline) -> None:
    pipe.take(page(1, [row(1)]))
    pipe.score()
    label(pipe, [1], 2)
    pipe.take(page(2, [row(1)], "#b", at=START + timedelta(minutes=1)))
    assert pipe.rows("SELECT home, sum(n) FROM label_rollup GROUP BY 1 ORDER BY 1") == [(False, 1), (True, 1)]
    assert faults(pipe) == 0


def test_a_copy_is_no_voice_and_does_not_count(pipe: Pipeline) -> None:
    same = "exactly the very same invented words about nothing in particular"
    pipe.take(page(1, [row(1, same), row(2, same)]))
    pipe.score()
    label(pipe, [1, 2], 0)
    assert cells(pipe) == {(0, 2): 1}


def test_a_forgotten_tweet_leaves_the_counts(pipe: Pipeline) -> None:
    pipe.take(page(1, [row(i) for i in range(4)]))
    pipe.score()
    label(pipe, range(3), 0)
    gone = [(tweet_id(1), "deleted"), (tweet_id(3), "deleted")]
    forget(pipe.spool, pipe.lake, pipe.warehouse, ForgetConfig(), now=pipe.now, requests=gone)
    assert cells(pipe) == {(0, 2): 2}
    label(pipe, [1], 0)  # by somebody who has not heard
    assert pipe.value("SELECT count(*) FROM tweet_label") == 2
    assert faults(pipe) == 0


def test_the_audit_sees_a_wrong_count(pipe: Pipeline) -> None:
    pipe.take(page(1, [row(1)]))
    pipe.score()
    label(pipe, [1], 0)
    assert pipe.audit().balanced
    pipe.execute("UPDATE label_rollup SET n = 2")
    assert not pipe.audit().balanced
    pipe.execute("DELETE FROM label_rollup")
    assert faults(pipe) == 1


def test_confusion_by_week_by_topic_and_in_all(pipe: Pipeline) -> None:
    pipe.take(page(1, [row(i) for i in range(6)]), page(2, [row(1), row(2)], "#b"))
    late = timedelta(days=7)
    for table in ("tweet_staging", "tweet_topic"):
        later = "created_at = created_at + interval '7 days'"
        pipe.execute(f"UPDATE {table} SET {later} WHERE tweet_id = {tweet_id(5)}")
    pipe.score()
    label(pipe, [0, 1], 2)
    label(pipe, [2, 5], 0)
    a, b = topic_id("#a"), topic_id("#b")

    def read(**how: Any) -> list[Confusion]:
        with pipe.warehouse.begin() as connection:
            return label_rollups.confusion(connection, since=how.pop("since", START), **how)

    weeks = read()
    monday = START.replace(hour=0)
    assert [(c.week, c.n, c.matrix[2][2], c.matrix[0][2]) for c in weeks] == [
        (monday, 3, 2, 1),
        (monday + late, 1, 0, 1),
    ]
    assert {c.topic_id: c.n for c in read(by="topic")} == {a: 4, b: 2}
    assert [(c.topic_id, c.n) for c in read(topic_id=b, by="version")] == [(b, 2)]
    assert [c.n for c in read(by="version", model_version="fake-1")] == [4]
    assert read(model_version="another") == []
    assert [c.n for c in read(since=START + late)] == [1]


def test_labellers_scorers_stagers_and_forgetting_at_once_leave_the_counts_right(pipe: Pipeline) -> None:
    count = 240
    pipe.take(page(1, [row(i) for i in range(count)]))
    failures: list[Exception] = []

    def labels(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(12):
            label(pipe, rng.sample(range(count), 40), rng.choice([0, 1, 2, None]), who=f"llm{seed}")

    def scores(_: int) -> None:
        while pipe.score(batch=16, limit=48).claimed:
            pass

    def links(seed: int) -> None:
        pipe.take(page(10 + seed, [row(i) for i in range(0, count, 2)], f"#c{seed}"))

    def forgets(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(4):
            doomed = [(tweet_id(i), "deleted") for i in rng.sample(range(count), 8)]
            forget(pipe.spool, pipe.lake, pipe.warehouse, ForgetConfig(), now=pipe.now, requests=doomed)

    def guarded(work: Callable[[int], None], seed: int) -> None:
        try:
            work(seed)
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    work = [(labels, 1), (labels, 2), (scores, 1), (scores, 2), (links, 1), (forgets, 1)]
    threads = [threading.Thread(target=guarded, args=item) for item in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pipe.stage()
    pipe.score()
    assert failures == []
    report = pipe.audit()
    assert report.balanced
    assert report.wrong_labels == 0
    assert pipe.value("SELECT sum(n) FROM label_rollup") > 0
    assert not pipe.value("SELECT count(*) FROM tweet_label JOIN tombstone USING (tweet_id)")
