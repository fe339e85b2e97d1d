"""Sentences from templates: ``{slot}`` is filled, ``[a|b|]`` is chosen from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{(\w+)\}")
_MAX_DEPTH = 6


def chance(rng: random.Random, share: float) -> bool:
    """True in ``share`` of the cases."""
    return rng.random() < share


def expand(template: str, slots: Mapping[str, Sequence[str]], rng: random.Random) -> str:
    """Fill a template; slots may hold templates themselves.

    A slot used twice in one template gets two different words where it has two.

    Raises:
        KeyError: The template names a slot that does not exist.
    """
    used: dict[str, str] = {}

    def choose(match: re.Match[str]) -> str:
        return rng.choice(str(match[1]).split("|"))

    def fill(match: re.Match[str]) -> str:
        options = slots[match[1]]
        word: str = rng.choice(options)
        if word == used.get(match[1]) and len(options) > 1:
            word = options[(options.index(word) + 1) % len(options)]
        used[match[1]] = word
        return word

    for _ in range(_MAX_DEPTH):
        before = template
        template = _SLOT.sub(fill, _CHOICE.sub(choose, template))
        if template == before:
            break
    return re.sub(r" +([,.!?])", r"\1", re.sub(r"\s{2,}", " ", template)).strip()


def ways(template: str, slots: Mapping[str, Sequence[str]]) -> int:
    """In how many ways a template can be filled, nested templates not counted."""
    count = 1
    for choice in _CHOICE.findall(template):
        count *= choice.count("|") + 1
    for slot in _SLOT.findall(template):
        count *= len(slots[slot])
    return count
