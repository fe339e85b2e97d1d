"""The half of staging that needs no database: from the bytes of an object to tweets ready to be stored.

It runs in a thread of its own, one object ahead of the half that writes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from trendvane.domain.author import author_hash, author_key
from trendvane.domain.text import STORED_LIMIT, fingerprints
from trendvane.lake import objects
from trendvane.warehouse import clusters, deadletter, staging
from trendvane.x.parse import read_page

if TYPE_CHECKING:
    from trendvane.domain.page import RawPage
    from trendvane.domain.tweet import Tweet

_RETWEETED = re.compile(r"RT @\w+: ")
_ID_BYTES = 8
_WHOLE = 2**64


@dataclass(frozen=True, slots=True)
class StageConfig:
    """How tweets are staged.

    Attributes:
        hash_key: Secret of at most 64 bytes. Keys the author's hash and the choice of samples; with another
            key other tweets are chosen, so it must not change.
        validation: Share of tweets in the validation sample.
        training: Share in the training sample; no tweet is in both.
    """

    hash_key: bytes = field(repr=False)
    validation: float = 0.10
    training: float = 0.01


class Candidate(NamedTuple):
    """A tweet as far as it can be known without asking the warehouse: its row has its own id as cluster."""

    row: staging.Row
    saying: clusters.Saying


@dataclass(slots=True)
class Batch:
    """The content of one object: distinct tweets by id, each as it was first seen.

    Attributes:
        tweets: By id.
        letters: What could not be read.
        read: Tweets read, repeated ones included.
    """

    tweets: dict[int, Candidate] = field(default_factory=dict)
    letters: list[deadletter.Letter] = field(default_factory=list)
    read: int = 0


def read_object(config: StageConfig, key: str, data: bytes) -> Batch:
    """Read every page of an object.

    Raises:
        CorruptObjectError: The object is not what was pushed.
    """
    batch = Batch()
    make = _Maker(config, key.split("/")[-2])
    for page in objects.decode(data):
        found = read_page(page.body, page.endpoint)
        batch.read += len(found.tweets)
        raw_ref = f"{key}#{page.page_id}"
        for tweet in found.tweets:
            if tweet.tweet_id not in batch.tweets:
                batch.tweets[tweet.tweet_id] = make.candidate(tweet, page, raw_ref)
        for bad in found.bad:
            batch.letters.append(
                deadletter.Letter("stage", bad.reason, bad.detail, raw_ref, bad.index, bad.tweet_id)
            )
    return batch


class _Maker:
    """Makes candidates of one object, and remembers wordings: retweets and copies repeat them."""

    def __init__(self, config: StageConfig, topic: str) -> None:
        self._topic = topic
        self._keys: dict[str, tuple[int, ...]] = {}
        chooser = Chooser(config)
        self._sample, self._author_hash = chooser.sample, chooser.author_hash

    def candidate(self, tweet: Tweet, page: RawPage, raw_ref: str) -> Candidate:
        tweet_id, text, created_at, lang, author, retweet_of, edit_root, sanitized = tweet
        content = text.strip()[:STORED_LIMIT]
        wording = content
        if content.startswith("RT @") and (match := _RETWEETED.match(content)):
            wording = content[match.end() :]
        keys = self._keys.get(wording)
        if keys is None:
            keys = self._keys[wording] = fingerprints(wording)
        row = staging.Row(
            tweet_id,
            self._topic,
            content,
            page.topic_kind,
            page.fetched_at,
            created_at,
            lang,
            None if author is None else self._author_hash(author),
            tweet_id,
            self._sample(tweet_id),
            page.source,
            raw_ref,
            sanitized,
        )
        origin = retweet_of or (edit_root if edit_root != tweet_id else None)
        return Candidate(row, clusters.Saying(tweet_id, keys, origin))


class Chooser:
    """Keyed hashes: who wrote a tweet, without keeping who, and which sample it falls into.

    Keyed, because nobody should be able to write himself into a sample; how, ``domain.author`` says.
    """

    def __init__(self, config: StageConfig) -> None:
        self._author = author_key(config.hash_key)
        self._sample = blake2b(key=config.hash_key, digest_size=32, person=b"sample").digest()
        self._validation = int(config.validation * _WHOLE)
        self._either = self._validation + int(config.training * _WHOLE)

    def author_hash(self, author_id: str) -> int:
        """Signed 64-bit hash of an author's id."""
        return author_hash(self._author, author_id)

    def sample(self, tweet_id: int) -> str | None:
        """``validation``, ``training`` or None; the same answer every time."""
        digest = blake2b(self._sample + tweet_id.to_bytes(_ID_BYTES, "big"), digest_size=8).digest()
        place = int.from_bytes(digest, "big")
        if place < self._validation:
            return "validation"
        return "training" if place < self._either else None
