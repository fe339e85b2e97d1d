"""A topic: something people talk about, and the query that finds it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum


class TopicKind(StrEnum):
    """Where a topic came from; the values of the column ``type``."""

    TRENDING = "trending"
    HASHTAG = "hashtag"
    KEYWORD = "keyword"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Topic:
    """A watched topic.

    Attributes:
        name: As X or the user wrote it. Trend names are written by strangers: never a path, a label or SQL.
        kind: Where it came from.
    """

    name: str
    kind: TopicKind

    @property
    def topic_id(self) -> str:
        """Sixteen hex digits naming the topic wherever a name must be safe: paths, labels, URLs."""
        return topic_id(self.name)

    @classmethod
    def parse(cls, text: str) -> Topic:
        """Read a topic as a person writes it: ``#tag``, ``from:user`` or ``@user``, or a keyword."""
        text = " ".join(text.split())
        if text.startswith("#"):
            return cls(text, TopicKind.HASHTAG)
        if text.startswith("@") or text.lower().startswith("from:"):
            return cls(text, TopicKind.USER)
        return cls(text, TopicKind.KEYWORD)


def topic_id(name: str) -> str:
    """Hash of the case-folded, whitespace-normalised name: two spellings of one trend are one topic."""
    folded = " ".join(name.split()).casefold()
    return hashlib.sha256(folded.encode("utf-8", "replace")).hexdigest()[:16]
