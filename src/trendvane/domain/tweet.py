"""A tweet as staging knows it, and a row that could not become one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime


class Tweet(NamedTuple):
    """One tweet, read from either X dialect. A tuple, because a frozen dataclass takes three times as long.

    Attributes:
        tweet_id: Fits a signed BIGINT.
        text: Full text, HTML-unescaped once: the long form where there is one, of a retweet the original's.
        created_at: UTC; from the id when X sent none.
        lang: BCP 47 tag as X gives it, ``und`` when absent.
        author_id: As X sent it; hashed before it is stored. None when absent.
        retweet_of: Id of the original when this is a retweet.
        edit_root: First id of the edit chain; equals ``tweet_id`` for an unedited tweet.
        sanitized: True when NUL or lone surrogates were replaced by U+FFFD.
    """

    tweet_id: int
    text: str
    created_at: datetime
    lang: str
    author_id: str | None
    retweet_of: int | None
    edit_root: int
    sanitized: bool


@dataclass(frozen=True, slots=True)
class BadRow:
    """Something in a page that is not a tweet we can use.

    Attributes:
        reason: Short stable code, such as ``not_json`` or ``id_missing``; safe as a metric label.
        detail: What exactly; may quote up to 200 characters of the input.
        tweet_id: The id, when one could be read.
        index: Position in the page's ``data``, or -1 for the page as a whole.
    """

    reason: str
    detail: str
    tweet_id: int | None = None
    index: int = -1
