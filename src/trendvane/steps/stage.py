"""Stage: turn lake objects into rows, each object once, in one transaction with its row of the manifest.

What cannot be read, or what PostgreSQL refuses, goes to the dead letters with its reason and its place in the
lake; it never takes its neighbours with it. Deciding who belongs to which cluster and which sample happens
here, once, so that every later step agrees on it.
"""

from __future__ import annotations

import gc
import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from trendvane.domain.errors import CorruptObjectError, RetryableError, TerminalError
from trendvane.domain.text import STORED_LIMIT, fingerprints
from trendvane.lake import objects
from trendvane.warehouse import clusters, deadletter, manifest, staging
from trendvane.x.parse import read_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from trendvane.domain.page import RawPage
    from trendvane.domain.tweet import Tweet
    from trendvane.lake.store import Lake
    from trendvane.warehouse.engine import Warehouse

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


@dataclass(frozen=True, slots=True)
class StageReport:
    """What staging did.

    Attributes:
        objects: Objects staged.
        tweets: Tweets read from them, repeated ones included.
        inserted: Tweets that were new.
        linked: Known tweets that were new to a topic.
        forgotten: Tweets left out because of a tombstone.
        dead: Dead letters written.
        failed: Objects that could not be staged this time.
        limited: Whether ``limit`` was reached.
    """

    objects: int = 0
    tweets: int = 0
    inserted: int = 0
    linked: int = 0
    forgotten: int = 0
    dead: int = 0
    failed: int = 0
    limited: bool = False

    @property
    def changed(self) -> bool:
        """Whether anything was done."""
        return bool(self.objects or self.dead or self.failed)

    @property
    def more(self) -> bool:
        """Whether the limit ended the run before the manifest did."""
        return self.limited


@dataclass(slots=True)
class _Batch:
    """The content of one object: distinct tweets with the page each was first seen on."""

    tweets: dict[int, tuple[Tweet, RawPage]] = field(default_factory=dict)
    letters: list[deadletter.Letter] = field(default_factory=list)
    read: int = 0


def stage(
    lake: Lake, warehouse: Warehouse, config: StageConfig, *, now: Callable[[], datetime], limit: int = 100
) -> StageReport:
    """Stage up to ``limit`` objects that are new in the manifest. Any number of stagers may run at once.

    Raises:
        StorageUnavailableError: Lake or warehouse did not answer; the object in hand is left as it was.
    """
    report = StageReport()
    last = ""
    with warehouse.begin() as connection:
        exhausted = manifest.exhaust(connection)
    report = replace(report, dead=exhausted)
    for _ in range(limit):
        with warehouse.begin() as connection:
            key = manifest.attempt(connection, after=last)
        if key is None:
            break
        last = key
        with _no_cycle_search():
            report = _stage_object(lake, warehouse, config, key, report, now=now)
    else:
        return replace(report, limited=True)
    return report


@contextmanager
def _no_cycle_search() -> Iterator[None]:
    """Pause Python's search for reference cycles while one object is in hand.

    An object makes some hundred thousand small values, none of them in a cycle; searching them over and over
    costs a third of the time. Other threads are not searched meanwhile either, for a fraction of a second.
    """
    searching = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searching:
            gc.enable()


def _stage_object(
    lake: Lake,
    warehouse: Warehouse,
    config: StageConfig,
    key: str,
    report: StageReport,
    *,
    now: Callable[[], datetime],
) -> StageReport:
    try:
        batch = read_object(key, lake.get(key))
        with warehouse.begin() as connection:
            staging.guard(connection)
            if not manifest.lock(connection, key):
                return report
            done = _write(connection, config, key, batch)
            manifest.staged(connection, key, tweets=batch.read, inserted=done.inserted, now=now())
    except TerminalError as error:
        reason = "corrupt_object" if isinstance(error, CorruptObjectError) else "object_refused"
        with warehouse.begin() as connection:
            dead = manifest.failed(connection, key, reason, str(error))
        return replace(report, failed=report.failed + 1, dead=report.dead + dead)
    except RetryableError:
        with warehouse.begin() as connection:
            manifest.give_back(connection, key)
        raise
    return StageReport(
        objects=report.objects + 1,
        tweets=report.tweets + batch.read,
        inserted=report.inserted + done.inserted,
        linked=report.linked + done.linked,
        forgotten=report.forgotten + done.forgotten,
        dead=report.dead + done.dead,
        failed=report.failed,
    )


