from __future__ import annotations

import html
import json
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trendvane.domain import snowflake
from trendvane.x.parse import PartialError, read_counts, read_page, read_trends

ID = 1212092628029698048
relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def page(*rows: Any, **more: Any) -> bytes:
    return json.dumps({"data": list(rows), "meta": {"result_count": len(rows)}, **more}).encode()


def row(**more: Any) -> dict[str, Any]:
    return {"id": str(ID), "text": "hello", **more}


def without(key: str) -> dict[str, Any]:
    return {k: v for k, v in row().items() if k != key}


def raw(text: str) -> bytes:
    return b'{"data":[{"id":"%d","text":%s}],"meta":{"result_count":1}}' % (ID, text.encode())


DEEP = "[" * 5000 + "]" * 5000
GOOD = row(id="7", text="fine")

# name: (body, texts that come out, reasons that come out)
CORPUS: dict[str, tuple[bytes, list[str], list[str]]] = {
    # not a page at all
    "nothing": (b"", [], ["not_json"]),
    "spaces": (b"  \r\n ", [], ["not_json"]),
    "html": (b"<!DOCTYPE html><html><body>Over capacity</body></html>", [], ["not_json"]),
    "html with a data attribute": (b'<div "data": [></div>', [], ["row_truncated", "page_truncated"]),
    "text": (b"Service Unavailable", [], ["not_json"]),
    "binary": (bytes(range(256)), [], ["not_json"]),
    "gzip": (b"\x1f\x8b\x08\x00\x00", [], ["not_json"]),
    "null": (b"null", [], ["not_an_object"]),
    "number": (b"42", [], ["not_an_object"]),
    "text in quotes": (b'"data"', [], ["not_an_object"]),
    "array": (b"[]", [], ["not_an_object"]),
    "nan alone": (b"NaN", [], ["not_an_object"]),
    "deep array": (DEEP.encode(), [], ["not_json"]),
    "open brace": (b"{", [], ["not_json"]),
    # pages without rows
    "empty object": (b"{}", [], []),
    "no results": (b'{"meta":{"result_count":0}}', [], []),
    "data null": (b'{"data":null,"meta":{"result_count":0}}', [], []),
    "data empty": (b'{"data":[],"meta":{"result_count":0}}', [], []),
    "data text": (b'{"data":"x"}', [], []),
    "data number": (b'{"data":7}', [], []),
    "meta text": (b'{"data":[],"meta":"x"}', [], []),
    # cut off
    "cut in the second row": (page(GOOD, row())[:70], ["fine"], ["row_truncated", "page_truncated"]),
    "cut after a row": (page(GOOD).split(b"]")[0], ["fine"], ["page_truncated"]),
    "cut after the array": (page(GOOD).split(b', "meta"')[0], ["fine"], ["page_truncated"]),
    "cut inside a string": (b'{"data":[{"id":"7","text":"fi', [], ["row_truncated", "page_truncated"]),
    "cut inside an escape": (b'{"data":[{"id":"7","text":"fi\\u00', [], ["row_truncated", "page_truncated"]),
    "cut inside a character": (
        '{"data":[{"id":"7","text":"é'.encode()[:-1],
        [],
        ["row_truncated", "page_truncated"],
    ),
    "cut at the bracket": (b'{"data":[', [], ["page_truncated"]),
    # strict JSON says no, but the rows are there
    "byte order mark": (b"\xef\xbb\xbf" + page(GOOD), ["fine"], []),
    "nan in a metric": (b'{"data":[{"id":"7","text":"a","m":NaN}],"meta":{}}', ["a"], []),
    "infinity": (b'{"data":[{"id":"7","text":"a","m":-Infinity}],"meta":{}}', ["a"], []),
    "nan as text": (raw("NaN"), [], ["text_missing"]),
    "high surrogate": (raw('"a\\ud83d"'), ["a\ufffd"], []),
    "low surrogate": (raw('"\\ude00b"'), ["\ufffdb"], []),
    "surrogates in the wrong order": (raw('"\\ude00\\ud83d"'), ["\ufffd\ufffd"], []),
    "raw control character": (raw('"a\x01b"'), ["a\x01b"], []),
    "raw line end": (raw('"a\nb"'), ["a\nb"], []),
    "invalid utf-8": (b'{"data":[{"id":"7","text":"a\xff"}],"meta":{}}', ["a\ufffd"], []),
    "a row too deep": (
        b'{"data":[{"id":"7","text":"fine"},{"id":"8","x":%s},{"id":"9","text":"after"}],"meta":{}}'
        % DEEP.encode(),
        ["fine", "after"],
        ["row_not_json"],
    ),
    "a row with a missing quote": (
        b'{"data":[{"id":"7","text":"fine"},{"id":"8",text:"x"},{"id":"9","text":"after"}],"meta":{}}',
        ["fine", "after"],
        ["row_not_json"],
    ),
    "trailing comma": (b'{"data":[{"id":"7","text":"fine"},],"meta":{}}', ["fine"], []),
    "something after the end": (page(GOOD) + b"<script>", ["fine"], []),
    "a huge number": (b'{"data":[{"id":"7","text":"a","n":1' + b"0" * 5000 + b"}]}", ["a"], []),
    # ids
    "id missing": (page(without("id")), [], ["id_missing"]),
    "id null": (page(row(id=None)), [], ["id_missing"]),
    "id an integer": (page(row(id=ID)), ["hello"], []),
    "id a float": (page(row(id=1.8e18)), [], ["id_type"]),
    "id a bool": (page(row(id=True)), [], ["id_type"]),
    "id empty": (page(row(id="")), [], ["id_type"]),
    "id words": (page(row(id="abc")), [], ["id_type"]),
    "id with a sign": (page(row(id="+7")), [], ["id_type"]),
    "id negative": (page(row(id="-7")), [], ["id_out_of_range"]),
    "id zero": (page(row(id="0")), [], ["id_out_of_range"]),
    "id with underscores": (page(row(id="1_0")), [], ["id_type"]),
    "id in arabic digits": (page(row(id="٧")), [], ["id_out_of_range"]),
    "id largest": (page(row(id=str(2**63 - 1))), ["hello"], []),
    "id too large": (page(row(id=str(2**63))), [], ["id_out_of_range"]),
    "id integer too large": (page(row(id=2**63)), [], ["id_out_of_range"]),
    "id beyond 64 bits": (page(row(id=2**70)), [], ["id_type"]),
    "id of 5000 digits": (page(row(id="9" * 5000)), [], ["id_out_of_range"]),
    "id a list": (page(row(id=["7"])), [], ["id_type"]),
    # texts
    "text missing": (page(without("text")), [], ["text_missing"]),
    "text null": (page(row(text=None)), [], ["text_missing"]),
    "text empty": (page(row(text="")), [], ["text_missing"]),
    "text a number": (page(row(text=42)), [], ["text_type"]),
    "text an object": (page(row(text={})), [], ["text_type"]),
    "nul": (page(row(text="a\x00b")), ["a\ufffdb"], []),
    "nul as entity": (page(row(text="a&#0;b")), ["a\ufffdb"], []),
    "surrogate as entity": (page(row(text="&#xD83D;")), ["\ufffd"], []),
    "25000 characters": (page(row(text="ab " * 8333)), ["ab " * 8333], []),
    "25000 escaped characters": (page(row(text="&amp;" * 25_000)), ["&" * 25_000], []),
    "a megabyte": (page(row(text="a" * 2**20)), [], ["text_too_long"]),
    "unescaped once": (page(row(text="&amp;lt; &lt;3 &gt;")), ["&lt; <3 >"], []),
    "emoji": (page(row(text="👩‍👩‍👧‍👦 🇬🇧 \u202eabc")), ["👩‍👩‍👧‍👦 🇬🇧 \u202eabc"], []),
    "emoji as a pair": (raw('"\\ud83d\\ude00"'), ["😀"], []),
    # rows
    "row null": (page(None, GOOD), ["fine"], ["row_type"]),
    "row text": (page("x", GOOD), ["fine"], ["row_type"]),
    "row a list": (page([], GOOD), ["fine"], ["row_type"]),
    "row empty": (page({}, GOOD), ["fine"], ["id_missing"]),
    "unknown keys": (page(row(zzz={"a": [1]}, note_haiku=3)), ["hello"], []),
    "everything of a wrong type": (
        page(
            row(
                author_id={},
                lang=[],
                created_at=5,
                edit_history_tweet_ids=7,
                referenced_tweets="x",
                note_tweet=3,
            )
        ),
        ["hello"],
        [],
    ),
    "empty lists": (page(row(edit_history_tweet_ids=[], referenced_tweets=[], note_tweet={})), ["hello"], []),
    "includes of a wrong type": (page(GOOD, includes=[1]), ["fine"], []),
    "included rows of a wrong type": (page(GOOD, includes={"tweets": [1, {}], "users": [2]}), ["fine"], []),
    "errors of a wrong type": (page(GOOD, errors="x"), ["fine"], []),
}


