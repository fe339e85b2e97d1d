from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from trendvane.demo.probe import Seen, ages, quantile, snapshots
from trendvane.domain import snowflake


def tweet_at(seconds: float) -> int:
    return snowflake.floor(int(seconds * 1000))


def test_a_tweet_is_shown_by_the_first_snapshot_built_after_its_row_that_names_it_or_a_newer_one() -> None:
    tweet = tweet_at(1_700_000_000)
    seen = [
        Seen(1_700_000_001.0, 1_700_000_001.1, {"a": tweet}),  # built before the row was written
        Seen(1_700_000_002.5, 1_700_000_002.6, {"b": tweet}),  # another topic
        Seen(1_700_000_003.0, 1_700_000_003.25, {"a": tweet}),
    ]
    assert ages([(tweet, "a", 1_700_000_002.0)], seen) == [3.25]


def test_what_is_not_shown_yet_has_no_age() -> None:
    tweet = tweet_at(1_700_000_000)
    assert (
        ages([(tweet, "a", 1_700_000_002.0)], [Seen(1_700_000_003.0, 1_700_000_003.0, {"a": tweet - 1})])
        == []
    )


def test_only_snapshot_events_are_read() -> None:
    lines = ["retry: 2000", "", ": still here", "", "event: trouble", 'data: {"detail": "x"}', "",
             "event: snapshot", "data: " + json.dumps({"topics": []}), ""]  # fmt: skip
    assert list(snapshots(lines)) == [{"topics": []}]


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0, 0.99))
def test_quantile_is_a_value_with_enough_at_or_below(values: list[float], q: float) -> None:
    found = quantile(values, q)
    assert found in values
    assert sum(v <= found for v in values) >= q * len(values)
