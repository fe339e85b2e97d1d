from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from trendvane.domain.page import RawPage
from trendvane.lake.erase import erase, mentions, numbers


def page(document: Any, endpoint: str = "search") -> RawPage:
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    at = datetime(2026, 1, 5, tzinfo=UTC)
    return RawPage("1-a", "#a", "hashtag", "x", endpoint, "q", at, 200, "application/json", body)


def test_a_page_without_the_tweet_is_left_alone() -> None:
    whole = page({"data": [{"id": "1", "text": "a"}]})
    assert erase(whole, {b"2"}) == (whole, set())
    assert not mentions(whole, {b"2"})


def test_a_number_inside_a_longer_one_is_no_mention() -> None:
    whole = page({"data": [{"id": "123", "text": "a"}]})
    assert not mentions(whole, {b"2", b"12", b"23"})


def test_rows_included_tweets_and_pointers_go() -> None:
    cut, companions = erase(
        page(
            {
                "data": [{"id": "1", "text": "a"}, {"id": "2", "text": "b"}],
                "includes": {"tweets": [{"id": "1", "text": "a"}, {"id": "5", "text": "e"}]},
                "meta": {"newest_id": "2", "oldest_id": "1", "result_count": 2},
            }
        ),
        {b"1"},
    )
    assert orjson.loads(cut.body) == {
        "data": [{"id": "2", "text": "b"}],
        "includes": {"tweets": [{"id": "5", "text": "e"}]},
        "meta": {"newest_id": "2", "result_count": 2},
    }
    assert companions == set()


def test_retweets_go_along_and_quotes_stay() -> None:
    retweet = {"id": "2", "text": "RT", "referenced_tweets": [{"type": "retweeted", "id": "1"}]}
    renamed = {"id": "3", "text": "RT", "referenced_posts": [{"type": "reposted", "id": "1"}]}
    quote = {"id": "4", "text": "look", "referenced_tweets": [{"type": "quoted", "id": "1"}]}
    cut, companions = erase(page({"data": [retweet, renamed, quote]}), {b"1"})
    assert [row["id"] for row in orjson.loads(cut.body)["data"]] == ["4"]
    assert companions == {2, 3}


def test_a_stream_loses_the_line() -> None:
    lines = b"\n".join(orjson.dumps({"data": {"id": str(n), "text": "a"}}) for n in (1, 2))
    cut, _ = erase(page(lines, "stream"), {b"1"})
    assert [orjson.loads(line) for line in cut.body.splitlines() if b'"id"' in line] == [
        {"data": {"id": "2", "text": "a"}}
    ]


def test_what_cannot_be_read_is_emptied() -> None:
    cut, _ = erase(page(b'{"data": [{"id": "1", "text": "a'), {b"1"})
    assert cut.body == b""


def test_numbers_that_could_be_ids() -> None:
    assert numbers(page({"data": [{"id": "77", "n": 5}], "x": "9" * 30})) == {77, 5}
