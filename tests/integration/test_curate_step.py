"""Curation with a real PostgreSQL: what counts as the label, what is kept out, what forgetting reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pipeline_support import Pipeline, page, row, tweet_id

from trendvane.domain.holdout import held_out
from trendvane.domain.topic import topic_id
from trendvane.model.leaks import leaks, split_leaks
from trendvane.model.snapshots import Snapshots
from trendvane.steps.curate import CurateConfig, CurateReport, curate
from trendvane.steps.forget import ForgetConfig, forget
from trendvane.warehouse import labels
from trendvane.warehouse.labels import LabelRow

if TYPE_CHECKING:
    from pathlib import Path

    from trendvane.warehouse.engine import Warehouse

pytestmark = pytest.mark.integration

TWEETS = 240


@pytest.fixture
def pipe(tmp_path: Path, warehouse: Warehouse) -> Pipeline:
    """Staged tweets of as many authors, with a person's label each."""
    pipeline = Pipeline(tmp_path, warehouse)
    pipeline.take(page(1, [row(i, author_id=str(5000 + i)) for i in range(TWEETS)]))
    pipeline.execute("UPDATE tweet_staging SET sample = NULL")
    label(pipeline, {i: i % 3 for i in range(TWEETS)})
    return pipeline


def label(pipe: Pipeline, given: dict[int, int | None], *, kind: str = "human", who: str = "anna") -> None:
    rows = [
        LabelRow(tweet_id(number), who, "", index, 1, kind, 1.0, at_random=False)
        for number, index in given.items()
    ]
    with pipe.warehouse.begin() as connection:
        labels.write(connection, rows, now=pipe.now())


def run(pipe: Pipeline, **more: Any) -> tuple[CurateReport, Snapshots]:
    store = Snapshots(pipe.root / "datasets")
    config = CurateConfig(**{"min_train_rows": 30, "min_test_rows": 3, **more})
    return curate(pipe.warehouse, store, config, now=pipe.now), store


def kept(store: Snapshots) -> dict[str, Any]:
    return {row.tweet_id: row for rows in (store.latest(), store.test_set()) for row in rows.rows()}


def test_labelled_tweets_become_a_snapshot(pipe: Pipeline) -> None:
    pipe.take(page(2, [row(900, "said by somebody whom nobody asked about it")]))
    pipe.execute(f"INSERT INTO topic VALUES ('{topic_id('#a')}', '#a', 'hashtag', 'emulator')")
    report, store = run(pipe)
    found = kept(store)
    assert sorted(found) == [str(tweet_id(i)) for i in range(TWEETS)]
    assert report.train + report.dev + report.test == report.rows == TWEETS
    assert [found[str(tweet_id(i))].label for i in range(TWEETS)] == [i % 3 for i in range(TWEETS)]
    example = found[str(tweet_id(7))]
    assert (example.topic, example.lang, example.source, example.labeller) == (
        "#a",
        "en",
        "emulator",
        "human:anna",
    )
    stored = pipe.value(f"SELECT author_hash FROM tweet_staging WHERE tweet_id = {tweet_id(7)}")
    assert example.author_hash == str(stored)
    assert not leaks(store.latest(), store.test_set())
    assert not split_leaks(store.latest())
    assert "human:anna" in (store.latest().folder / "DATA_CARD.md").read_text()


def test_what_measures_the_model_in_use_trains_none(pipe: Pipeline) -> None:
    pipe.execute("UPDATE tweet_staging SET sample = 'validation' WHERE author_hash % 2 = 0")
    chosen = pipe.value("SELECT array_agg(tweet_id) FROM tweet_staging WHERE sample = 'validation'")
    report, store = run(pipe)
    trained = {int(found.tweet_id) for found in store.latest().rows()}
    judging = {int(found.tweet_id) for found in store.test_set().rows()}
    assert trained
    assert not trained & set(chosen)
    assert judging & set(chosen)
    assert report.dropped["measures_accuracy"] == len(set(chosen) - judging)


def test_people_outrank_files_and_files_models_and_an_abstention_is_no_label(pipe: Pipeline) -> None:
    pipe.take(page(2, [row(i, author_id=str(5000 + i)) for i in range(500, 504)]))
    label(pipe, dict.fromkeys((1, 2, 500, 501, 502), 2), kind="llm", who="llm:some-model")
    label(pipe, {501: 0}, kind="file", who="file:gold.csv")
    label(pipe, {503: None}, kind="llm", who="llm:some-model")
    report, store = run(pipe)
    found = kept(store)
    assert [found[str(tweet_id(i))].label for i in (1, 2, 501, 502)] == [1, 2, 0, 2]
    assert found[str(tweet_id(501))].labeller == "file:gold.csv"
    assert str(tweet_id(503)) not in found
    agreed = store.latest().facts["agreement"]
    assert (agreed["n"], agreed["accuracy"]) == (2, 0.5)
    assert report.rows == TWEETS + 3


