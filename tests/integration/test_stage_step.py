from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from pipeline_support import STAGE, START, Pipeline, page, row, tweet_id

from trendvane.domain.errors import StorageUnavailableError
from trendvane.steps.stage import StageConfig
from trendvane.warehouse import manifest, staging

if TYPE_CHECKING:
    from pathlib import Path

    from trendvane.warehouse.engine import Warehouse

pytestmark = pytest.mark.integration


@pytest.fixture
def pipe(tmp_path: Path, warehouse: Warehouse) -> Pipeline:
    return Pipeline(tmp_path, warehouse)


def clusters(pipe: Pipeline) -> dict[int, int]:
    return {
        (tweet - tweet_id(0)) // (1 << 21): (head - tweet_id(0)) // (1 << 21)
        for tweet, head in pipe.rows("SELECT tweet_id, cluster_id FROM tweet_staging ORDER BY 1")
    }


def test_a_repeated_tweet_is_one_row_and_keeps_its_first_topic(pipe: Pipeline) -> None:
    pipe.take(page(1, [row(1), row(2)]), page(2, [row(2), row(3)]), page(3, [row(3), row(4)], "#b"))
    assert pipe.value("SELECT count(*) FROM tweet_staging") == 4
    assert pipe.value("SELECT count(*) FROM tweet_topic") == 5
    assert pipe.rows("SELECT tweets, inserted FROM lake_object ORDER BY tweets") in (
        [(2, 1), (4, 3)],
        [(2, 2), (4, 2)],
    )


def test_staging_twice_changes_nothing(pipe: Pipeline) -> None:
    pipe.take(page(1, [row(1), {"id": "x", "text": "y"}]))
    before = pipe.rows("SELECT * FROM tweet_staging")
    assert pipe.stage().objects == 0
    pipe.execute("UPDATE lake_object SET staged_at = NULL")
    report = pipe.stage()
    assert (report.objects, report.inserted, report.dead) == (1, 0, 0)
    assert pipe.rows("SELECT * FROM tweet_staging") == before
    assert pipe.value("SELECT count(*) FROM dead_letter") == 1


def test_bad_rows_are_kept_with_reason_and_place_and_spare_their_neighbours(pipe: Pipeline) -> None:
    pipe.take(
        page(1, [row(1), {"text": "no id"}, {"id": str(tweet_id(9))}, row(2)]),
        page(2, [], body=b"<html>busy</html>"),
    )
    assert pipe.value("SELECT count(*) FROM tweet_staging") == 2
    letters = pipe.rows("SELECT reason, position, tweet_id, raw_ref FROM dead_letter ORDER BY reason")
    assert [(reason, position, tweet) for reason, position, tweet, _ in letters] == [
        ("id_missing", 1, None),
        ("not_json", -1, None),
        ("text_missing", 2, tweet_id(9)),
    ]
    key = pipe.value("SELECT key FROM lake_object")
    assert all(reference.startswith(f"{key}#") for *_, reference in letters)


def test_a_tweet_that_arrives_whole_later_leaves_the_dead_letters(pipe: Pipeline) -> None:
    pipe.take(page(1, [{"id": str(tweet_id(1))}]))
    pipe.take(page(2, [row(1)], at=START + timedelta(minutes=1)))
    assert pipe.value("SELECT count(*) FROM dead_letter") == 0
    pipe.take(page(3, [{"id": str(tweet_id(1))}], at=START + timedelta(minutes=2)))
    assert pipe.value("SELECT count(*) FROM dead_letter") == 0
    assert pipe.audit([tweet_id(1)]).balanced


def test_retweets_edits_and_near_duplicates_follow_the_first_voice(pipe: Pipeline) -> None:
    opinion = "the new bridge is a wonderful place to watch boats in the evening sun"
    pipe.take(
        page(
            1,
            [
                row(1, opinion),
                row(
                    2, f"RT @a: {opinion}", referenced_tweets=[{"type": "retweeted", "id": str(tweet_id(1))}]
                ),
                row(3, f"{opinion}!! https://t.co/x"),
                row(4, "so true"),
                row(5, "so true"),
                row(6, "no wait, so very true", edit_history_tweet_ids=[str(tweet_id(4)), str(tweet_id(6))]),
            ],
        )
    )
    assert clusters(pipe) == {1: 1, 2: 1, 3: 1, 4: 4, 5: 5, 6: 4}


