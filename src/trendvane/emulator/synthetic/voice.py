"""How a person's habits change a sentence: case, slang, typos, emphasis, emoji."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trendvane.emulator.synthetic.grammar import chance

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from trendvane.emulator.synthetic.people import Person

_SLANG = {
    "you": "u",
    "your": "ur",
    "because": "bc",
    "really": "rly",
    "going to": "gonna",
    "want to": "wanna",
    "to be honest": "tbh",
    "right now": "rn",
    "people": "ppl",
    "please": "pls",
    "though": "tho",
    "about": "abt",
    "probably": "prob",
    "I do not know": "idk",
    "I don't know": "idk",
    "in my opinion": "imo",
    "tonight": "2nite",
    "see you": "cya",
    "okay": "ok",
    "something": "smth",
    "with": "w/",
    "without": "w/o",
    "I can't": "i cant",
    "don't": "dont",
    "it's": "its",
}
_SLANG_PATTERNS = [
    (re.compile(rf"\b{re.escape(long)}\b", re.IGNORECASE), short) for long, short in _SLANG.items()
]
_STRETCH = re.compile(r"\b(so|no|yes|way|please|love|hate|wow|ugh|what|why|good|bad)\b", re.IGNORECASE)
_VOWEL = re.compile(r"[aeiou](?=[^aeiou]*$)|h$", re.IGNORECASE)
_TYPO_LENGTH = 5
# Never touched: a mention, a tag or a link with a typo is another mention, tag or link.
_FIXED = re.compile(r"[@#$]\w+|https?://\S+")


def speak(text: str, person: Person, rng: random.Random) -> str:
    """``text`` as that person would type it."""
    if chance(rng, person.slang):
        for pattern, short in rng.sample(_SLANG_PATTERNS, 9):
            text = pattern.sub(short, text, count=2)
    if chance(rng, person.loud + 0.04):
        text = _STRETCH.sub(lambda m: _stretch(m[0], rng), text, count=1)
    if chance(rng, person.typos):
        text = _typo(text, rng)
    return _punctuated(_cased(text, person, rng), person, rng)


def _cased(text: str, person: Person, rng: random.Random) -> str:
    if person.lowercase:
        return _outside_fixed(text, str.lower)
    return _outside_fixed(text, str.upper) if chance(rng, person.loud * 0.4) else text


def _punctuated(text: str, person: Person, rng: random.Random) -> str:
    if chance(rng, person.loud):
        text = re.sub(r"[.!]+$", "", text) + "!" * rng.randint(2, 4)
    elif text.endswith(".") and not text.endswith("..") and chance(rng, 0.55):
        text = text[:-1]
    return text


def _stretch(word: str, rng: random.Random) -> str:
    return _VOWEL.sub(lambda m: m[0] * rng.randint(3, 5), word, count=1)


def _outside_fixed(text: str, change: Callable[[str], str]) -> str:
    kept = [*_FIXED.findall(text), ""]
    return "".join(change(part) + fixed for part, fixed in zip(_FIXED.split(text), kept, strict=True))


def _typo(text: str, rng: random.Random) -> str:
    words = text.split(" ")
    places = [i for i, word in enumerate(words) if len(word) >= _TYPO_LENGTH and word.isalpha()]
    if not places:
        return text
    i = rng.choice(places)
    word, at = words[i], rng.randrange(1, len(words[i]) - 2)
    kind = rng.randrange(3)
    if kind == 0:  # neighbours swapped
        words[i] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    elif kind == 1:  # one dropped
        words[i] = word[:at] + word[at + 1 :]
    else:  # one doubled
        words[i] = word[:at] + word[at] + word[at:]
    return " ".join(words)
