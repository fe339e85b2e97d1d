from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trendvane.llm.answers import Reply, Vote, read, vote_of


def body(message: Any, ended: str = "stop", usage: Any = None) -> bytes:
    return json.dumps({"choices": [{"message": message, "finish_reason": ended}], "usage": usage}).encode()


@pytest.mark.parametrize(
    ("content", "vote"),
    [
        ('{"label": "negative"}', Vote(0)),
        ('{"label": "neutral"}', Vote(1)),
        (' {"label": " Positive "} ', Vote(2)),
        ('```json\n{"label": "positive"}\n```', Vote(2)),
        ('{"label": "positive", "why": "because"}', Vote(2)),
        ('{"label": "unsure"}', Vote(None, "unsure")),
        ('{"label": "mixed"}', Vote(None, "unknown_label")),
        ('{"label": 2}', Vote(None, "unknown_label")),
        ('{"label": null}', Vote(None, "unknown_label")),
        ("{}", Vote(None, "unknown_label")),
        ("positive", Vote(None, "not_json")),
        ('["positive"]', Vote(None, "not_json")),
        ('{"label": "posi', Vote(None, "not_json")),
        ("", Vote(None, "not_json")),
        (None, Vote(None, "not_json")),
        ([{"type": "text"}], Vote(None, "not_json")),
        ("[" * 100_000, Vote(None, "not_json")),
    ],
    ids=lambda value: str(value)[:24],
)
def test_an_answer_is_a_label_or_an_abstention_with_its_reason(content: Any, vote: Vote) -> None:
    reply = read(body({"content": content}))
    assert reply is not None
    assert reply.vote == vote


def test_refusals_filters_and_cuts_are_told_apart() -> None:
    assert vote_of(None, "I cannot help with that") == Vote(None, "refusal")
    assert vote_of('{"label": "positive"}', "No") == Vote(None, "refusal")
    assert vote_of("", None, "content_filter") == Vote(None, "filtered")
    assert vote_of('{"label": "po', None, "length") == Vote(None, "cut")
    assert vote_of('{"label": "positive"}', None, "length") == Vote(2)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>busy</html>",
        b'{"choi',
        b"[]",
        b"3",
        b"\xff\xfe",
        b'{"choices": []}',
        b'{"choices": [{}]}',
        b'{"choices": [{"message": "text"}]}',
        b'{"choices": {"0": 1}}',
        b"[" * 100_000,
    ],
    ids=lambda raw: raw[:20].decode(errors="replace"),
)
def test_what_is_no_chat_completion_is_asked_for_again(raw: bytes) -> None:
    assert read(raw) is None


def test_tokens_are_taken_from_the_server_only_where_it_counted_them() -> None:
    message = {"content": '{"label": "neutral"}'}
    counted = read(body(message, usage={"prompt_tokens": 301, "completion_tokens": 7}))
    assert counted == Reply(Vote(1), 301, 7)
    useless: list[Any] = [
        None,
        [],
        {},
        {"prompt_tokens": -1, "completion_tokens": "7"},
        {"prompt_tokens": True},
    ]
    for usage in useless:
        assert read(body(message, usage=usage)) == Reply(Vote(1), None, None)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["choices", "message", "content", "usage"]), inner)
    ),
    max_leaves=12,
)


@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_nothing_that_a_server_sends_makes_reading_fail(raw: bytes) -> None:
    reply = read(raw)
    assert reply is None or reply.vote.label in {None, 0, 1, 2}
