from __future__ import annotations

import dataclasses
import errno
import os
import stat
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from trendvane.domain.errors import CorruptObjectError
from trendvane.domain.page import RawPage
from trendvane.domain.topic import topic_id
from trendvane.lake import pages
from trendvane.lake.disk import Disk
from trendvane.lake.spool import Room, Spool

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 1, 5, 12, 34, 56, 789000, tzinfo=UTC)
PAGE = RawPage(
    page_id="1767616496789-00c0ffee",
    topic="../../etc/passwd\x00",
    topic_kind="trending",
    source="x",
    endpoint="search",
    query="q",
    fetched_at=AT,
    status=200,
    content_type="application/json",
    body=b'{"data": []}\n\x00\xff',
)


class Recorder(Disk):
    """Notes what was done, in order."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def write(self, path: Path, data: bytes) -> None:
        super().write(path, data)
        self.done.append("write")

    def rename(self, source: Path, target: Path) -> None:
        super().rename(source, target)
        self.done.append("rename")

    def sync_dir(self, path: Path) -> None:
        super().sync_dir(path)
        self.done.append("sync_dir")


class Failing(Disk):
    def __init__(self, step: str) -> None:
        self.step = step

    def write(self, path: Path, data: bytes) -> None:
        super().write(path, data)
        if self.step == "write":
            raise OSError(errno.EIO, "fsync")

    def sync_dir(self, path: Path) -> None:
        if self.step == "sync_dir":
            raise OSError(errno.EIO, "fsync")
        super().sync_dir(path)


def test_a_page_comes_back_byte_for_byte(tmp_path: Path) -> None:
    assert pages.read(Spool(tmp_path).save(PAGE)) == PAGE


def test_file_then_name_then_directory(tmp_path: Path) -> None:
    disk = Recorder()
    spool = Spool(tmp_path, disk=disk)
    spool.save(PAGE)
    disk.done.clear()
    spool.save(dataclasses.replace(PAGE, page_id="2-b"))
    assert disk.done == ["write", "rename", "sync_dir"]


@pytest.mark.parametrize("step", ["write", "sync_dir"])
def test_a_failed_fsync_is_fatal(tmp_path: Path, step: str) -> None:
    Spool(tmp_path).save(PAGE)
    with pytest.raises(OSError, match="fsync"):
        Spool(tmp_path, disk=Failing(step)).save(dataclasses.replace(PAGE, page_id="2-b"))


def test_paths_carry_the_hash_of_the_topic_and_stay_inside(tmp_path: Path) -> None:
    path = Spool(tmp_path).save(PAGE)
    assert path.relative_to(tmp_path).as_posix() == (
        f"pages/2026-01-05T12/{topic_id(PAGE.topic)}.x/1767616496789-00c0ffee.page"
    )


@pytest.mark.parametrize("field", ["page_id", "source"])
@pytest.mark.parametrize("name", ["../up", "a/b", "", ".", "x" * 81, "a\x00"])
def test_unsafe_names_are_refused(tmp_path: Path, field: str, name: str) -> None:
    with pytest.raises(ValueError, match="file name"):
        Spool(tmp_path).save(dataclasses.replace(PAGE, **{field: name}))  # type: ignore[arg-type]


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    path = Spool(tmp_path / "spool").save(PAGE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for directory in list(path.parents)[:4]:
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(OSError, match="exists"):
        Disk().write(tmp_path / "link", b"x")
    assert not target.exists()


@pytest.mark.parametrize("damage", [b"", b"{}", b"{}\n", b"not json\nbody"])
def test_a_torn_file_says_so(tmp_path: Path, damage: bytes) -> None:
    path = Spool(tmp_path).save(PAGE)
    path.write_bytes(damage)
    with pytest.raises(CorruptObjectError):
        pages.read(path)


def test_every_truncation_is_noticed(tmp_path: Path) -> None:
    path = Spool(tmp_path).save(PAGE)
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(CorruptObjectError):
            pages.read(path)


def test_temporary_files_are_swept_after_an_hour(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    page = spool.save(PAGE)
    old, young = page.with_name(".tmp.1.a"), page.with_name(".tmp.2.b")
    now = datetime.now(tz=UTC)
    for path, age in ((old, 3700), (young, 60)):
        path.write_bytes(b"half")
        os.utime(path, (now.timestamp() - age,) * 2)
    assert spool.sweep(now) == 1
    assert young.exists()
    assert page.exists()
    assert spool.pages(next(spool.groups())) == [page]


def test_empty_directories_of_old_hours_go(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    page = spool.save(PAGE)
    page.unlink()
    spool.sweep(AT + timedelta(hours=1))
    assert page.parent.exists()
    spool.sweep(AT + timedelta(hours=5))
    assert not page.parent.parent.exists()
    spool.save(PAGE)


def test_stats_and_quota(tmp_path: Path) -> None:
    spool = Spool(tmp_path, warn_bytes=1000, full_bytes=2000)
    assert spool.stats().oldest is None
    rooms = []
    for number in range(5):
        rooms.append(spool.room())
        spool.save(dataclasses.replace(PAGE, page_id=str(number), body=bytes(300)))
    assert rooms[0] is Room.OK
    assert spool.room() is Room.FULL
    assert Room.WARN in rooms
    assert spool.stats().files == 5
    assert spool.stats().bytes > 1500
