"""Posts as JSON in the vocabulary of the parameter that was sent.

X mirrors the request: ``tweet.fields`` answers with ``retweet_count`` and ``includes.tweets``,
``post.fields`` with ``repost_count`` and ``includes.posts``. Names of the other vocabulary, like any
unknown name, are dropped without a word.
"""

from __future__ import annotations

import html
import math
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from trendvane.domain.topic import topic_id
from trendvane.emulator.clock import iso
from trendvane.emulator.problems import CURRENT_HOST, LEGACY_HOST

if TYPE_CHECKING:
    from collections.abc import Callable

    from trendvane.emulator.params import Params
    from trendvane.emulator.post import Post, User

_TAG = re.compile(r"(?<![\w&])#([^\W_][\w]*)")
_MENTION = re.compile(r"(?<!\w)@([A-Za-z0-9_]{1,15})\b")
_CASHTAG = re.compile(r"(?<!\w)\$([A-Za-z]{1,6})\b")
_EDIT_WINDOW_MS = 3_600_000
_MAX_EDITS = 5
_SHOWN = 27


class Dialect(StrEnum):
    """Which vocabulary a reply speaks."""

    LEGACY = "legacy"
    CURRENT = "current"

    @property
    def host(self) -> str:
        """Host of problem types."""
        return LEGACY_HOST if self is Dialect.LEGACY else CURRENT_HOST

    @property
    def posts(self) -> str:
        """Key of referenced posts inside ``includes``."""
        return "tweets" if self is Dialect.LEGACY else "posts"

    @property
    def history(self) -> str:
        """Key of the edit chain."""
        return "edit_history_tweet_ids" if self is Dialect.LEGACY else "edit_history_post_ids"

    @property
    def references(self) -> str:
        """Expansion that brings the referenced posts."""
        return "referenced_tweets.id" if self is Dialect.LEGACY else "referenced_posts"

    @property
    def volume(self) -> str:
        """Key of a number of posts: in a bucket of counts, among a user's metrics."""
        return "tweet_count" if self is Dialect.LEGACY else "post_count"

    @classmethod
    def of(cls, params: Params, default: str) -> Dialect:
        """Mirror the field parameter; ``tweet.fields`` wins where both are sent."""
        if "tweet.fields" in params:
            return cls.LEGACY
        return cls.CURRENT if "post.fields" in params else cls(default)


@dataclass(frozen=True, slots=True)
class View:
    """What one request wants to see of each post."""

    dialect: Dialect
    fields: frozenset[str]
    expansions: frozenset[str]
    user_fields: frozenset[str]

    @classmethod
    def of(cls, params: Params, default: str) -> View:
        """Read the field parameters."""
        dialect = Dialect.of(params, default)
        fields = params.csv("tweet.fields" if dialect is Dialect.LEGACY else "post.fields")
        return cls(
            dialect,
            frozenset(fields),
            frozenset(params.csv("expansions")),
            frozenset(params.csv("user.fields")),
        )

    def post(self, post: Post, now_ms: int) -> dict[str, Any]:
        """One post; null values are left out, as X leaves them out."""
        out: dict[str, Any] = {
            "id": str(post.id),
            "text": post.text,
            self.dialect.history: [str(i) for i in post.history or (post.id,)],
        }
        for name, make in (_LEGACY if self.dialect is Dialect.LEGACY else _CURRENT).items():
            if self._wanted(name) and (value := make(post, now_ms)) is not None:
                out[name] = value
        return out

    def user(self, user: User) -> dict[str, Any]:
        """One account."""
        full = {
            "created_at": iso(user.created_ms),
            "verified": user.verified,
            "protected": False,
            "public_metrics": {
                "followers_count": user.followers,
                "following_count": user.followers % 911 + 12,
                self.dialect.volume: user.followers % 7919 + 40,
                "listed_count": user.followers // 200,
                "like_count": user.followers % 4801,
            },
        }
        base: dict[str, Any] = {"id": str(user.id), "name": user.name, "username": user.username}
        return base | {name: value for name, value in full.items() if name in self.user_fields}

    def _wanted(self, name: str) -> bool:
        if name in self.fields and (self.dialect is Dialect.LEGACY or name not in _ONLY_EXPANDED):
            return True
        return name in self.expansions or (
            name == "referenced_tweets" and "referenced_tweets.id" in self.expansions
        )