@pytest.mark.parametrize("name", CORPUS)
def test_corpus(name: str) -> None:
    body, texts, reasons = CORPUS[name]
    found = read_page(body)
    assert [tweet.text for tweet in found.tweets] == texts
    assert sorted(bad.reason for bad in found.bad) == sorted(reasons)
    assert all(len(bad.detail) <= 200 for bad in found.bad)
    for tweet in found.tweets:
        tweet.text.encode()
        assert "\x00" not in tweet.text


@pytest.mark.parametrize(
    ("name", "complete"),
    [
        ("no results", True),
        ("data empty", True),
        ("byte order mark", True),
        ("high surrogate", True),
        ("a row too deep", True),  # one poisoned row must not stop its topic
        ("a row with a missing quote", True),
        ("id missing", True),
        ("empty object", False),
        ("data text", False),
        ("html", False),
        ("cut in the second row", False),
        ("cut after the array", False),
    ],
)
def test_only_whole_pages_are_complete(name: str, complete: bool) -> None:  # noqa: FBT001
    assert read_page(CORPUS[name][0]).complete is complete


def test_sanitized_rows_are_flagged() -> None:
    flags = [read_page(CORPUS[name][0]).tweets[0].sanitized for name in ("nul", "high surrogate", "emoji")]
    assert flags == [True, True, False]


