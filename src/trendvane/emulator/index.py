"""Published posts, found by id, by time and by query without looking at all of them."""

from __future__ import annotations

import heapq
from array import array
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from trendvane.emulator import words as read
from trendvane.emulator.query.nodes import Document, Node, topic_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trendvane.emulator.post import Deletion, Post


class Index:
    """An inverted index in memory; ids ascend, so every posting list is sorted by time.

    Args:
        max_posts: Older posts leave once this many are held.
    """

    def __init__(self, max_posts: int) -> None:
        self._max_posts = max_posts
        self._posts: dict[int, Post] = {}
        self._words: dict[int, tuple[str, ...]] = {}
        self._ids = array("q")
        self._postings: dict[str, array[int]] = {}
        self._superseded: set[int] = set()
        self.deletions: dict[int, Deletion] = {}

    def __len__(self) -> int:
        return len(self._posts)

    def add(self, post: Post) -> None:
        """Take in the newest post; an edit hides the version before it."""
        words = read.words(post.note or post.text, fold=True)
        self._posts[post.id] = post
        self._words[post.id] = words
        self._ids.append(post.id)
        self._superseded.update(post.history[:-1])
        # Retweets are kept for lookups, counts of metrics and the stream, but no search finds them.
        if post.ref("retweeted") is None:
            for key in self._keys(post, words):
                self._postings.setdefault(key, array("q")).append(post.id)
        if len(self._ids) > self._max_posts * 1.1:
            self._trim()

    def delete(self, event: Deletion) -> list[Post]:
        """Remove the whole edit chain and its retweets' hold on it; returns what was removed."""
        post = self._posts.get(event.post_id)
        chain = [] if post is None else [p for i in post.history if (p := self._posts.get(i)) is not None]
        for version in chain or ([post] if post else []):
            self.deletions[version.id] = event
            self._posts.pop(version.id, None)
            self._words.pop(version.id, None)
        return chain

    def get(self, post_id: int) -> Post | None:
        """The post, or None when unknown, deleted or too old."""
        return self._posts.get(post_id)

    def is_searchable(self, post_id: int) -> bool:
        """Whether some query could find it: present, newest of its chain, not a retweet."""
        post = self._posts.get(post_id)
        return post is not None and post_id not in self._superseded and post.ref("retweeted") is None

    def document(self, post: Post) -> Document:
        """The post as search sees it."""
        return Document(post, self._words[post.id], fold=True)

    def newest_first(self, node: Node, since: int, until: int) -> Iterator[Post]:
        """Matches with ``since < id < until``, newest first; no retweets, no superseded versions."""
        cover = node.cover(lambda key: len(self._postings.get(key, ())))
        lists = [self._ids] if cover is None else [self._postings.get(key, ()) for key in cover]
        for post_id in _descending(lists, since, until):
            if self.is_searchable(post_id) and node.matches(self.document(self._posts[post_id])):
                yield self._posts[post_id]

    def count_topic(self, topic: str, since: int, until: int) -> int:
        """Posts of a topic between two ids; what makes a trend a trend."""
        postings = self._postings.get(topic_key(topic), ())
        return bisect_left(postings, until) - bisect_right(postings, since)

    def _keys(self, post: Post, words: tuple[str, ...]) -> set[str]:
        keys = set(words) | read.tags(post.note or post.text, fold=True)
        keys.add(f"from:{post.author.username.casefold()}")
        keys.update(topic_key(topic) for topic in post.topics)
        return keys

    def _trim(self) -> None:
        keep_from = self._ids[-self._max_posts]
        for old in self._ids[: -self._max_posts]:
            self._posts.pop(old, None)
            self._words.pop(old, None)
            self._superseded.discard(old)
        self._ids = self._ids[-self._max_posts :]
        for key in list(self._postings):
            kept = self._postings[key]
            kept = kept[bisect_left(kept, keep_from) :]
            if kept:
                self._postings[key] = kept
            else:
                del self._postings[key]


def _descending(lists: Sequence[Sequence[int]], since: int, until: int) -> Iterator[int]:
    runs = [ids[bisect_right(ids, since) : bisect_left(ids, until)] for ids in lists]
    if len(runs) == 1:
        yield from reversed(runs[0])
        return
    previous = -1
    for post_id in heapq.merge(*(reversed(run) for run in runs), reverse=True):
        if post_id != previous:
            yield post_id
        previous = post_id