def test_a_retweet_that_comes_before_its_original_speaks_for_it(pipe: Pipeline) -> None:
    pipe.take(
        page(1, [row(2, "RT @a: ha", referenced_tweets=[{"type": "retweeted", "id": str(tweet_id(1))}])])
    )
    pipe.take(page(2, [row(1, "ha")], at=START + timedelta(minutes=1)))
    assert clusters(pipe) == {1: 2, 2: 2}


def test_clusters_reach_across_objects(pipe: Pipeline) -> None:
    opinion = "nobody asked for a third roundabout beside the old mill but here we are"
    pipe.take(page(1, [row(1, opinion)]))
    pipe.take(page(2, [row(2, opinion.upper()), row(3, opinion)], "#b"))
    assert clusters(pipe) == {1: 1, 2: 1, 3: 1}


def test_samples_have_the_asked_share_are_disjoint_and_stable(pipe: Pipeline, warehouse: Warehouse) -> None:
    pipe.take(*(page(n, [row(i) for i in range(n * 100, n * 100 + 100)]) for n in range(40)))
    samples = dict(pipe.rows("SELECT coalesce(sample, 'none'), count(*) FROM tweet_staging GROUP BY 1"))
    assert 320 <= samples["validation"] <= 480  # 400 expected, four standard deviations of 19
    assert 15 <= samples["training"] <= 65
    before = pipe.rows("SELECT tweet_id, sample, author_hash FROM tweet_staging ORDER BY 1")
    pipe.execute("TRUNCATE tweet_staging, tweet_topic CASCADE")
    pipe.execute("UPDATE lake_object SET staged_at = NULL")
    pipe.stage()
    assert pipe.rows("SELECT tweet_id, sample, author_hash FROM tweet_staging ORDER BY 1") == before
    assert len({author for _, _, author in before}) == 7
    other = StageConfig(hash_key=b"another key")
    pipe.execute("TRUNCATE tweet_staging, tweet_topic CASCADE")
    pipe.execute("UPDATE lake_object SET staged_at = NULL")
    pipe.stage(other)
    assert pipe.rows("SELECT tweet_id, sample, author_hash FROM tweet_staging ORDER BY 1") != before


def test_hostile_text_is_stored_or_explained(pipe: Pipeline) -> None:
    texts = [
        "tab\there\nnewline\\N and \\. and back\\slash \\",
        "\\.",
        "nul \x00 inside",
        "half \ud83d a pair",
        "👩‍👩‍👧‍👦 مرحبا ﷺ é́́́",
        "x" * 25_000,
        "'; DROP TABLE tweet_staging; --",
        "\u2028\u2029\x0b\x0c\x85",
    ]
    pipe.take(page(1, [row(i, text) for i, text in enumerate(texts)]))
    stored = [content for (content,) in pipe.rows("SELECT content FROM tweet_staging ORDER BY tweet_id")]
    assert len(stored) + pipe.value("SELECT count(*) FROM dead_letter") == len(texts)
    assert stored[0] == texts[0].strip()
    assert stored[1] == texts[1]
    assert stored[2] == "nul \ufffd inside"
    assert pipe.audit().balanced


def test_a_row_that_postgresql_refuses_goes_alone(pipe: Pipeline, warehouse: Warehouse) -> None:
    rows = [
        staging.Row(
            tweet_id(i), "t", "text" if i != 7 else "bad \x00", "hashtag", START, START, "en", None,
            tweet_id(i), None, "emulator", "key#page", False,
        )
        for i in range(20)
    ]  # fmt: skip
    with warehouse.begin() as connection:
        inserted, refused = staging.insert_rows(connection, rows)
    assert len(inserted) == 19
    assert [item.row.tweet_id for item in refused] == [tweet_id(7)]
    assert pipe.value("SELECT count(*) FROM tweet_staging") == 19
    assert pipe.value("SELECT count(*) FROM tweet_topic") == 19


def test_a_row_that_another_stager_inserted_first_is_left_to_it(pipe: Pipeline, warehouse: Warehouse) -> None:
    rows = [
        staging.Row(tweet_id(i), "t", "x", "hashtag", START, START, "en", None, tweet_id(i), None, "x",
        "k#p", False) for i in range(10)
    ]  # fmt: skip
    with warehouse.begin() as connection:
        assert len(staging.insert_rows(connection, rows[:4])[0]) == 4
    with warehouse.begin() as connection:
        inserted, refused = staging.insert_rows(connection, rows)
    assert inserted == {tweet_id(i) for i in range(4, 10)}
    assert refused == []


