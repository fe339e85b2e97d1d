"""How text becomes words: the same reading for search, counts and stream rules."""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache
from sys import intern

_WORD = re.compile(r"\w+")
_TAG = re.compile(r"(?<![\w&])([#$@])(\w+)")
# Scripts written without spaces cannot be split into words here; a keyword of theirs matches as a substring.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")


@lru_cache(maxsize=20_000)
def _fold_word(word: str) -> str:
    if word.isascii():
        return intern(word)
    decomposed = unicodedata.normalize("NFKD", word)
    return intern("".join(c for c in decomposed if not unicodedata.combining(c)))


def normal(text: str, *, fold: bool) -> str:
    """Case-folded, unescaped text; without diacritics when ``fold``. Search folds, the stream does not."""
    text = html.unescape(text).casefold()
    return _fold_word(text) if fold else text


def words(text: str, *, fold: bool) -> tuple[str, ...]:
    """Words in order, case-folded."""
    found = _WORD.findall(html.unescape(text).casefold())
    return tuple(_fold_word(w) for w in found) if fold else tuple(found)


def tags(text: str, *, fold: bool) -> set[str]:
    """``#tag``, ``@name`` and ``$cash`` with their sign, case-folded."""
    return {sign + (_fold_word(name) if fold else name) for sign, name in _TAG.findall(text.casefold())}


def is_plain(term: str) -> bool:
    """Whether ``term`` is found by looking at words; emoji and unspaced scripts are not."""
    return bool(_WORD.search(term)) and not _UNSPACED.search(term)
