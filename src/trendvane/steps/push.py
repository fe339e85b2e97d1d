"""Push: seal the pages of an hour and hand them to the lake.

The order is the whole design. A sealed object is durable in the spool before its page files go, the lake has
read it back before the manifest names it, and only then does the sealed file go. A crash between any two of
these leaves work to repeat, never something to miss: the object's name is the hash of its bytes, so repeating
writes the same thing to the same place.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from trendvane.domain.errors import CorruptObjectError
from trendvane.lake import objects, pages
from trendvane.lake.store import key_for
from trendvane.warehouse import deadletter, manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from trendvane.domain.page import RawPage
    from trendvane.lake.spool import Group, Spool
    from trendvane.lake.store import Lake
    from trendvane.warehouse.engine import Warehouse

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class PushConfig:
    """When pages are sealed.

    Attributes:
        max_bytes: Size of the pages (not compressed) at which an object is sealed before its hour is over.
        max_age: Age of the oldest page at which it is sealed as well; None waits for the hour.
    """

    max_bytes: int = 8 * 2**20
    max_age: timedelta | None = None


@dataclass(frozen=True, slots=True)
class PushReport:
    """What a push did; ``bytes`` are compressed bytes, ``keys`` the objects that are new in the manifest."""

    objects: int = 0
    pages: int = 0
    bytes: int = 0
    quarantined: int = 0
    keys: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything was done."""
        return bool(self.objects or self.quarantined)

    @property
    def more(self) -> bool:
        """Never: one run does all there is."""
        return False


def push(
    spool: Spool, lake: Lake, warehouse: Warehouse, config: PushConfig, *, now: Callable[[], datetime]
) -> PushReport:
    """Finish what an earlier push left sealed, then seal and upload every group that is due.

    One push at a time may run on a spool.

    Raises:
        StorageUnavailableError: Lake or warehouse did not answer; what is sealed stays for the next push.
        OSError: The disk failed; the process should end.
    """
    report = PushReport()
    for path in spool.sealed():
        report = _finish(spool, lake, warehouse, path, report, now=now)
    for group in spool.groups():
        if not _is_due(spool, group, config, now()):
            continue
        for batch in _batches(spool.pages(group), config.max_bytes):
            sealed, torn = _seal(spool, group, batch, warehouse)
            report = replace(report, quarantined=report.quarantined + torn)
            if sealed is not None:
                report = _finish(spool, lake, warehouse, sealed, report, now=now)
    spool.sweep(now())
    return report


def _is_due(spool: Spool, group: Group, config: PushConfig, now: datetime) -> bool:
    if now >= group.hour + _HOUR:
        return True
    files = spool.pages(group)
    if not files:
        return False
    if sum(path.stat().st_size for path in files) >= config.max_bytes:
        return True
    if config.max_age is None:
        return False
    try:
        oldest = pages.read(files[0]).fetched_at
    except CorruptObjectError:
        return True  # sealing will put it aside
    return now - oldest >= config.max_age


def _batches(files: list[Path], max_bytes: int) -> Iterator[list[Path]]:
    """Files in order, cut where the sum of their sizes reaches ``max_bytes``."""
    batch: list[Path] = []
    size = 0
    for path in files:
        batch.append(path)
        size += path.stat().st_size
        if size >= max_bytes:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _seal(spool: Spool, group: Group, files: list[Path], warehouse: Warehouse) -> tuple[Path | None, int]:
    """Write one object durably into the spool.

    Returns:
        Its path (None if no page could be read) and the number of torn files.
    """
    found: list[RawPage] = []
    torn = 0
    for path in files:
        try:
            found.append(pages.read(path))
        except CorruptObjectError as error:
            _quarantine(spool, warehouse, path, "torn_page", str(error))
            torn += 1
    if not found:
        return None, torn
    data = objects.encode(found)
    name = f"{group.hour:%Y-%m-%dT%H}.{group.topic_hash}.{hashlib.sha256(data).hexdigest()}{objects.SUFFIX}"
    sealed = spool.sealed_dir / name
    spool.disk.make_dir(spool.sealed_dir)
    spool.disk.save(sealed, data)
    return sealed, torn


def _finish(
    spool: Spool,
    lake: Lake,
    warehouse: Warehouse,
    sealed: Path,
    report: PushReport,
    *,
    now: Callable[[], datetime],
) -> PushReport:
    """Take a sealed object to its end: page files, lake, manifest, and last of all the sealed file."""
    data = sealed.read_bytes()
    topic_hash, digest = sealed.name.split(".")[1:3]
    try:
        found = list(objects.decode(data, sha256=digest))
    except CorruptObjectError as error:
        _quarantine(spool, warehouse, sealed, "torn_object", str(error))
        return replace(report, quarantined=report.quarantined + 1)
    for page in found:
        spool.disk.remove(spool.path_of(page))
    key = key_for(found[0].fetched_at, topic_hash, digest)
    lake.put(key, data)
    entry = manifest.Entry(key, digest, len(data), len(found), found[0].source)
    with warehouse.begin() as connection:
        new = manifest.register(connection, entry, now=now())
    spool.disk.remove(sealed)
    return PushReport(
        objects=report.objects + 1,
        pages=report.pages + len(found),
        bytes=report.bytes + len(data),
        quarantined=report.quarantined,
        keys=(*report.keys, key) if new else report.keys,
    )


def _quarantine(spool: Spool, warehouse: Warehouse, path: Path, reason: str, detail: str) -> None:
    """Record first, move second: a crash in between repeats the record, which changes nothing."""
    letter = deadletter.Letter("push", reason, detail, raw_ref=path.relative_to(spool.root).as_posix())
    with warehouse.begin() as connection:
        deadletter.add(connection, [letter])
    spool.quarantine(path)
