"""What the page reads, against a real PostgreSQL."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from page_support import add_minute, add_topic, add_tweet

from trendvane.warehouse import reading, reading_tweets, tables

pytestmark = pytest.mark.integration
NOW = datetime(2026, 3, 4, 12, 0, 30, tzinfo=UTC)
HOUR = NOW - timedelta(hours=1)


def minutes_ago(n):
    return NOW - timedelta(minutes=n)


@pytest.fixture
def connection(warehouse):
    with warehouse.begin() as connection:
        yield connection


def test_topics_are_summed_over_the_window_and_over_models(connection):
    topic = add_topic(connection, "Bridge", NOW)
    add_minute(connection, topic, minutes_ago(1), (1, 2, 3), tweets=10, now=NOW)
    add_minute(connection, topic, minutes_ago(1), (1, 0, 0), model="next-1", now=NOW)
    add_minute(connection, topic, minutes_ago(59), (0, 0, 4), now=HOUR)
    add_minute(connection, topic, minutes_ago(61), (50, 0, 0), now=HOUR)
    (row,) = reading.topics(connection, HOUR, limit=9)
    assert row.counts == reading.Counts(15, 2, 2, 7, 2.0, 2.0, 7.0)
    assert (row.counts.voices, row.updated_at, row.newest_tweet_id) == (11, NOW, None)
    assert reading.models(connection, topic, HOUR) == [("starter-1", 10), ("next-1", 1)]


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


def test_minutes_for_exports_keep_models_apart(connection):
    topic = add_topic(connection, "Bridge", NOW)
    add_minute(connection, topic, minutes_ago(1), (1, 0, 0))
    add_minute(connection, topic, minutes_ago(1), (0, 1, 0), model="next-1")
    found = reading.minutes(connection, topic, HOUR)
    assert [(row.model_version, row.counts.voices) for row in found] == [("next-1", 1), ("starter-1", 1)]
