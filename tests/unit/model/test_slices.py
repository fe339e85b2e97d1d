from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

from trendvane.model import behaviour
from trendvane.model.behaviour import Case
from trendvane.model.slices import slices

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Row:
    text: str
    topic: str = ""
    lang: str = "en"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("I don't like it", "negation"),
        ("I don’t like it", "negation"),
        ("never again", "negation"),
        ("what a day 😂", "emoji"),
        ("what a day :-(", "emoji"),
        ("we won <3", "emoji"),
        ("Oh great, rain", "sarcasm markers"),
        ("lovely service #sarcasm", "sarcasm markers"),
        ("sure 🙄", "sarcasm markers"),
        ("one two three", "length=short"),
        ("a b c d e f g h i j k l m n o", "length=medium"),
        ("word " * 30, "length=long"),
    ],
)
def test_a_text_falls_into_its_slice(text: str, name: str) -> None:
    rows = [
        Row(text),
        Row("one" if name in {"length=long", "length=medium"} else "plain and simple words " * 8),
    ]
    assert 0 in slices(rows, 1).get(name, np.array([]))


@pytest.mark.parametrize(
    "text", ["noted and known", "at 10:30 in room 4", "https://example.org/a", "a recantation of 1984"]
)
def test_ordinary_texts_are_neither_negated_nor_signed(text: str) -> None:
    found = slices([Row(text), Row("x " * 40)], 1)
    assert not {"negation", "emoji", "sarcasm markers"} & {name for name, at in found.items() if 0 in at}


def test_slices_with_few_rows_and_slices_that_are_everything_are_left_out() -> None:
    rows = [Row(f"plain words {i}", topic="#big" if i < 60 else "#small") for i in range(100)]
    assert set(slices(rows, 50)) == {"topic=#big"}


def test_only_the_largest_topics_are_named() -> None:
    rows = [Row("plain", topic=f"#t{i % 50:02}") for i in range(1000)]
    assert len([name for name in slices(rows, 10) if name.startswith("topic=")]) == 20


class Echo:
    """Says of each text what the list says."""

    def __init__(self, says: dict[str, tuple[float, float, float]]) -> None:
        self._says = says

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        return np.array([self._says[text] for text in texts], np.float32)


SAYS = {
    "up": (0.1, 0.2, 0.7),
    "also up": (0.2, 0.2, 0.6),
    "slightly up": (0.15, 0.2, 0.65),
    "flat": (0.2, 0.6, 0.2),
    "down": (0.8, 0.1, 0.1),
}


@pytest.mark.parametrize(
    ("base", "changed", "expect", "right"),
    [
        ("up", "also up", 0, True),
        ("up", "flat", 0, False),
        ("up", "flat", -1, True),
        ("up", "down", -1, True),
        ("up", "slightly up", -1, False),
        ("up", "also up", -1, False),  # fell, but is still an opinion in favour
        ("down", "flat", 1, True),
        ("down", "down", 1, False),
    ],
)
def test_a_case_passes_when_the_second_sentence_does_what_it_must(
    base: str, changed: str, expect: int, *, right: bool
) -> None:
    assert behaviour.passed(Echo(SAYS), [Case(base, changed, expect)]).tolist() == [right]


def test_the_cases_are_sentences_and_differ() -> None:
    for cases in behaviour.suites().values():
        assert len(cases) >= 40
        assert all(case.base != case.changed and "{" not in case.base + case.changed for case in cases)
        assert len({(case.base, case.changed) for case in cases}) == len(cases)
