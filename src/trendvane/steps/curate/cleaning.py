"""Which labelled tweets can be learned from, and what of them is kept."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trendvane.domain.author import author_hash, author_key
from trendvane.domain.holdout import held_out
from trendvane.domain.text import clean, prepare
from trendvane.model.snapshots import DataRow
from trendvane.steps.curate.raw import (
    CORRUPTED,
    MEASURES,
    MISSING_ID,
    MISSING_TEXT,
    NOT_ALLOWED,
    OTHER_LANGUAGE,
    UNREADABLE,
    Raw,
)

if TYPE_CHECKING:
    from collections.abc import Collection

_X = "x"
_UNKNOWN = "und"
_MIN_LETTERS = 2
_EMPTY_WORDS = re.compile(r"\bhttp\b|@user")
# UTF-8 read as Windows-1252, once or more: "â€™" for an apostrophe, "Ã©" for an accented e.
_MISREAD = re.compile("â€.|[ÃÂ][\x80-\xbf\u0152-\u0178\u2013-\u2122]|ðŸ..|ï¸.")
_MISREAD_TIMES = 2  # one can be a word of a language that has these letters
_NAMES = re.compile(r"(?:https?:|www\.)\S+|@\w+|&\w+;", re.IGNORECASE)
_PLAIN = re.compile(r"[A-Za-z]{2}")


class Cleaner:
    """Looks at one row at a time.

    Args:
        hash_key: Secret that hashes the authors a file names.
        languages: Primary language tags that the models read.
        allow_x_content: Whether tweets of the real X may be trained on.
    """

    def __init__(self, *, hash_key: bytes, languages: Collection[str], allow_x_content: bool) -> None:
        self._author_key = author_key(hash_key)
        self._languages = frozenset(languages)
        self._allow_x_content = allow_x_content

    def examine(self, raw: Raw) -> DataRow | str:
        """The row as it is kept, or the reason why it is not."""
        text = clean(raw.text)
        reason = self._refusal(raw, text)
        # Those that only judge may stay: the test set trains nobody either.
        if not reason and raw.measures and not held_out(text):
            reason = MEASURES
        if reason:
            return reason
        return DataRow(
            tweet_id=raw.tweet_id,
            text=text,
            label=raw.label,
            topic=clean(raw.topic),
            lang=raw.lang or _UNKNOWN,
            author_hash=self._author(raw),
            cluster_id=raw.cluster_id or raw.tweet_id,
            source=raw.source,
            labeller=raw.labeller if raw.labeller.startswith(raw.kind) else f"{raw.kind}:{raw.labeller}",
        )

    def _refusal(self, raw: Raw, text: str) -> str:
        if raw.source == _X and not self._allow_x_content:
            return NOT_ALLOWED
        if not raw.tweet_id:
            return MISSING_ID
        if not text:
            return MISSING_TEXT
        if corrupted(text):
            return CORRUPTED
        lang = raw.lang.lower()
        if lang not in {"", _UNKNOWN} and lang.partition("-")[0] not in self._languages:
            return OTHER_LANGUAGE
        return "" if readable(text) else UNREADABLE

    def _author(self, raw: Raw) -> str:
        if not raw.author:
            return ""
        return str(author_hash(self._author_key, raw.author)) if raw.source == "file" else raw.author


def corrupted(text: str) -> bool:
    """Whether characters of a cleaned text were lost or read in the wrong encoding before it came here."""
    if text.isascii():
        return False
    return "\ufffd" in text or len(_MISREAD.findall(text)) >= _MISREAD_TIMES


def readable(text: str) -> bool:
    """Whether a model would find a word in it besides links and mentions; signs that are words count."""
    if _PLAIN.search(_NAMES.sub(" ", text)):
        return True  # most texts, without the cost of preparing them
    words = _EMPTY_WORDS.sub(" ", prepare(text))
    return sum(c.isalpha() for c in words) >= _MIN_LETTERS