LEGACY = row(
    author_id="2244994945",
    created_at="2019-12-31T19:26:16.000Z",
    lang="en",
    edit_history_tweet_ids=["1212092628029698000", str(ID)],
    note_tweet={"text": "the long &amp; full text"},
)
CURRENT = row(
    author_id="2244994945",
    created_at="2019-12-31T19:26:16.000Z",
    lang="en",
    edit_history_post_ids=["1212092628029698000", str(ID)],
    note_post={"text": "the long &amp; full text"},
)


@pytest.mark.parametrize("given_row", [LEGACY, CURRENT])
def test_both_dialects_read_the_same(given_row: dict[str, Any]) -> None:
    (tweet,) = read_page(page(given_row)).tweets
    assert tweet.tweet_id == ID
    assert tweet.text == "the long & full text"
    assert tweet.created_at == datetime(2019, 12, 31, 19, 26, 16, tzinfo=UTC)
    assert (tweet.lang, tweet.author_id, tweet.edit_root) == ("en", "2244994945", 1212092628029698000)


@pytest.mark.parametrize(("refs", "inc"), [("referenced_tweets", "tweets"), ("referenced_posts", "posts")])
def test_a_retweet_carries_the_text_of_its_original(refs: str, inc: str) -> None:
    retweet = row(
        text="RT @a: cut…", **{refs: [{"type": "quoted", "id": "5"}, {"type": "retweeted", "id": "6"}]}
    )
    original = {"id": "6", "text": "cut", "note_tweet": {"text": "whole &lt;3"}}
    (tweet,) = read_page(page(retweet, includes={inc: [original]})).tweets
    assert (tweet.retweet_of, tweet.text) == (6, "whole <3")
    (alone,) = read_page(page(retweet)).tweets
    assert (alone.retweet_of, alone.text) == (6, "RT @a: cut…")


@pytest.mark.parametrize(
    "created_at", [None, "", "yesterday", "2019-13-41T00:00:00Z", 1577820376, "0001-01-01T00:00:00+23:59"]
)
def test_time_of_birth_comes_from_the_id_if_need_be(created_at: Any) -> None:
    (tweet,) = read_page(page(row(created_at=created_at))).tweets
    assert tweet.created_at == snowflake.to_datetime(ID)


def test_other_time_zones_become_utc() -> None:
    (tweet,) = read_page(page(row(created_at="2019-12-31T19:26:16+02:00"))).tweets
    assert tweet.created_at == datetime(2019, 12, 31, 17, 26, 16, tzinfo=UTC)
    assert tweet.created_at.tzinfo is UTC


@pytest.mark.parametrize("lang", [None, 5, "", "x" * 40, "a\x00", "<script>"])
def test_a_strange_language_is_undetermined(lang: Any) -> None:
    assert read_page(page(row(lang=lang))).tweets[0].lang == "und"


def test_meta_and_partial_errors() -> None:
    error = {
        "resource_id": "456",
        "title": "x",
        "type": "https://api.twitter.com/2/problems/not-authorized-for-resource",
    }
    meta = {"newest_id": "9", "oldest_id": 3, "next_token": "abc", "result_count": "1"}
    found = read_page(json.dumps({"data": [row()], "meta": meta, "errors": [error, 7]}).encode())
    assert (found.newest_id, found.oldest_id, found.next_token, found.result_count) == (9, 3, "abc", 1)
    assert found.errors == (PartialError("not-authorized-for-resource", "456"),)


