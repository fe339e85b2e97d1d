from __future__ import annotations

import json
from dataclasses import replace

import pytest

from trendvane.llm import prompt
from trendvane.llm.answers import Reply, Vote
from trendvane.llm.asking import Chat, Choice, asking
from trendvane.llm.config import LlmConfig

CONFIG = LlmConfig("http://localhost/v1", "tiny", 0.0, 0.0, 20.0, backend="choice", min_share=0.6)


def answer(negative: float, neutral: float, positive: float, unsure: float) -> bytes:
    p = {"negative": negative, "neutral": neutral, "positive": positive, "unsure": unsure}
    return json.dumps({"answers": {"sentiment": {"probabilities": p}}, "usage": {"input_tokens": 9}}).encode()


@pytest.mark.parametrize(
    ("body", "vote"),
    [
        (answer(0.1, 0.1, 0.7, 0.1), Vote(2)),
        (answer(0.6, 0.2, 0.1, 0.1), Vote(0)),
        (answer(0.2, 0.5, 0.2, 0.1), Vote(None, "doubtful")),
        (answer(0.1, 0.1, 0.1, 0.7), Vote(None, "unsure")),
    ],
    ids=["positive", "just", "doubtful", "unsure"],
)
def test_a_choice_is_a_label_when_it_is_likely_enough(body: bytes, vote: Vote) -> None:
    assert Choice(CONFIG).read(body) == Reply(vote, 9, 0)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'{"answers": {}}', b'{"answers": {"sentiment": {"probabilities": {"neutral": 1}}}}'],
    ids=["empty", "list", "none", "part"],
)
def test_what_is_no_choice_is_asked_for_again(body: bytes) -> None:
    assert Choice(CONFIG).read(body) is None


def test_each_backend_has_its_own_version_and_pays_for_what_it_sends() -> None:
    chat = replace(CONFIG, backend="chat")
    assert isinstance(asking(CONFIG), Choice)
    assert isinstance(asking(chat), Chat)
    assert prompt.version(CONFIG) != prompt.version(chat)
    assert "a day" in asking(CONFIG).contents("a   day")[0]
    assert prompt.SCHEMA_TEXT in asking(chat).contents("a day")
