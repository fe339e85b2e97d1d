"""Die at every I/O step and every commit, start again, and lose nothing; then plant bugs that this must find.

A death comes in two kinds. A kill keeps whatever the kernel was told. A power cut takes back every rename
that was not followed by an fsync of its directory, and every removal that was not.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import sqlalchemy as sa
from pipeline_support import START, Pipeline, page, row, tweet_id

from trendvane.lake import objects, pages
from trendvane.lake.disk import Disk
from trendvane.lake.store import key_for
from trendvane.steps.score import ScoreConfig, score
from trendvane.warehouse import manifest, rollups, scoring

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trendvane.domain.page import RawPage
    from trendvane.warehouse.engine import Warehouse

pytestmark = [pytest.mark.integration, pytest.mark.crash]

PAGES = [
    page(1, [row(1), row(2), row(3)]),
    page(2, [row(3), row(4), {"id": str(tweet_id(90))}], at=START + timedelta(minutes=1)),
    page(3, [row(4), row(5)], "#b", at=START + timedelta(minutes=2)),
    page(4, [row(6), row(1)], "#b", at=START + timedelta(hours=1, minutes=2)),
]
IDS = [tweet_id(number) for number in (1, 2, 3, 4, 5, 6, 90)]
LEASE = timedelta(0)  # a dead scorer's claim ends at once


class Died(BaseException):
    """Not an Exception: nothing may catch it and go on."""


@dataclass
class Fate:
    """Counts steps and dies at one of them."""

    at: int = 0
    steps: int = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps == self.at:
            raise Died


@dataclass
class FatedDisk(Disk):
    """A disk that dies before a step, and can be robbed of what was never synced."""

    fate: Fate
    renamed: list[Path] = field(default_factory=list)
    removed: list[tuple[Path, bytes]] = field(default_factory=list)

    def write(self, path: Path, data: bytes) -> None:
        self.fate.step()
        super().write(path, data)

    def rename(self, source: Path, target: Path) -> None:
        self.fate.step()
        super().rename(source, target)
        self.renamed.append(target)

    def sync_dir(self, path: Path) -> None:
        self.fate.step()
        super().sync_dir(path)
        self.renamed = [target for target in self.renamed if target.parent != path]
        self.removed = [item for item in self.removed if item[0].parent != path]

    def remove(self, path: Path) -> None:
        self.fate.step()
        if path.exists():
            self.removed.append((path, path.read_bytes()))
        super().remove(path)

    def cut_power(self) -> None:
        for target in self.renamed:
            target.unlink(missing_ok=True)
        for path, data in self.removed:
            if path.parent.exists():
                path.write_bytes(data)


class NeverSyncsDirectories(FatedDisk):
    def sync_dir(self, path: Path) -> None:
        self.fate.step()


@dataclass
class FatedWarehouse:
    """Dies before a commit, or after it."""

    real: Warehouse
    fate: Fate

    @contextmanager
    def begin(self) -> Iterator[Any]:
        with self.real.begin() as connection:
            yield connection
            self.fate.step()
        self.fate.step()


def collect(pipe: Pipeline, *, cursor_first: bool = False) -> None:
    """A source that never repeats what lies below the cursor."""
    for number, each in enumerate(PAGES, start=1):
        if (pipe.value("SELECT coalesce(max(since_id), 0) FROM crawl_cursor") or 0) >= number:
            continue
        if not cursor_first:
            pipe.spool.save(each)
        pipe.execute(
            f"INSERT INTO crawl_cursor (topic_id, since_id) VALUES ('t', {number})"
            " ON CONFLICT (topic_id) DO UPDATE SET since_id = excluded.since_id"
        )
        if cursor_first:
            pipe.spool.save(each)


def score_all(pipe: Pipeline) -> None:
    score(pipe.warehouse, pipe.model, ScoreConfig(batch=4, lease=LEASE, max_attempts=9), now=pipe.now)


def honest(pipe: Pipeline) -> None:
    collect(pipe)
    pipe.push()
    pipe.stage()
    score_all(pipe)


def cursor_before_data(pipe: Pipeline) -> None:
    collect(pipe, cursor_first=True)
    pipe.push()
    pipe.stage()
    score_all(pipe)


def delete_before_upload(pipe: Pipeline) -> None:
    collect(pipe)
    for group in pipe.spool.groups():
        files = pipe.spool.pages(group)
        found: list[RawPage] = [pages.read(path) for path in files]
        for path in files:
            pipe.spool.disk.remove(path)
        if found:
            data = objects.encode(found)
            digest = hashlib.sha256(data).hexdigest()
            key = key_for(found[0].fetched_at, group.topic_hash, digest)
            pipe.lake.put(key, data)
            with pipe.warehouse.begin() as connection:
                entry = manifest.Entry(key, digest, len(data), len(found), "emulator")
                manifest.register(connection, entry, now=pipe.now())
    pipe.stage()
    score_all(pipe)


def manifest_in_its_own_transaction(pipe: Pipeline) -> None:
    collect(pipe)
    pipe.push()
    keys = [key for (key,) in pipe.rows("SELECT key FROM lake_object WHERE staged_at IS NULL")]
    for key in keys:
        pipe.execute(f"UPDATE lake_object SET staged_at = now() WHERE key = '{key}'")
        # Undone and done again in one transaction each: what a stager with two transactions would do.
        pipe.execute("SELECT 1")
        pipe.execute(f"UPDATE lake_object SET staged_at = NULL WHERE key = '{key}'")
        pipe.stage(limit=1)
    score_all(pipe)


def counts_in_their_own_transaction(pipe: Pipeline) -> None:
    collect(pipe)
    pipe.push()
    pipe.stage()
    with pipe.warehouse.begin() as connection:
        claims = scoring.claim(connection, lease=LEASE, limit=100, attempts=(0, 9))
    ids = [claim.tweet_id for claim in claims]
    if not ids:
        return
    with pipe.warehouse.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO tweet_product SELECT tweet_id, tweet_id, topic, type, 2, 0.7, now(), created_at,"
                " now(), 0.1, 0.2, 0.7, 'fake-1', cluster_id = tweet_id FROM tweet_staging"
                " WHERE tweet_id = ANY(:ids)"
                " ON CONFLICT DO NOTHING"
            ),
            {"ids": ids},
        )
        connection.execute(
            sa.text("UPDATE tweet_staging SET inference_done = true WHERE tweet_id = ANY(:ids)"), {"ids": ids}
        )
    with pipe.warehouse.begin() as connection:
        rollups.add(connection, ids)


TABLES = (
    "tweet_product",
    "tweet_staging",
    "tweet_topic",
    "lake_object",
    "dead_letter",
    "cluster_key",
    "topic_rollup",
    "crawl_cursor",
)


@dataclass
class Harness:
    root: Path
    warehouse: Warehouse
    life: Callable[[Pipeline], None] = honest
    disk: type[FatedDisk] = FatedDisk

    def steps(self) -> int:
        """Steps of a life that nothing cuts short."""
        self._fresh()
        fate = Fate()
        self.life(self._pipeline(fate))
        return fate.steps

    def survives(self, *deaths: int, power_cut: bool = False) -> bool:
        """Whether a pipeline that dies at these steps, one death after the other, ends up whole."""
        self._fresh()
        for at in deaths:
            fate = Fate(at)
            pipe = self._pipeline(fate)
            try:
                self.life(pipe)
            except Died:
                if power_cut:
                    pipe.disk.cut_power()
        pipe = self._pipeline(Fate())
        self.life(pipe)
        report = pipe.audit(IDS)
        done = report.places.product == len(IDS) - 1 and report.places.dead == 1 and report.orphans == 0
        return report.balanced and done and not pipe.spool.stats().files

    def _pipeline(self, fate: Fate) -> Any:
        pipe = Pipeline(self.root, cast("Any", FatedWarehouse(self.warehouse, fate)), disk=self.disk(fate))
        pipe.at = START + timedelta(hours=4)
        return pipe

    def _fresh(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir(parents=True)
        with self.warehouse.begin() as connection:
            for table in TABLES:  # a handful of rows: deleting them is faster than truncating
                connection.execute(sa.text(f"DELETE FROM {table}"))


@pytest.fixture
def ram() -> Iterator[Path]:
    """A directory whose fsync costs nothing: thousands of them are counted here, none has to be true."""
    shared = Path("/dev/shm")
    directory = Path(tempfile.mkdtemp(prefix="tv", dir=shared if shared.is_dir() else None))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.mark.parametrize("power_cut", [False, True], ids=["kill", "power cut"])
def test_every_single_death_is_survived(ram: Path, warehouse: Warehouse, power_cut: bool) -> None:  # noqa: FBT001
    harness = Harness(ram / "life", warehouse)
    last = harness.steps()
    assert last > 60
    bad = [at for at in range(1, last + 1) if not harness.survives(at, power_cut=power_cut)]
    assert bad == []


def test_a_second_death_during_recovery_is_survived(ram: Path, warehouse: Warehouse) -> None:
    harness = Harness(ram / "life", warehouse)
    bad = [
        (first, second)
        for first in range(3, harness.steps(), 7)
        for second in (2, 9, 23)
        if not harness.survives(first, second, power_cut=True)
    ]
    assert bad == []


@pytest.mark.parametrize(
    ("life", "disk", "power_cut"),
    [
        (cursor_before_data, FatedDisk, False),
        (delete_before_upload, FatedDisk, False),
        (manifest_in_its_own_transaction, FatedDisk, False),
        (counts_in_their_own_transaction, FatedDisk, False),
        (honest, NeverSyncsDirectories, True),
    ],
    ids=["cursor first", "delete first", "manifest apart", "counts apart", "no directory sync"],
)
def test_a_planted_bug_is_found(
    ram: Path,
    warehouse: Warehouse,
    life: Callable[[Pipeline], None],
    disk: type[FatedDisk],
    power_cut: bool,  # noqa: FBT001
) -> None:
    harness = Harness(ram / "life", warehouse, life, disk)
    last = harness.steps()
    assert any(not harness.survives(at, power_cut=power_cut) for at in range(1, last + 1))