def test_a_corrupt_object_is_given_up_after_three_attempts_and_others_go_on(pipe: Pipeline) -> None:
    pipe.spool.save(page(1, [row(1)]))
    pipe.spool.save(page(2, [row(2)], "#b"))
    pipe.push()
    key = pipe.value("SELECT key FROM lake_object ORDER BY key LIMIT 1")
    path = pipe.root / "lake" / key
    path.write_bytes(path.read_bytes()[:-5])
    assert (pipe.stage().objects, pipe.stage().failed, pipe.stage().dead, pipe.stage().failed) == (1, 1, 1, 0)
    assert pipe.rows("SELECT stage, reason, raw_ref FROM dead_letter") == [("stage", "corrupt_object", key)]
    assert pipe.value("SELECT count(*) FROM tweet_staging") == 1
    assert pipe.audit().balanced


def test_a_warehouse_that_fails_does_not_use_up_an_objects_attempts(pipe: Pipeline) -> None:
    pipe.spool.save(page(1, [row(1)]))
    pipe.push()
    pipe.execute(
        "CREATE FUNCTION stop() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$"
        " LANGUAGE plpgsql"
    )
    pipe.execute("CREATE TRIGGER stop BEFORE INSERT ON tweet_staging FOR EACH ROW EXECUTE FUNCTION stop()")
    for _ in range(4):
        with pytest.raises(StorageUnavailableError):
            pipe.stage()
    pipe.execute("DROP TRIGGER stop ON tweet_staging")
    assert pipe.stage().inserted == 1


def test_objects_read_ahead_of_a_failure_keep_their_attempts(pipe: Pipeline) -> None:
    for number, topic in enumerate(("#a", "#b", "#c", "#d")):
        pipe.spool.save(page(number, [row(number)], topic))
    pipe.push()
    pipe.execute(
        "CREATE FUNCTION stop() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$"
        " LANGUAGE plpgsql"
    )
    pipe.execute("CREATE TRIGGER stop BEFORE INSERT ON tweet_staging FOR EACH ROW EXECUTE FUNCTION stop()")
    with pytest.raises(StorageUnavailableError):
        pipe.stage()
    assert pipe.rows("SELECT DISTINCT attempts FROM lake_object") == [(0,)]


def test_an_object_that_was_tried_before_is_worked_on_alone(warehouse: Warehouse) -> None:
    with warehouse.begin() as connection:
        for key in ("a/t/1", "a/t/2"):
            manifest.register(connection, manifest.Entry(key, "", 1, 1, "x"), now=START)
        assert manifest.attempt(connection) == ("a/t/1", 1)
        assert manifest.attempt(connection, after="a/t/1", untried=True) == ("a/t/2", 1)
        assert manifest.attempt(connection, after="a/t/1", untried=True) is None
        assert manifest.attempt(connection, after="a/t/1") == ("a/t/2", 2)


def test_a_known_and_scored_tweet_counts_under_its_new_topic_at_once(pipe: Pipeline) -> None:
    pipe.take(page(1, [row(1), row(2, lang="de")]))
    pipe.score()
    pipe.take(page(2, [row(1), row(2, lang="de")], "#b"))
    counts = pipe.rows("SELECT tweets, n_positive FROM topic_rollup ORDER BY topic_id")
    assert counts == [(2, 1), (2, 1)]
    assert pipe.audit().balanced


def test_the_default_shares_are_ten_and_one_percent() -> None:
    assert (STAGE.validation, STAGE.training) == (0.10, 0.01)


def test_an_object_given_up_while_another_stager_had_it_leaves_no_letter(
    pipe: Pipeline, warehouse: Warehouse
) -> None:
    pipe.spool.save(page(1, [row(1)]))
    pipe.push()
    (key,) = pipe.rows("SELECT key FROM lake_object")[0]
    with warehouse.begin() as connection:
        for _ in range(manifest.MAX_ATTEMPTS):  # as many stagers, each reading it ahead
            assert manifest.attempt(connection) is not None
    with warehouse.begin() as connection:
        assert manifest.exhaust(connection) == 1
        manifest.staged(connection, key, tweets=1, inserted=1, now=START)
    assert pipe.rows("SELECT reason FROM dead_letter") == []
