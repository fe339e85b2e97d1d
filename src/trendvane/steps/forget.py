"""Forget: a tweet that was deleted on X, or grew too old, goes from every store; no replay brings it back.

First the warehouse, in one transaction that leaves a tombstone; then the spool, the lake and the data sets,
whose files are rewritten without the tweet. The tombstone stays marked until that is done, so a crash in
between is taken up by the next run. A forgotten tweet that X sends again marks its tombstone anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from trendvane.domain import snowflake
from trendvane.domain.errors import CorruptObjectError
from trendvane.lake import erase, objects, pages
from trendvane.lake.store import key_for
from trendvane.warehouse import forgetting, manifest

if TYPE_CHECKING:
    from trendvane.domain.page import RawPage
    from trendvane.lake.spool import Spool
    from trendvane.lake.store import Lake
    from trendvane.model.snapshots import Snapshots
    from trendvane.warehouse.engine import Warehouse

Doomed = tuple[int, str]
# Given the ids we hold, the ones that must go, with the reason. X's compliance jobs answer exactly this.
Finder = Callable[[Iterable[int]], Iterable[Doomed]]
_BATCH = 5000
_ROUNDS = 5
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ForgetConfig:
    """What is forgotten besides what is asked for.

    Attributes:
        retention: How long a tweet is kept after it was fetched; None keeps it.
        source: Whose tweets the finder is asked about.
    """

    retention: timedelta | None = None
    source: str = "x"


@dataclass(frozen=True, slots=True)
class ForgetReport:
    """Tombstones put up, staged rows deleted, files rewritten or removed, rows taken out of data sets."""

    tombstones: int = 0
    rows: int = 0
    objects: int = 0
    spool_files: int = 0
    dataset_rows: int = 0

    @property
    def changed(self) -> bool:
        """Whether anything was done."""
        return bool(self.tombstones or self.objects or self.spool_files)

    @property
    def more(self) -> bool:
        """Never: one run does all there is."""
        return False


def forget(  # noqa: PLR0913 - four stores, and two ways to say what must go
    spool: Spool,
    lake: Lake,
    warehouse: Warehouse,
    config: ForgetConfig,
    *,
    now: Callable[[], datetime],
    find: Finder | None = None,
    requests: Iterable[Doomed] = (),
    snapshots: Snapshots | None = None,
) -> ForgetReport:
    """Forget what ``requests`` name, what ``find`` finds, and what is past its retention.

    Reads every lake object written since the oldest tweet in question was born: a cost that is why this runs
    once a day and not once an hour.

    Raises:
        StorageUnavailableError: Lake or warehouse did not answer; what is done is done, the next run goes on.
    """
    tombstones = rows = 0
    for batch in _batched(_doomed(warehouse, config, find, requests, now())):
        with warehouse.begin() as connection:
            rows += forgetting.bury(connection, batch, now=now())
        tombstones += len(batch)
    removed = _finish_removals(lake, warehouse)
    if config.retention is not None:
        removed += _drop_old(lake, warehouse, now() - config.retention, now())
    swept = _sweep_stores(spool, lake, warehouse, snapshots, now)
    return ForgetReport(
        tombstones + swept.tombstones,
        rows + swept.rows,
        removed + swept.objects,
        swept.spool_files,
        swept.dataset_rows,
    )


def _sweep_stores(
    spool: Spool,
    lake: Lake,
    warehouse: Warehouse,
    snapshots: Snapshots | None,
    now: Callable[[], datetime],
) -> ForgetReport:
    """Take every tweet whose tombstone is still marked out of every file; retweets of it may follow."""
    tombstones = rows = objects_ = files = learned = 0
    for _ in range(_ROUNDS):
        with warehouse.begin() as connection:
            marked = forgetting.unerased(connection)
        if not marked:
            break
        sweep = _Sweep(spool, lake, warehouse, marked, now)
        files += sweep.spool()
        objects_ += sweep.lake()
        learned += snapshots.erase(marked) if snapshots is not None else 0
        if sweep.companions:  # retweets: they carry the text of what was forgotten
            with warehouse.begin() as connection:
                doomed = [(tweet_id, "retweet_of_forgotten") for tweet_id in sweep.companions]
                rows += forgetting.bury(connection, doomed, now=now())
            tombstones += len(sweep.companions)
        with warehouse.begin() as connection:
            forgetting.erased(connection, marked, now=now())
    return ForgetReport(tombstones, rows, objects_, files, learned)


def _doomed(
    warehouse: Warehouse,
    config: ForgetConfig,
    find: Finder | None,
    requests: Iterable[Doomed],
    now: datetime,
) -> Iterator[Doomed]:
    yield from requests
    if find is not None:
        with warehouse.begin() as connection:
            ids = list(forgetting.held(connection, config.source))
        yield from find(ids)
    if config.retention is None:
        return
    last = 0
    while True:
        with warehouse.begin() as connection:
            expired = forgetting.expired(connection, now - config.retention, last)
        if not expired:
            return
        last = expired[-1]
        yield from ((tweet_id, "retention") for tweet_id in expired)


def _batched(doomed: Iterable[Doomed]) -> Iterator[list[Doomed]]:
    batch: list[Doomed] = []
    for item in doomed:
        batch.append(item)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


class _Sweep:
    """One pass through spool and lake for a set of forgotten tweets."""

    def __init__(
        self, spool: Spool, lake: Lake, warehouse: Warehouse, ids: list[int], now: Callable[[], datetime]
    ) -> None:
        self._spool = spool
        self._lake = lake
        self._warehouse = warehouse
        self._now = now
        self._oldest = min(ids)
        self._ids = frozenset(str(tweet_id).encode() for tweet_id in ids)
        self.companions: set[int] = set()

    def spool(self) -> int:
        """Rewrite pages and sealed objects that wait in the spool; returns files changed."""
        changed = 0
        for group in self._spool.groups():
            for path in self._spool.pages(group):
                try:
                    page = pages.read(path)
                except (CorruptObjectError, FileNotFoundError):
                    continue  # torn, or pushed in this moment: stage will mark the tombstone again
                (kept,) = self._erase([page])
                if kept is not page:
                    self._spool.disk.save(path, pages.encode(kept))
                    changed += 1
        for path in self._spool.sealed():
            hour, topic_hash, digest = path.name.split(".")[:3]
            try:
                found = list(objects.decode(path.read_bytes(), sha256=digest))
            except (CorruptObjectError, FileNotFoundError):
                continue
            kept_pages = self._erase(found)
            if kept_pages != found:
                data = objects.encode(kept_pages)
                name = f"{hour}.{topic_hash}.{hashlib.sha256(data).hexdigest()}{objects.SUFFIX}"
                self._spool.disk.save(path.with_name(name), data)
                # It may have reached the lake already, without a row in the manifest.
                self._lake.delete(key_for(found[0].fetched_at, topic_hash, digest))
                self._spool.disk.remove(path)
                changed += 1
        return changed + self._quarantine()

    def lake(self) -> int:
        """Rewrite lake objects; returns how many. Nothing older than the oldest tweet can hold one."""
        changed = 0
        after = _hour_prefix(snowflake.to_datetime(self._oldest) - _HOUR)
        while True:
            with self._warehouse.begin() as connection:
                keys = forgetting.keys(connection, after)
            if not keys:
                return changed
            after = keys[-1]
            changed += sum(self._rewrite(key) for key in keys)

    def _rewrite(self, key: str) -> bool:
        try:
            found = list(objects.decode(self._lake.get(key)))
        except CorruptObjectError:
            return False  # nobody can read it any more; staging reports it
        kept = self._erase(found)
        if kept == found:
            return False
        data = objects.encode(kept)
        digest = hashlib.sha256(data).hexdigest()
        new = key_for(kept[0].fetched_at, key.split("/")[-2], digest)
        self._lake.put(new, data)
        entry = manifest.Entry(new, digest, len(data), len(kept), kept[0].source)
        ids = set[int]().union(*(erase.numbers(page) for page in kept))
        return _replace(self._lake, self._warehouse, key, entry, ids, self._now())

    def _erase(self, found: list[RawPage]) -> list[RawPage]:
        kept = []
        for page in found:
            cut, companions = erase.erase(page, self._ids)
            self.companions |= companions
            kept.append(cut)
        return kept

    def _quarantine(self) -> int:
        """Torn files that name a forgotten tweet have nothing left to teach."""
        removed = 0
        directory = self._spool.quarantine_dir
        for path in directory.iterdir() if directory.exists() else ():
            if any(tweet_id in path.read_bytes() for tweet_id in self._ids):
                self._spool.disk.remove(path)
                removed += 1
        return removed


def _replace(
    lake: Lake, warehouse: Warehouse, old: str, new: manifest.Entry | None, ids: set[int], now: datetime
) -> bool:
    """Manifest first, then the old bytes, then its old row: a crash leaves a row that says what is to do."""
    with warehouse.begin() as connection:
        retired = forgetting.succeed(connection, old, new, ids, now=now)
    if retired:
        _remove(lake, warehouse, old)
    return retired


def _remove(lake: Lake, warehouse: Warehouse, old: str) -> None:
    lake.delete(old)
    with warehouse.begin() as connection:
        forgetting.strike(connection, old)


def _finish_removals(lake: Lake, warehouse: Warehouse) -> int:
    with warehouse.begin() as connection:
        left = forgetting.superseded(connection)
    for key in left:
        _remove(lake, warehouse, key)
    return len(left)


def _drop_old(lake: Lake, warehouse: Warehouse, before: datetime, now: datetime) -> int:
    """Remove objects whose whole hour lies before ``before``: every tweet in them has expired."""
    with warehouse.begin() as connection:
        keys = forgetting.keys(connection, "", limit=_BATCH)
    old = [key for key in keys if key < _hour_prefix(before)]
    return sum(_replace(lake, warehouse, key, None, set(), now) for key in old)


def _hour_prefix(at: datetime) -> str:
    return key_for(at, "", "").rpartition("/")[0].removesuffix("/")
