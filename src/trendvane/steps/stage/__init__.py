"""Stage: turn lake objects into rows, each object once, in one transaction with its row of the manifest.

What cannot be read, or what PostgreSQL refuses, goes to the dead letters with its reason and its place in the
lake; it never takes its neighbours with it. Deciding who belongs to which cluster and which sample happens
here, once, so that every later step agrees on it.
"""

from __future__ import annotations

import gc
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from trendvane.domain.errors import CorruptObjectError, RetryableError, TerminalError
from trendvane.steps.stage.reading import Batch, Chooser, StageConfig, read_object
from trendvane.warehouse import clusters, deadletter, manifest, staging

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from concurrent.futures import Executor, Future
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from trendvane.lake.store import Lake
    from trendvane.warehouse.engine import Warehouse

# Objects read while one is being written; one more than the writer can be waiting for.
_AHEAD = 2

__all__ = ["Chooser", "StageConfig", "StageReport", "stage"]


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


@dataclass(frozen=True, slots=True)
class _Source:
    """Where objects come from and how they are read."""

    lake: Lake
    warehouse: Warehouse
    config: StageConfig
    reader: Executor

    def take(self, *, after: str, untried: bool = False) -> _Object | None:
        """Count an attempt at the next object and start reading it."""
        with self.warehouse.begin() as connection:
            attempt = manifest.attempt(connection, after=after, untried=untried)
        if attempt is None:
            return None
        return _Object(attempt, self.reader.submit(self._read, attempt.key))

    def _read(self, key: str) -> Batch:
        return read_object(self.config, key, self.lake.get(key))


class _Object(NamedTuple):
    """An object in hand, and its content on the way."""

    attempt: manifest.Attempt
    batch: Future[Batch]


def stage(
    lake: Lake, warehouse: Warehouse, config: StageConfig, *, now: Callable[[], datetime], limit: int = 100
) -> StageReport:
    """Stage up to ``limit`` objects that are new in the manifest. Any number of stagers may run at once.

    Raises:
        StorageUnavailableError: Lake or warehouse did not answer; the objects in hand are left as they were.
    """
    with warehouse.begin() as connection:
        report = StageReport(dead=manifest.exhaust(connection))
    with (
        ThreadPoolExecutor(max_workers=1, thread_name_prefix="stage-reader") as reader,
        closing(_objects(_Source(lake, warehouse, config, reader), limit)) as found,
    ):
        count = 0
        for count, item in enumerate(found, start=1):  # noqa: B007 - how many there were
            with _no_cycle_search():
                report = _stage_object(warehouse, item, report, now=now)
    return replace(report, limited=count == limit)


def _objects(source: _Source, limit: int) -> Generator[_Object]:
    """Objects in the order of their keys, the next ones being read while the caller writes this one.

    Reading keeps Python busy, writing mostly the server.
    An object whose attempt was once cut short may be the one that kills the process. It is worked on
    alone, so that none of its neighbours runs out of attempts in its company.
    """
    queue: deque[_Object] = deque()
    last = ""
    left = limit
    try:
        while left or queue:
            alone = bool(queue) and queue[0].attempt.number > 1
            while left and len(queue) <= _AHEAD and not alone:
                item = source.take(after=last, untried=bool(queue))
                if item is None:
                    break
                queue.append(item)
                last, left, alone = item.attempt.key, left - 1, item.attempt.number > 1
            if not queue:
                return
            yield queue.popleft()
    finally:
        for item in queue:  # the caller gave up, for no fault of these
            item.batch.cancel()
            with source.warehouse.begin() as connection:
                manifest.give_back(connection, item.attempt.key)


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
    warehouse: Warehouse, item: _Object, report: StageReport, *, now: Callable[[], datetime]
) -> StageReport:
    key = item.attempt.key
    try:
        batch = item.batch.result()
        with warehouse.begin() as connection:
            staging.guard(connection)
            if not manifest.lock(connection, key):
                return report
            done = _write(connection, key, batch)
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


def _write(connection: Connection, key: str, batch: Batch) -> StageReport:
    """Every row of one object, in the caller's transaction."""
    topic = key.split("/")[-2]
    ids = sorted({letter.tweet_id for letter in batch.letters if letter.tweet_id} | batch.tweets.keys())
    gone = staging.forgotten(connection, ids)
    staging.rearm(connection, gone)
    # Known rows are locked before anything is added to them: see ``staging.link``.
    known = staging.lock(connection, ids) - gone
    fresh = [batch.tweets[i] for i in ids if i in batch.tweets and i not in known and i not in gone]
    cluster_of = clusters.assign(connection, [saying for _, saying in fresh])
    rows = [
        row if (head := cluster_of[row.tweet_id]) == row.tweet_id else row._replace(cluster_id=head)
        for row, _ in fresh
    ]
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
