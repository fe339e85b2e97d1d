"""Numbers that describe the wording of one text, without a model: how long, how loud, how familiar."""

from __future__ import annotations

import base64
import re
import unicodedata
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from trendvane.domain.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

_WORD = re.compile(r"[^\W\d_]{2,}")
_NOT_WORDS = re.compile(r"(?:https?://|www\.)\S+|@\w+", re.IGNORECASE)
_MARK = re.compile(r"[@#]\w|https?://")
_COMMON = 3000  # words; they fill about a sixth of the bits
_BITS = 2**14
_SIGN = frozenset({"So", "Sk"})  # Unicode categories: emoji, and the tones of their skin


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The commonest words of a collection, as bits: one word in six that is not among them passes for known.

    That moves all collections alike. No word can be read off it.
    """

    BUCKETS: ClassVar[int] = 32
    bits: bytes

    @classmethod
    def of(cls, texts: Iterable[str]) -> Vocabulary:
        """Of texts, each of which counts once for each of its words."""
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(set(_words(clean(text))))
        common = sorted(counts, key=lambda word: (-counts[word], word))[:_COMMON]
        bits = bytearray(_BITS // 8)
        for word in common:
            place = zlib.crc32(word.encode()) % _BITS
            bits[place // 8] |= 1 << place % 8
        return cls(bytes(bits))

    @classmethod
    def from_text(cls, text: str) -> Vocabulary:
        """Read ``to_text``'s output.

        Raises:
            ValueError: It is something else.
        """
        bits = base64.b64decode(text, validate=True)
        if len(bits) != _BITS // 8:
            raise ValueError("vocabulary")
        return cls(bits)

    def to_text(self) -> str:
        """For JSON."""
        return base64.b64encode(self.bits).decode("ascii")

    def knows(self, word: str) -> bool:
        """Whether ``word``, in lower case, is probably a common one."""
        place = zlib.crc32(word.encode()) % _BITS
        return bool(self.bits[place // 8] >> place % 8 & 1)


def measures(text: str, vocabulary: Vocabulary) -> tuple[float, ...]:
    """Characters, words, share of capitals, links and marks, signs; share of unfamiliar words, longest word.

    The longest word, which often is what the text is about, is given as a bucket of its hash.
    """
    cleaned = clean(text)
    words = _words(cleaned)
    letters = sum(map(str.isalpha, cleaned))
    unknown = sum(not vocabulary.knows(word) for word in words)
    longest = max(words, key=lambda word: (len(word), word), default="")
    return (
        float(len(cleaned)),
        float(len(words)),
        sum(map(str.isupper, cleaned)) / max(letters, 1),
        float(len(_MARK.findall(cleaned))),
        float(sum(unicodedata.category(sign) in _SIGN for sign in cleaned)),
        unknown / max(len(words), 1),
        float(zlib.crc32(longest.encode()) % Vocabulary.BUCKETS),
    )


def _words(cleaned: str) -> list[str]:
    return _WORD.findall(_NOT_WORDS.sub(" ", cleaned).casefold())
