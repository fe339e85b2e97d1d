"""From a topic to a search query.

Names of trends are written by strangers. They reach X inside a quoted phrase, without quotes of their own,
or as a hashtag that holds nothing but letters, digits and underscores: nothing in a name can act as an
operator.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from trendvane.domain.errors import ConfigurationError
from trendvane.domain.topic import Topic, TopicKind

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_QUERY = 512  # pay-per-use; docs.x.com, search operators
_HASHTAG = re.compile(r"#(?=\w*[^\W\d_])\w+")  # X takes no hashtag of digits only
_CASHTAG = re.compile(r"\$[A-Za-z]{1,6}(?:[._][A-Za-z]{1,2})?")
_USER = re.compile(r"[A-Za-z0-9_]{1,15}")
_LANG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z]{2,4})?")
_QUOTES = str.maketrans(dict.fromkeys('"\\“”„‟«»＂', " "))


def build(topic: Topic, *, languages: Sequence[str] = ("en",), retweets: bool = False) -> str:
    """The query that finds a topic.

    Args:
        topic: From a list of trends or from the settings.
        languages: Asked of X; empty for all.
        retweets: Whether retweets are wanted.

    Raises:
        ConfigurationError: Nothing searchable is left of the name, or the query is longer than X takes.
    """
    parts = [_subject(topic), *_languages(languages), *([] if retweets else ["-is:retweet"])]
    query = " ".join(parts)
    if len(query) > MAX_QUERY:
        raise ConfigurationError(
            f"The query for topic {topic.topic_id} has {len(query)} characters; X takes {MAX_QUERY}.",
            remedy="Shorten the topic or name fewer languages.",
        )
    return query


def _subject(topic: Topic) -> str:
    if topic.kind is TopicKind.USER:
        return f"from:{_user(topic)}"
    name = _plain(topic.name)
    if _HASHTAG.fullmatch(name) or _CASHTAG.fullmatch(name):
        return name
    if not any(c.isalnum() or unicodedata.category(c) == "So" for c in name):
        raise ConfigurationError(
            f"Topic {topic.topic_id} has no word in its name that could be searched.",
            remedy="Name it by a word, a #hashtag or from:user.",
        )
    return f'"{name}"'


def _user(topic: Topic) -> str:
    name = topic.name.strip()
    name = name[5:] if name.lower().startswith("from:") else name
    name = name.strip().removeprefix("@")
    if not _USER.fullmatch(name):
        raise ConfigurationError(
            f"Topic {topic.topic_id} is no user name of X.",
            remedy="A user name has 1 to 15 letters, digits or underscores.",
        )
    return name


def _languages(languages: Sequence[str]) -> list[str]:
    wrong = [lang for lang in languages if not _LANG.fullmatch(lang)]
    if wrong:
        raise ConfigurationError(f"{wrong[0][:20]!r} is no language of X.", remedy='Such as "en" or "zh-CN".')
    terms = [f"lang:{lang}" for lang in languages]
    return terms if len(terms) < 2 else [f"({' OR '.join(terms)})"]  # noqa: PLR2004  one needs no brackets


def _plain(name: str) -> str:
    """Without quotes, control characters and characters that cannot be seen; single spaces."""
    kept = "".join(" " if unicodedata.category(c)[0] == "C" and c not in "\u200c\u200d" else c for c in name)
    return " ".join(kept.translate(_QUOTES).split())
