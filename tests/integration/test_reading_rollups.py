"""What the page reads, against a real PostgreSQL."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from page_support import add_minute, add_topic, add_tweet

from trendvane.warehouse import reading, reading_tweets, tables, tables_learning

pytestmark = pytest.mark.integration
NOW = datetime(2026, 3, 4, 12, 0, 30, tzinfo=UTC)
HOUR = NOW - timedelta(hours=1)


def minutes_ago(n):
    return NOW - timedelta(minutes=n)


@pytest.fixture
def connection(warehouse):
    with warehouse.begin() as connection:
        yield connection


def test_topics_are_summed_over_the_window_one_model_a_minute(connection):
    topic = add_topic(connection, "Bridge", NOW)
    add_minute(connection, topic, minutes_ago(1), (1, 2, 3), tweets=10, now=NOW)
    add_minute(connection, topic, minutes_ago(1), (1, 0, 0), model="next-1", now=NOW)
    add_minute(connection, topic, minutes_ago(59), (0, 0, 4), now=HOUR)
    add_minute(connection, topic, minutes_ago(61), (50, 0, 0), now=HOUR)
    (row,) = reading.topics(connection, HOUR, limit=9)
    assert row.counts == reading.Counts(14, 1, 2, 7, 1.0, 2.0, 7.0)
    assert (row.counts.voices, row.updated_at, row.newest_tweet_id) == (10, NOW, None)
    assert reading.models(connection, topic, HOUR) == [("starter-1", 10)]


def test_the_loudest_come_first_and_unwatched_silent_ones_not_at_all(connection):
    loud = add_topic(connection, "Loud", NOW)
    watched = add_topic(connection, "Watched", NOW)
    old = minutes_ago(600)
    add_topic(connection, "Forgotten", NOW, last_seen_at=old, polled_at=old)
    add_minute(connection, loud, minutes_ago(2), (5, 0, 0))
    assert [row.topic_id for row in reading.topics(connection, HOUR, limit=9)] == [loud, watched]
    assert [row.topic_id for row in reading.topics(connection, HOUR, limit=1)] == [loud]


def test_topics_by_id_keep_the_order_asked_for(connection):
    a, b = add_topic(connection, "A", NOW), add_topic(connection, "B", NOW)
    found = reading.topics_by_id(connection, [b, "f" * 16, a], HOUR)
    assert [row.topic_id for row in found] == [b, a]


def test_the_newest_tweet_is_the_newest_scored_one(connection):
    topic = add_topic(connection, "Bridge", NOW)
    scored = add_tweet(connection, topic, minutes_ago(3), 0, "scored")
    pending = add_tweet(connection, topic, minutes_ago(1), 0, "pending")
    staging = tables.tweet_staging
    connection.execute(sa.update(staging).where(staging.c.tweet_id == pending).values(inference_done=False))
    assert reading.topics(connection, HOUR, limit=1)[0].newest_tweet_id == scored


def test_series_bins_agree_with_bin_start_and_leave_silence_out(connection):
    topic = add_topic(connection, "Bridge", NOW)
    step = timedelta(minutes=12)
    for back in (1, 2, 40):
        add_minute(connection, topic, minutes_ago(back), (1, 0, 0))
    found = reading.series(connection, [topic], HOUR, step)[topic]
    expected: dict[int, int] = {}
    for back in (1, 2, 40):
        start = int(reading.bin_start(minutes_ago(back), step).timestamp())
        expected[start] = expected.get(start, 0) + 1
    assert {start: counts.voices for start, counts in found.items()} == expected


def test_the_fingerprint_sees_a_late_commit_with_an_older_time(connection):
    topic = add_topic(connection, "Bridge", NOW)
    add_minute(connection, topic, minutes_ago(1), (1, 0, 0), now=NOW)
    before = reading.fingerprint(connection)
    assert reading.fingerprint(connection) == before
    add_minute(connection, topic, minutes_ago(2), (1, 0, 0), now=NOW - timedelta(seconds=5))
    assert reading.fingerprint(connection) != before


def test_the_fingerprint_of_nothing(connection):
    assert reading.fingerprint(connection) == reading.fingerprint(connection)


def test_examples_are_voices_newest_or_most_confident(connection):
    topic = add_topic(connection, "Bridge", NOW)
    older = add_tweet(connection, topic, minutes_ago(9), 0, "sure", score=0.99)
    newer = add_tweet(connection, topic, minutes_ago(2), 0, "unsure", score=0.5)
    glad = add_tweet(connection, topic, minutes_ago(3), 2, "glad")
    add_tweet(connection, topic, minutes_ago(1), 0, "a copy", voice=False)
    add_tweet(connection, topic, minutes_ago(90), 0, "long ago")

    def ids(*, confident, per_class=5):
        found = reading_tweets.examples(connection, topic, HOUR, per_class=per_class, confident=confident)
        return [example.tweet_id for example in found]

    assert ids(confident=False) == [newer, older, glad]
    assert ids(confident=True) == [older, newer, glad]
    assert ids(confident=True, per_class=1) == [older, glad]


def test_ids_come_by_minute_newest_kept(connection):
    topic = add_topic(connection, "Bridge", NOW)
    add_tweet(connection, topic, minutes_ago(9), 0, "x")
    late = [add_tweet(connection, topic, minutes_ago(1), 0, "x", serial=serial) for serial in (0, 1)]
    found = reading_tweets.ids_by_minute(connection, topic, HOUR, limit=2)
    assert {minute: sorted(ids) for minute, ids in found.items()} == {minutes_ago(1).replace(second=0): late}


def test_gaps_are_those_that_reach_into_the_window(connection):
    topic = add_topic(connection, "Bridge", NOW)
    for start, end in ((300, 200), (90, 30)):
        connection.execute(
            sa.insert(tables.crawl_gap).values(
                topic_id=topic, from_at=minutes_ago(start), to_at=minutes_ago(end), reason="budget"
            )
        )
    assert [gap.from_at for gap in reading.gaps(connection, [topic], HOUR)] == [minutes_ago(90)]


def promote(connection, version, action="promote"):
    row = {"model_version": version, "action": action, "actor": "a test", "reason": "none"}
    connection.execute(sa.insert(tables_learning.model_promotion).values(row))


def versions(connection, topic):
    return [(row.model_version, row.counts.tweets) for row in reading.minutes(connection, topic, HOUR)]


def test_the_version_that_read_most_speaks_for_a_minute_then_the_champion_then_the_newest(connection):
    topic = add_topic(connection, "Bridge", NOW)
    for back, old, new in ((3, 5, 2), (2, 5, 5), (1, 5, 6)):
        add_minute(connection, topic, minutes_ago(back), (old, 0, 0), now=NOW)
        add_minute(connection, topic, minutes_ago(back), (0, 0, new), model="next-1", now=HOUR)
    assert versions(connection, topic) == [("starter-1", 5), ("starter-1", 5), ("next-1", 6)]
    before = reading.fingerprint(connection)
    promote(connection, "next-1")
    assert reading.fingerprint(connection) != before
    assert versions(connection, topic) == [("starter-1", 5), ("next-1", 5), ("next-1", 6)]
    promote(connection, "third-1", "refuse")
    assert versions(connection, topic)[1] == ("next-1", 5)
    promote(connection, "starter-1", "rollback")
    assert versions(connection, topic)[1] == ("starter-1", 5)
    assert reading.models(connection, topic, HOUR) == [("starter-1", 10), ("next-1", 6)]
    (row,) = reading.topics(connection, HOUR, limit=9)
    ((_, binned),) = reading.series(connection, [topic], HOUR, timedelta(hours=24))[topic].items()
    assert row.counts == binned == reading.Counts(16, 10, 0, 6, 10.0, 0.0, 6.0)
    assert reading.topics_by_id(connection, [topic], HOUR)[0].counts == row.counts


def add_label(connection, topic, back, said, n, model="starter-1"):
    truth, predicted = said
    row = {"topic_id": topic, "minute": minutes_ago(back).replace(second=0), "model_version": model}
    row |= {"truth": truth, "predicted": predicted, "home": True, "n": n}
    row |= {"p_negative": 0.1 * n, "p_neutral": 0.2 * n, "p_positive": 0.7 * n}
    connection.execute(sa.insert(tables_learning.label_rollup).values(row))


def test_labels_come_with_the_counts_of_their_own_version_and_minutes(connection):
    topic, other = add_topic(connection, "Bridge", NOW), add_topic(connection, "Other", NOW)
    for back in (1, 2, 90):
        add_minute(connection, topic, minutes_ago(back), (5, 5, 5))
        add_label(connection, topic, back, (2, 2), 3)
    add_minute(connection, topic, minutes_ago(2), (0, 0, 1), model="next-1")
    add_minute(connection, other, minutes_ago(2), (4, 0, 0))
    before = reading.fingerprint(connection)
    add_label(connection, topic, 2, (0, 2), 1)
    add_label(connection, topic, 2, (0, 2), 1, model="next-1")
    assert reading.fingerprint(connection) != before
    found = {row.topic_id: row.counts for row in reading.topics(connection, HOUR, limit=9)}
    assert found[other] == reading.Counts(4, 4, 0, 0, 4.0)
    assert found[topic][:10] == (30, 10, 10, 10, 10.0, 10.0, 10.0, 1, 0, 6)
    assert found[topic][10:13] == (0, 0, 7)
    assert found[topic][13:] == pytest.approx((0.7, 1.4, 4.9))
    assert found[topic].labelled == 7
    binned = reading.series(connection, [topic], HOUR, timedelta(hours=24))[topic]
    assert [counts.labelled for counts in binned.values()] == [7]
    assert [row.counts.labelled for row in reading.minutes(connection, topic, HOUR)] == [4, 3]
