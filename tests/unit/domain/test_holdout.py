"""The slice of wordings that only ever judges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trendvane.domain.holdout import ONE_IN, held_out

WORDS = [
    "the",
    "match",
    "tonight",
    "was",
    "a",
    "long",
    "wonderful",
    "terrible",
    "boring",
    "train",
    "delay",
    "coffee",
]


def sentence(number: int) -> str:
    return " ".join(
        WORDS[(number * 7 + i * (1 + number % 11)) % len(WORDS)] for i in range(6)
    ) + f" x{number:b}".translate({48: "a", 49: "b"})


def test_takes_one_in_twenty() -> None:
    taken = sum(held_out(sentence(i)) for i in range(20_000))
    assert taken == pytest.approx(20_000 / ONE_IN, rel=0.15)


@given(st.integers(0, 10_000))
def test_copies_stay_on_one_side(number: int) -> None:
    text = sentence(number)
    for copy in (f"RT @someone: {text}", f"{text} http://t.co/abc", text.upper(), f"{text}!!! 😂"):
        assert held_out(copy) == held_out(text)


@given(st.text(max_size=40))
def test_any_text_has_a_side(text: str) -> None:
    assert held_out(text) in (True, False)


def test_short_texts_too() -> None:
    assert {held_out(f"so {word}") for word in map(str, range(200))} == {True, False}
