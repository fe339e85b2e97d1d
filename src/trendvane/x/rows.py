"""One row of ``data`` becomes a tweet, or says why not.

Both dialects are read: ``note_tweet`` or ``note_post``, ``referenced_tweets`` or ``referenced_posts``, and
so on. Unknown keys are ignored. Only an id and a text are indispensable; everything else has a fallback.
"""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from typing import Any

from trendvane.domain import snowflake
from trendvane.domain.tweet import BadRow, Tweet

# X's longest form has 25,000 characters. Twice that is no tweet, and costs more downstream than it is worth.
MAX_TEXT = 50_000
_QUOTED = 200
ID_DIGITS = 19
_SHORT = 3  # letters of a plain language tag

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_LANG = re.compile(r"[A-Za-z0-9-]{1,16}")
_AUTHOR = re.compile(r"[\x21-\x7e]{1,32}")


def read_row(row: Any, index: int, included: dict[int, str]) -> Tweet | BadRow:
    """Read one row.

    Args:
        row: A member of ``data``, as JSON gave it.
        index: Its position.
        included: Full texts of the page's included tweets by id, still HTML-escaped.
    """
    if type(row) is not dict:
        return BadRow("row_type", quote(row), None, index)
    raw_id = row.get("id")
    tweet_id = read_id(raw_id)
    if tweet_id is None:
        return _bad_id(raw_id, index)
    text = _full_text(row)
    if type(text) is not str:
        return BadRow("text_missing" if text is None else "text_type", quote(text), tweet_id, index)
    retweet_of = None
    references = row.get("referenced_tweets") or row.get("referenced_posts")
    if references:
        retweet_of = _retweeted(references)
        if retweet_of is not None:
            text = included.get(retweet_of, text)
    text, sanitized = _plain(text)
    if not text or len(text) > MAX_TEXT:
        return BadRow("text_too_long" if text else "text_missing", f"{len(text)} characters", tweet_id, index)
    history = row.get("edit_history_tweet_ids") or row.get("edit_history_post_ids")
    root = None
    if history and type(history) is list and history[0] != raw_id:  # the usual tweet was never edited
        root = read_id(history[0])
    return Tweet(
        tweet_id,
        text,
        _created_at(row.get("created_at"), tweet_id),
        _lang(row.get("lang")),
        _author(row.get("author_id")),
        retweet_of,
        root or tweet_id,
        sanitized,
    )


def read_id(value: Any) -> int | None:
    """An id that fits a signed BIGINT, from a string of digits or from an integer; else None."""
    if type(value) is str:
        # ``int`` alone would take "1_0", " 1", "+1" and digits of other scripts.
        if not (value.isdecimal() and value.isascii()) or len(value) > ID_DIGITS:
            return None
        value = int(value)
    if type(value) is int and 0 < value <= snowflake.MAX_ID:
        return value
    return None


def included_texts(document: dict[str, Any]) -> dict[int, str]:
    """Full texts of ``includes.tweets`` or ``includes.posts`` by id, still HTML-escaped."""
    includes = document.get("includes")
    if type(includes) is not dict:
        return {}
    texts: dict[int, str] = {}
    for row in includes.get("tweets") or includes.get("posts") or ():
        if type(row) is dict:
            tweet_id, text = read_id(row.get("id")), _full_text(row)
            if tweet_id is not None and type(text) is str:
                texts[tweet_id] = text
    return texts


def _plain(text: str) -> tuple[str, bool]:
    """Unescape, then replace what PostgreSQL cannot store; the flag says whether anything was replaced."""
    if "&" in text:
        text = html.unescape(text)  # exactly once: what a person wrote as "&amp;lt;" must stay "&lt;"
    if "\x00" not in text:
        if text.isascii():
            return text, False
        try:
            text.encode()  # five times faster than looking for lone surrogates with a pattern
        except UnicodeEncodeError:
            pass
        else:
            return text, False
    return storable(text), True


def storable(text: str) -> str:
    """With U+FFFD in the place of NUL and lone surrogates."""
    return _UNSTORABLE.sub("\ufffd", text)


def quote(value: Any) -> str:
    """At most 200 printable characters of a value."""
    return repr(value[:_QUOTED] if isinstance(value, str) else value)[:_QUOTED]


def _full_text(row: dict[str, Any]) -> Any:
    note = row.get("note_tweet") or row.get("note_post")
    if note and type(note) is dict:
        text = note.get("text")
        if text and type(text) is str:
            return text
    return row.get("text")


def _bad_id(raw: Any, index: int) -> BadRow:
    if raw is None:
        return BadRow("id_missing", "", None, index)
    digits = type(raw) is int or (type(raw) is str and raw.lstrip("-").isdecimal())
    return BadRow("id_out_of_range" if digits else "id_type", quote(raw), None, index)


def _retweeted(references: Any) -> int | None:
    if type(references) is list:
        for reference in references:
            if type(reference) is dict and reference.get("type") in {"retweeted", "reposted"}:
                return read_id(reference.get("id"))
    return None


def _created_at(value: Any, tweet_id: int) -> datetime:
    if type(value) is str:
        try:
            at = datetime.fromisoformat(value)
            if at.tzinfo is UTC:
                return at
            return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            pass  # the id knows it too
    return snowflake.to_datetime(tweet_id)


def _lang(value: Any) -> str:
    if type(value) is not str:
        return "und"
    if value.isalpha() and value.isascii() and len(value) <= _SHORT:  # nearly always; the pattern is slower
        return value
    return value if _LANG.fullmatch(value) else "und"


def _author(value: Any) -> str | None:
    text = str(value) if type(value) is int else value
    if type(text) is str and text.isalnum() and text.isascii() and len(text) <= ID_DIGITS:
        return text  # nearly always; the pattern is slower
    return text if type(text) is str and _AUTHOR.fullmatch(text) else None
