"""``name:value`` operators: which exist where, and what they test."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from trendvane.emulator.query.nodes import Document, Node, Test

if TYPE_CHECKING:
    from collections.abc import Callable

# Standing alone is allowed for the first set; the second needs company.
STANDALONE = frozenset(
    [
        "from",
        "to",
        "retweets_of",
        "url",
        "context",
        "entity",
        "conversation_id",
        "list",
        "in_reply_to_tweet_id",
        "retweets_of_tweet_id",
        "quotes_of_tweet_id",
        "place",
        "place_country",
        "point_radius",
        "bounding_box",
        "min_likes",
        "min_replies",
        "min_reposts",
    ]
)
COMPANION = frozenset({"is", "has", "lang"})
STREAM_ONLY = frozenset(
    [
        "sample",
        "bio",
        "bio_name",
        "bio_location",
        "url_title",
        "url_description",
        "url_contains",
        "from_affiliate_of",
    ]
)
_IS = frozenset({"retweet", "reply", "quote", "verified", "nullcast"})
_HAS = frozenset({"hashtags", "cashtags", "links", "mentions", "media", "images", "video_link", "geo"})
# X kept the old codes of these languages as operators.
_LANG = {"iw": "he", "in": "id", "zh-cn": "zh", "zh-tw": "zh"}
_TO = re.compile(r"@(\w+)")


def _never(_doc: Document) -> bool:
    return False


def _is(value: str) -> Callable[[Document], bool]:
    kinds = {"retweet": "retweeted", "reply": "replied_to", "quote": "quoted"}
    if value == "verified":
        return lambda doc: doc.post.author.verified
    if value == "nullcast":
        return _never  # promoted-only posts are never part of the feed
    return lambda doc: doc.post.ref(kinds[value]) is not None


def _has(value: str) -> Callable[[Document], bool]:
    if value == "links":
        return lambda doc: bool(doc.post.urls)
    sign = {"hashtags": "#", "cashtags": "$", "mentions": "@"}.get(value)
    if sign is None:
        return _never  # the feed carries no media and no places
    pattern = re.compile(re.escape(sign) + r"[^\W\d_]\w*" if sign != "@" else r"@\w+")
    return lambda doc: bool(pattern.search(html.unescape(doc.post.text)))


def _url(value: str) -> Callable[[Document], bool]:
    needle = value.casefold()
    return lambda doc: any(
        needle in short.casefold() or needle in long.casefold() for short, long in doc.post.urls
    )


def _to(value: str) -> Callable[[Document], bool]:
    name = value.casefold()

    def holds(doc: Document) -> bool:
        found = _TO.match(doc.post.text)
        return doc.post.reply_to is not None and found is not None and found[1].casefold() == name

    return holds


def _minimum(value: str, per_like: float) -> Callable[[Document], bool]:
    return lambda doc: doc.post.heat * per_like >= int(value)


def _sample(value: str) -> Callable[[Document], bool]:
    # By the id, so that a reconnecting client sees the same sample.
    return lambda doc: (doc.post.id * 2_654_435_761 >> 7) % 100 < int(value)


def _reference(kind: str, value: str) -> Callable[[Document], bool]:
    return lambda doc: doc.post.ref(kind) == int(value)


def _known(name: str, value: str) -> Callable[[Document], bool] | None:
    references = {
        "in_reply_to_tweet_id": "replied_to",
        "retweets_of_tweet_id": "retweeted",
        "quotes_of_tweet_id": "quoted",
    }
    likes = {"min_likes": 1.0, "min_replies": 0.1, "min_reposts": 0.2}
    needs_number = name in references or name in likes or name in {"conversation_id", "sample"}
    if needs_number and not value.isdecimal():
        return None
    lower = value.casefold()
    tests: dict[str, Callable[[], Callable[[Document], bool]]] = {
        "is": lambda: _is(lower),
        "has": lambda: _has(lower),
        "lang": lambda: lambda doc: doc.post.lang == _LANG.get(lower, lower),
        "from": lambda: lambda doc: lower in {doc.post.author.username.casefold(), str(doc.post.author.id)},
        "to": lambda: _to(value),
        "url": lambda: _url(value),
        "retweets_of": lambda: lambda doc: doc.parent_author == lower,
        "conversation_id": lambda: lambda doc: (doc.post.conversation or doc.post.id) == int(value),
        "sample": lambda: _sample(value),
    }
    if name in references:
        return _reference(references[name], value)
    if name in likes:
        return _minimum(value, likes[name])
    return tests[name]() if name in tests else _never


def build(name: str, value: str, *, stream: bool) -> Node | None:
    """The test for ``name:value``, or None when X would refuse it."""
    name = name.lower()
    allowed = STANDALONE | COMPANION | (STREAM_ONLY if stream else frozenset())
    if name not in allowed or not value:
        return None
    if (name == "is" and value.lower() not in _IS) or (name == "has" and value.lower() not in _HAS):
        return None
    if name in {"from", "to", "retweets_of"}:
        value = value.lstrip("@")
    holds = _known(name, value)
    if holds is None:
        return None
    key = f"from:{value.casefold()}" if name == "from" and not value.isdecimal() else ""
    return Test(name, value.lower(), holds, key)