def test_what_may_be_billed() -> None:
    body = page(row(), row(id="8", text=None), includes={"tweets": [row(id="6")], "users": [{"id": "1"}]})
    found = read_page(body)
    assert found.billable_posts == {ID, 8, 6}
    assert found.billable_users == {"1"}
    assert found.ids == {ID, 8}


def test_a_forged_meta_inside_a_text_is_not_read() -> None:
    forged = '"meta":{"next_token":"x"}'
    body = page(row(text=forged), "broken")[:-40].replace(b'"broken"', b"{broken}")
    assert read_page(body).next_token is None


def test_a_stream_is_read_line_by_line() -> None:
    line = json.dumps({"data": row(), "matching_rules": [{"id": "1", "tag": "cats"}]}).encode()
    found = read_page(b"\r\n" + line + b"\r\n\r\n" + b"<html>\r\n" + line + b"\r\n", "stream")
    assert [tweet.tweet_id for tweet in found.tweets] == [ID, ID]
    assert [(bad.reason, bad.index) for bad in found.bad] == [("not_json", 1)]


def test_trends_are_cleaned() -> None:
    document = {
        "data": [
            {"trend_name": " Breaking\n News "},
            {"trend_name": "a\x00"},
            {"x": 1},
            7,
            {"trend_name": ""},
        ]
    }
    assert read_trends(document) == ["Breaking News", "a\ufffd"]
    assert read_trends({"data": [{"trend_name": "x" * 300}]}) == []
    assert read_trends([]) == read_trends({"data": 5}) == []


def test_counts_are_read_in_both_dialects() -> None:
    assert read_counts({"meta": {"total_tweet_count": 5}}) == 5
    assert read_counts({"meta": {"total_post_count": "6"}}) == 6
    assert read_counts({}) is None
    assert read_counts(None) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from(
    [
        "id", "text", "note_tweet", "note_post", "referenced_tweets", "referenced_posts", "created_at",
        "lang", "author_id", "edit_history_tweet_ids", "type",
    ],
)  # fmt: skip
rows_of_any_kind = st.dictionaries(
    keys, json_values | st.just([{"type": "retweeted", "id": "5"}]), max_size=8
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "data": st.lists(rows_of_any_kind | json_values, max_size=4) | json_values,
        "meta": json_values,
        "includes": json_values | st.fixed_dictionaries({"tweets": st.lists(rows_of_any_kind, max_size=2)}),
        "errors": json_values,
    },
)


@relaxed
@given(documents, st.sampled_from(["search", "stream"]))
def test_any_json_is_read_without_an_exception(document: Any, endpoint: str) -> None:
    found = read_page(json.dumps(document).encode(), endpoint)
    if endpoint == "search" and isinstance(document, dict) and isinstance(document.get("data"), list):
        assert len(found.tweets) + len(found.bad) == len(document["data"])


@relaxed
@given(st.binary(max_size=200), st.sampled_from(["search", "stream"]))
def test_any_bytes_are_read_without_an_exception(body: bytes, endpoint: str) -> None:
    read_page(body, endpoint)


@relaxed
@given(st.integers(0, 400))
def test_wherever_a_page_is_cut_its_whole_rows_survive(cut: int) -> None:
    rows = [row(id=str(i), text=f't{i} }}]\\"') for i in range(1, 6)]
    body = page(*rows)
    ends = [body.index(json.dumps(r).encode()) + len(json.dumps(r)) for r in rows]
    found = read_page(body[:cut])
    assert [t.tweet_id for t in found.tweets] == list(range(1, 1 + sum(end <= cut for end in ends)))
    assert found.complete is (cut >= len(body) - 1)


@relaxed
@given(st.text(min_size=1, max_size=300))
def test_what_x_escapes_comes_back(text: str) -> None:
    escaped = html.escape(text, quote=False)
    found = read_page(orjson.dumps({"data": [{"id": "7", "text": escaped}]}))
    assert found.tweets[0].text == text.replace("\x00", "\ufffd")


def test_an_empty_history_in_the_new_dialect_is_no_edit():
    (tweet,) = read_page(
        orjson.dumps({"data": [{"id": "7", "text": "x", "edit_history_post_ids": []}]})
    ).tweets
    assert tweet.edit_root == 7
