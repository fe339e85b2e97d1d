"""A parsed query: what matches a document, and which postings are enough to look at."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from trendvane.emulator import words as read

if TYPE_CHECKING:
    from trendvane.emulator.post import Post

# A cover names postings whose union holds every match; None means "look at everything".
Cover = tuple[str, ...] | None
Size = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Document:
    """A post as the matcher sees it.

    Attributes:
        words: Words of the text, folded when ``fold``.
        fold: True for search (cafe finds café), False for the stream.
        quoted: Words of the quoted post; the stream matches them too, search does not.
        parent_author: Username of the author of the retweeted post, lower case.
    """

    post: Post
    words: tuple[str, ...]
    fold: bool
    quoted: tuple[str, ...] = ()
    parent_author: str = ""


class Node(Protocol):
    """One part of a query."""

    def matches(self, doc: Document) -> bool:
        """Whether the document satisfies this part."""
        ...

    def cover(self, size: Size) -> Cover:
        """Smallest known postings that hold every match."""
        ...


def _contains(haystack: tuple[str, ...], needle: tuple[str, ...]) -> bool:
    if len(needle) == 1:
        return needle[0] in haystack
    first, length = needle[0], len(needle)
    return any(w == first and haystack[i : i + length] == needle for i, w in enumerate(haystack))


@dataclass(frozen=True, slots=True)
class Phrase:
    """One or more words that stand together."""

    words: tuple[str, ...]

    def matches(self, doc: Document) -> bool:
        """Look at the text, and on the stream at the quoted text."""
        return _contains(doc.words, self.words) or bool(doc.quoted and _contains(doc.quoted, self.words))

    def cover(self, size: Size) -> Cover:
        """Postings of the rarest word."""
        return (min(self.words, key=size),)


@dataclass(frozen=True, slots=True)
class Raw:
    """An emoji or a run of unspaced script: found as a substring."""

    text: str

    def matches(self, doc: Document) -> bool:
        """Substring of the whole text."""
        return self.text in read.normal(doc.post.note or doc.post.text, fold=doc.fold)

    def cover(self, size: Size) -> Cover:  # noqa: ARG002
        """Unknown: every post must be looked at."""
        return None


@dataclass(frozen=True, slots=True)
class Tag:
    """``#tag``, ``@name`` or ``$cash``, sign included."""

    text: str

    def matches(self, doc: Document) -> bool:
        """Exact tag, not a part of it."""
        return self.text in read.tags(doc.post.note or doc.post.text, fold=doc.fold)

    def cover(self, size: Size) -> Cover:  # noqa: ARG002
        """Tags have their own postings."""
        return (self.text,)


@dataclass(frozen=True, slots=True)
class TopicTerm:
    """A term that is a topic's name: the feed's own assignment counts beside the text.

    Attributes:
        text: The textual reading, None when only the assignment counts (replays).
    """

    topic: str
    text: Node | None

    def matches(self, doc: Document) -> bool:
        """Assigned to the topic, or matching as text."""
        return self.topic in doc.post.topics or (self.text is not None and self.text.matches(doc))

    def cover(self, size: Size) -> Cover:
        """The topic's postings and the text's."""
        own = (topic_key(self.topic),)
        if self.text is None:
            return own
        other = self.text.cover(size)
        return None if other is None else own + other


@dataclass(frozen=True, slots=True)
class Test:
    """Any other operator: a predicate, with postings where there are some."""

    name: str
    value: str
    holds: Callable[[Document], bool]
    key: str = ""

    def matches(self, doc: Document) -> bool:
        """Ask the predicate."""
        return self.holds(doc)

    def cover(self, size: Size) -> Cover:  # noqa: ARG002
        """Its postings, if it has any."""
        return (self.key,) if self.key else None


@dataclass(frozen=True, slots=True)
class Not:
    """Negation."""

    node: Node

    def matches(self, doc: Document) -> bool:
        """The opposite."""
        return not self.node.matches(doc)

    def cover(self, size: Size) -> Cover:  # noqa: ARG002
        """Nothing narrows a negation."""
        return None


@dataclass(frozen=True, slots=True)
class And:
    """All parts."""

    nodes: tuple[Node, ...]

    def matches(self, doc: Document) -> bool:
        """Every part holds."""
        return all(node.matches(doc) for node in self.nodes)

    def cover(self, size: Size) -> Cover:
        """The part with the fewest postings is enough."""
        covers = [cover for node in self.nodes if (cover := node.cover(size)) is not None]
        return min(covers, key=lambda keys: sum(map(size, keys)), default=None)


@dataclass(frozen=True, slots=True)
class Or:
    """Any part."""

    nodes: tuple[Node, ...]

    def matches(self, doc: Document) -> bool:
        """Some part holds."""
        return any(node.matches(doc) for node in self.nodes)

    def cover(self, size: Size) -> Cover:
        """Postings of all parts; one unknown part makes the whole unknown."""
        keys: list[str] = []
        for node in self.nodes:
            cover = node.cover(size)
            if cover is None:
                return None
            keys.extend(cover)
        return tuple(dict.fromkeys(keys))


def topic_key(topic: str) -> str:
    """Postings key of a topic; NUL keeps it apart from every word."""
    return "\0" + topic


def plain(text: str) -> str:
    """Text as people read it, for predicates that look at characters."""
    return html.unescape(text)