def test_what_a_model_labelled_never_judges(pipe: Pipeline) -> None:
    judges = [i for i in range(600, 900) if held_out(row(i)["text"])]
    pipe.take(page(2, [row(i, author_id=str(5000 + i)) for i in judges]))
    label(pipe, dict.fromkeys(judges, 1), kind="llm", who="llm:some-model")
    report, store = run(pipe)
    assert judges
    assert report.dropped == {"held_out": len(judges)}
    assert {row.labeller for row in store.test_set().rows()} == {"human:anna"}


def test_tweets_of_the_real_x_need_the_switch(pipe: Pipeline) -> None:
    pipe.execute(f"UPDATE tweet_staging SET source = 'x' WHERE tweet_id >= {tweet_id(200)}")
    report, store = run(pipe)
    assert report.dropped == {"source_not_allowed": 40}
    assert {row.source for row in kept(store).values()} == {"emulator"}
    allowed, store = run(pipe, allow_x_content=True, renew_test=True)
    assert allowed.dropped == {}
    assert {row.source for row in kept(store).values()} == {"emulator", "x"}


def test_a_file_and_the_warehouse_meet_in_the_same_tweet(pipe: Pipeline, tmp_path: Path) -> None:
    """The file names a staged tweet, a copy of another, and one that was forgotten."""
    run_forget(pipe, None, 230)
    texts = [row(i)["text"] for i in range(3)]
    path = tmp_path / "mine.csv"
    lines = [f"{tweet_id(0)},{texts[0]},2", f"77,{texts[1]}!,2", f"{tweet_id(230)},a new wording for it,1"]
    path.write_text("\n".join(["tweet_id,text,label", *lines]))
    report, store = run(pipe, files=(path,))
    found = kept(store)
    assert (found[str(tweet_id(0))].label, found[str(tweet_id(1))].label) == (0, 1)
    assert report.dropped == {"forgotten": 1, "duplicate_id": 1, "duplicate_wording": 1}
    assert "77" not in found


def run_forget(pipe: Pipeline, store: Snapshots | None, *numbers: int) -> int:
    requests = [(tweet_id(number), "deleted") for number in numbers]
    return forget(
        pipe.spool,
        pipe.lake,
        pipe.warehouse,
        ForgetConfig(),
        now=pipe.now,
        requests=requests,
        snapshots=store,
    ).dataset_rows


def test_forgetting_reaches_snapshots_and_the_test_set(pipe: Pipeline) -> None:
    report, store = run(pipe)
    judging = next(row for row in store.test_set().rows())
    training = next(row for row in store.latest().rows())
    numbers = [i for i in range(TWEETS) if str(tweet_id(i)) in {judging.tweet_id, training.tweet_id}]
    assert run_forget(pipe, store, *numbers) == 2
    for path in store.root.rglob("*.csv"):
        text = path.read_text()
        assert judging.text not in text
        assert training.text not in text
    assert (store.latest().erased, store.test_set().erased) == (1, 1)
    assert store.latest().id == report.snapshot
    again, _ = run(pipe)
    assert again.rows == TWEETS - 2
    assert (again.test_set, again.test) == (report.test_set, report.test - 1)
    assert again.snapshot != report.snapshot


def test_a_crash_before_the_data_sets_is_made_good_by_the_next_run(pipe: Pipeline) -> None:
    _, store = run(pipe)
    doomed = next(row for row in store.latest().rows())
    number = next(i for i in range(TWEETS) if str(tweet_id(i)) == doomed.tweet_id)

    class Dead:
        def erase(self, _ids: object) -> int:
            raise OSError("no space left on device")

    dead: Any = Dead()
    with pytest.raises(OSError, match="no space"):
        run_forget(pipe, dead, number)
    assert run_forget(pipe, store) == 1
    assert doomed.tweet_id not in kept(store)


def test_public_labelled_tweets_can_be_curated(warehouse: Warehouse, shared: Path, tmp_path: Path) -> None:
    pipe = Pipeline(tmp_path, warehouse)
    report, store = run(pipe, files=(shared / "data" / "semeval_train.csv",))
    assert report.rows == 47_573
    assert report.train + report.dev + report.test + sum(report.dropped.values()) == report.rows
    assert sum(report.dropped.values()) < 0.01 * report.rows
    assert 0.04 < report.test / report.rows < 0.06
    snapshot = store.latest()
    for name, number in snapshot.counts["dev"].items():
        assert abs(number / (number + snapshot.counts["train"][name]) - 0.2) < 0.001
    assert not leaks(snapshot, store.test_set())
    assert not split_leaks(snapshot)
    limited, _ = run(pipe, files=(shared / "data" / "semeval_train.csv",), limit=2000)
    assert (limited.train + limited.dev, limited.test_set) == (2000, report.test_set)