def read_object(key: str, data: bytes) -> _Batch:
    """Read every page of an object.

    Raises:
        CorruptObjectError: The object is not what was pushed.
    """
    batch = _Batch()
    tweets, letters = batch.tweets, batch.letters
    for page in objects.decode(data):
        found = read_page(page.body, page.endpoint)
        batch.read += len(found.tweets)
        for tweet in found.tweets:
            if tweet.tweet_id not in tweets:
                tweets[tweet.tweet_id] = (tweet, page)
        for bad in found.bad:
            reference = f"{key}#{page.page_id}"
            letters.append(
                deadletter.Letter("stage", bad.reason, bad.detail, reference, bad.index, bad.tweet_id)
            )
    return batch


def _write(connection: Connection, config: StageConfig, key: str, batch: _Batch) -> StageReport:
    """Every row of one object, in the caller's transaction."""
    topic = key.split("/")[-2]
    ids = sorted({letter.tweet_id for letter in batch.letters if letter.tweet_id} | batch.tweets.keys())
    gone = staging.forgotten(connection, ids)
    staging.rearm(connection, gone)
    # Known rows are locked before anything is added to them: see ``staging.link``.
    known = staging.lock(connection, ids) - gone
    fresh = [batch.tweets[i] for i in ids if i in batch.tweets and i not in known and i not in gone]
    rows = _rows(connection, config, key, topic, fresh)
    inserted, refused = staging.insert_rows(connection, rows)
    if len(inserted) + len(refused) < len(rows):
        late = {row.tweet_id for row in rows} - inserted - {item.row.tweet_id for item in refused}
        known |= staging.lock(connection, sorted(late))
    linked = staging.link(connection, sorted(known & batch.tweets.keys()), topic)
    staging.pardon(connection, sorted(inserted))
    letters = [
        letter
        for letter in batch.letters
        # A tweet that is there, or gone on purpose, is not missing because one of its copies is broken.
        if letter.tweet_id not in known and letter.tweet_id not in inserted and letter.tweet_id not in gone
    ]
    for item in refused:
        row = item.row
        letters.append(
            deadletter.Letter(
                "stage", "row_refused", item.detail, f"{row.raw_ref}/{row.tweet_id}", tweet_id=row.tweet_id
            )
        )
    dead = deadletter.add(connection, letters)
    return StageReport(
        inserted=len(inserted), linked=linked, forgotten=len(gone & batch.tweets.keys()), dead=dead
    )


def _rows(
    connection: Connection, config: StageConfig, key: str, topic: str, fresh: list[tuple[Tweet, RawPage]]
) -> list[staging.Row]:
    contents = [tweet.text.strip()[:STORED_LIMIT] for tweet, _ in fresh]
    cluster_of = clusters.assign(
        connection,
        [
            clusters.Saying(
                tweet.tweet_id,
                fingerprints(content),
                tweet.retweet_of or (tweet.edit_root if tweet.edit_root != tweet.tweet_id else None),
            )
            for (tweet, _), content in zip(fresh, contents, strict=True)
        ],
    )
    chooser = Chooser(config)
    sample, author_hash = chooser.sample, chooser.author_hash
    return [
        staging.Row(
            tweet.tweet_id,
            topic,
            content,
            page.topic_kind,
            page.fetched_at,
            tweet.created_at,
            tweet.lang,
            None if tweet.author_id is None else author_hash(tweet.author_id),
            cluster_of[tweet.tweet_id],
            sample(tweet.tweet_id),
            page.source,
            f"{key}#{page.page_id}",
            tweet.sanitized,
        )
        for (tweet, page), content in zip(fresh, contents, strict=True)
    ]


class Chooser:
    """Keyed hashes: who wrote a tweet, without keeping who, and which sample it falls into.

    Keyed, because a plain hash of a numeric author id is undone by trying them all, and because nobody
    should be able to write himself into a sample.
    """

    def __init__(self, config: StageConfig) -> None:
        self._author = hashlib.blake2b(key=config.hash_key, digest_size=8, person=b"author")
        self._sample = hashlib.blake2b(key=config.hash_key, digest_size=8, person=b"sample")
        self._validation = int(config.validation * _WHOLE)
        self._either = self._validation + int(config.training * _WHOLE)

    def author_hash(self, author_id: str) -> int:
        """Signed 64-bit hash of an author's id."""
        state = self._author.copy()
        state.update(author_id.encode())
        return int.from_bytes(state.digest(), "big", signed=True)

    def sample(self, tweet_id: int) -> str | None:
        """``validation``, ``training`` or None; the same answer every time."""
        state = self._sample.copy()
        state.update(tweet_id.to_bytes(_ID_BYTES, "big"))
        place = int.from_bytes(state.digest(), "big")
        if place < self._validation:
            return "validation"
        return "training" if place < self._either else None