def entities(text: str, urls: tuple[tuple[str, str], ...]) -> dict[str, Any] | None:
    """Entities with offsets in code points of the escaped text."""
    found: dict[str, Any] = {
        "hashtags": [{"start": m.start(), "end": m.end(), "tag": m[1]} for m in _TAG.finditer(text)],
        "mentions": [{"start": m.start(), "end": m.end(), "username": m[1]} for m in _MENTION.finditer(text)],
        "cashtags": [{"start": m.start(), "end": m.end(), "tag": m[1]} for m in _CASHTAG.finditer(text)],
        "urls": [entity for pair in urls if (entity := _url(text, *pair)) is not None],
    }
    return {name: items for name, items in found.items() if items} or None


def _url(text: str, short: str, long: str) -> dict[str, Any] | None:
    start = text.find(short)
    if start < 0:  # cut away with the end of a long text
        return None
    shown = long.removeprefix("https://")
    display = shown if len(shown) < _SHOWN else shown[: _SHOWN - 2] + "…"
    return {
        "start": start,
        "end": start + len(short),
        "url": short,
        "expanded_url": long,
        "display_url": display,
        "status": 200,
        "unwound_url": long,
    }


def _metrics(reposts: str) -> Callable[[Post, int], dict[str, int]]:
    def make(post: Post, now_ms: int) -> dict[str, int]:
        # Attention saturates: half of the final likes come in the first twenty minutes.
        likes = int(post.heat * (1 - math.exp(-max(now_ms - post.created_ms, 0) / 1_731_000)))
        return {
            reposts: likes // 5,
            "reply_count": likes // 9,
            "like_count": likes,
            "quote_count": likes // 40,
            "bookmark_count": likes // 25,
            "impression_count": likes * 37 + 11,
        }

    return make


def _note(post: Post, _now: int) -> dict[str, Any] | None:
    if not post.note:
        return None
    inner = entities(post.note, post.urls)
    return {"text": post.note} | ({"entities": inner} if inner else {})


def _references(post: Post, _now: int) -> list[dict[str, str]] | None:
    return [{"type": kind, "id": str(target)} for kind, target in post.refs] or None


def _edit_controls(post: Post, now_ms: int) -> dict[str, Any]:
    born = post.created_ms
    left = max(_MAX_EDITS - len(post.history) + 1, 0)
    eligible = post.ref("retweeted") is None and left > 0 and now_ms < born + _EDIT_WINDOW_MS
    return {
        "edits_remaining": left,
        "is_edit_eligible": eligible,
        "editable_until": iso(born + _EDIT_WINDOW_MS),
    }


def _context(post: Post, _now: int) -> list[dict[str, Any]] | None:
    domain = {"id": "131", "name": "Unified Twitter Taxonomy", "description": "A taxonomy of user interests."}
    return [
        {"domain": domain, "entity": {"id": str(int(topic_id(t)[:12], 16)), "name": t.lstrip("#")}}
        for t in post.topics
    ] or None


_SHARED: dict[str, Callable[[Post, int], Any]] = {
    "author_id": lambda post, _: str(post.author.id),
    "context_annotations": _context,
    "conversation_id": lambda post, _: str(post.conversation or post.id),
    "created_at": lambda post, _: iso(post.created_ms),
    "display_text_range": lambda post, _: [0, len(html.unescape(post.text))],
    "edit_controls": _edit_controls,
    "entities": lambda post, _: entities(post.text, post.urls),
    "in_reply_to_user_id": lambda post, _: None if post.reply_to is None else str(post.reply_to),
    "lang": lambda post, _: post.lang,
    "possibly_sensitive": lambda _post, _now: False,
    "reply_settings": lambda _post, _now: "everyone",
}
_LEGACY = _SHARED | {
    "public_metrics": _metrics("retweet_count"),
    "note_tweet": _note,
    "referenced_tweets": _references,
}
_CURRENT = _SHARED | {
    "public_metrics": _metrics("repost_count"),
    "note_post": _note,
    "referenced_posts": _references,
}
# In the current vocabulary these are no fields: only an expansion, which is billed, shows them.
_ONLY_EXPANDED = frozenset({"author_id", "referenced_posts", "in_reply_to_user_id"})
