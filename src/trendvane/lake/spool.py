"""The spool: raw pages on the local disk, saved before anybody reads them, until the lake has them.

    pages/2026-11-22T17/<topic hash>.<source>/<page id>.page     one header line, then the body as received
    sealed/2026-11-22T17.<topic hash>.<sha256>.json.zst          lake objects on their way
    quarantine/                                                  torn files, kept for a person to look at

Topic names are written by strangers, so paths carry their hash only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from trendvane.domain.topic import topic_id
from trendvane.lake import pages
from trendvane.lake.disk import TEMP_PREFIX, Disk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trendvane.domain.page import RawPage

HOUR_FORMAT = "%Y-%m-%dT%H"
_SUFFIX = ".page"
_SAFE = re.compile(r"[A-Za-z0-9_-]{1,80}")
_SWEEP_AFTER = timedelta(hours=1)


class Room(StrEnum):
    """How much room the spool has left, against its quota."""

    OK = "ok"
    WARN = "warn"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class SpoolStats:
    """What waits in the spool; ``oldest`` is None when nothing does."""

    bytes: int
    files: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Group:
    """Pages that will share a lake object: one topic, one source, one hour (UTC)."""

    hour: datetime
    topic_hash: str
    source: str
    path: Path


class Spool:
    """The spool under ``root``.

    Args:
        root: Its directory; made at the first save.
        disk: Does the I/O.
        warn_bytes: From here on :meth:`room` warns; collectors should slow down.
        full_bytes: From here on :meth:`room` says full; collectors must stop fetching.
    """

    def __init__(
        self,
        root: Path,
        *,
        disk: Disk | None = None,
        warn_bytes: int = 7 * 2**30,
        full_bytes: int = 10 * 2**30,
    ) -> None:
        self.root = root
        self.disk = disk or Disk()
        self._warn_bytes = warn_bytes
        self._full_bytes = full_bytes
        self.pages_dir = root / "pages"
        self.sealed_dir = root / "sealed"
        self.quarantine_dir = root / "quarantine"

    def save(self, page: RawPage) -> Path:
        """Save ``page``; when this returns, it survives a power cut.

        Raises:
            OSError: The disk is full or broken. After a failed fsync nothing about the file is certain: the
                process must end, not try again.
            ValueError: ``page_id`` or ``source`` would not be safe as a file name.
        """
        if not _SAFE.fullmatch(page.page_id) or not _SAFE.fullmatch(page.source):
            raise ValueError(f"not usable as a file name: {page.page_id!r}, {page.source!r}")
        path = self.path_of(page)
        data = pages.encode(page)
        self.disk.make_dir(path.parent)
        try:
            self.disk.save(path, data)
        except FileNotFoundError:  # the pusher removed the empty directory in between
            self.disk.make_dir(path.parent)
            self.disk.save(path, data)
        return path

    def path_of(self, page: RawPage) -> Path:
        """Where ``page`` lies, or would lie, in the spool."""
        hour = page.fetched_at.astimezone(UTC).strftime(HOUR_FORMAT)
        return self.pages_dir / hour / f"{topic_id(page.topic)}.{page.source}" / f"{page.page_id}{_SUFFIX}"

    def groups(self) -> Iterator[Group]:
        """Groups that hold pages, oldest hour first."""
        for hour_dir in _children(self.pages_dir):
            hour = datetime.strptime(hour_dir.name, HOUR_FORMAT).replace(tzinfo=UTC)
            for path in _children(hour_dir):
                topic_hash, _, source = path.name.partition(".")
                yield Group(hour, topic_hash, source, path)

    def pages(self, group: Group) -> list[Path]:
        """Files of ``group``, oldest first."""
        return [path for path in _children(group.path) if path.suffix == _SUFFIX]

    def sealed(self) -> list[Path]:
        """Sealed objects that have not reached the lake yet."""
        return [path for path in _children(self.sealed_dir) if not path.name.startswith(TEMP_PREFIX)]

    def quarantine(self, path: Path) -> Path:
        """Put a file that cannot be read aside, under a name that says where it lay."""
        self.disk.make_dir(self.quarantine_dir)
        target = self.quarantine_dir / "__".join(path.relative_to(self.root).parts)
        self.disk.rename(path, target)
        self.disk.sync_dir(self.quarantine_dir)
        return target

    def sweep(self, now: datetime) -> int:
        """Remove temporary files older than an hour, and empty directories; returns the files removed."""
        removed = 0
        for path in self.root.rglob(f"{TEMP_PREFIX}*") if self.root.exists() else ():
            if now.timestamp() - path.stat().st_mtime > _SWEEP_AFTER.total_seconds():
                self.disk.remove(path)
                removed += 1
        for hour_dir in _children(self.pages_dir):
            hour = datetime.strptime(hour_dir.name, HOUR_FORMAT).replace(tzinfo=UTC)
            if now - hour > 2 * _SWEEP_AFTER:
                _remove_if_empty(hour_dir)
        return removed

    def stats(self) -> SpoolStats:
        """Bytes and files that the lake does not have yet, and since when the oldest waits."""
        total, files, oldest = 0, 0, None
        for directory in (self.pages_dir, self.sealed_dir):
            for path in directory.rglob("*") if directory.exists() else ():
                try:
                    status = path.stat()
                except FileNotFoundError:
                    continue
                if path.is_file() and not path.name.startswith(TEMP_PREFIX):
                    total += status.st_size
                    files += 1
                    oldest = status.st_mtime if oldest is None else min(oldest, status.st_mtime)
        return SpoolStats(total, files, None if oldest is None else datetime.fromtimestamp(oldest, tz=UTC))

    def room(self) -> Room:
        """Where the spool stands against its quota. Nothing fetched is dropped: the collector asks first."""
        used = self.stats().bytes
        if used >= self._full_bytes:
            return Room.FULL
        return Room.WARN if used >= self._warn_bytes else Room.OK


def _children(path: Path) -> list[Path]:
    try:
        return sorted(path.iterdir())
    except FileNotFoundError:
        return []


def _remove_if_empty(hour_dir: Path) -> None:
    for path in (*_children(hour_dir), hour_dir):
        try:
            path.rmdir()
        except OSError:
            continue
