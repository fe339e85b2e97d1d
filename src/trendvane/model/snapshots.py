"""Data snapshots and the frozen test set: folders that are written once, and whose hash is their name.

    <root>/snapshots/<id>/cleaned_data.csv, snapshot.json, DATA_CARD.md      <root>/snapshots/latest
    <root>/testset/<id>/test.csv, testset.json                               <root>/testset/current

An id is the beginning of the sha256 of the CSV, so the same rows get the same id at any time and anywhere.
Only forgetting changes a file afterwards: the id and the original hash stay, and the JSON says how many rows
went and what the hash is now.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from trendvane.domain.errors import ConfigurationError
from trendvane.domain.text import TEXT_VERSION
from trendvane.model import datarows, erasing
from trendvane.model.datafolders import (
    FORMAT,
    SCRATCH,
    SNAPSHOT,
    TEST_SET,
    Kind,
    Snapshot,
    TestSet,
    dump,
    is_sound,
    load,
    save,
    sync,
)
from trendvane.model.datarows import DataRow, SplitRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["CARD", "DEV", "TEST", "TRAIN", "DataRow", "Snapshot", "Snapshots", "SplitRow", "TestSet"]

TRAIN, DEV, TEST = "train", "dev", "test"
CARD = erasing.CARD
Finish = Callable[[Mapping[str, Any]], tuple[Mapping[str, Any], str]]
_ID_LENGTH = 12  # hex digits


class Snapshots:
    """The store. Reading needs no lock; whoever writes or erases holds ``exclusive``.

    Args:
        root: Folder; made when needed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep other writers out, and clear away what one that died left behind.

        Forgetting waits here for a curation to end, so that no row it erases can be written afterwards.
        """
        import fcntl  # noqa: PLC0415  absent on Windows, where reading works all the same

        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for left in [
                path for depth in ("", "*/", "*/*/") for path in self.root.glob(f"{depth}{SCRATCH}*")
            ]:
                shutil.rmtree(left) if left.is_dir() else left.unlink()
            yield

    def scratch(self) -> Path:
        """A new empty folder; what is left in it goes when the next writer begins."""
        folder = self.root / f"{SCRATCH}{uuid.uuid4().hex}"
        folder.mkdir(parents=True)
        return folder

    def latest(self) -> Snapshot:
        """The snapshot that was curated last.

        Raises:
            ConfigurationError: There is none.
            DatasetError: It was altered.
        """
        return self.load(self._pointed(SNAPSHOT, "No data was curated yet.", "Run `trendvane run curate`."))

    def load(self, snapshot_id: str) -> Snapshot:
        """A snapshot by its id.

        Raises:
            ConfigurationError: There is none of that id.
            DatasetError: It was altered.
        """
        return Snapshot(**load(self.root, SNAPSHOT, snapshot_id))

    def ids(self) -> list[str]:
        """Ids of all snapshots, the one curated last at the end."""
        folders = [f for f in (self.root / SNAPSHOT.home).glob("*") if (f / SNAPSHOT.json).exists()]
        return [f.name for f in sorted(folders, key=lambda f: (f.stat().st_mtime_ns, f.name))]

    @property
    def has_test_set(self) -> bool:
        """Whether a test set was ever frozen."""
        return (self.root / TEST_SET.home / TEST_SET.pointer).exists()

    def test_set(self) -> TestSet:
        """The frozen test set.

        Raises:
            ConfigurationError: There is none yet.
            DatasetError: It was altered.
        """
        remedy = "Run `trendvane run curate` with rows that people labelled."
        current = self._pointed(TEST_SET, "There is no test set yet.", remedy)
        return TestSet(**load(self.root, TEST_SET, current))

    def write(
        self,
        rows: Iterable[SplitRow],
        facts: Mapping[str, Any] | None = None,
        finish: Finish = lambda _: ({}, ""),
    ) -> Snapshot:
        """Store a snapshot, whole or not at all, and make it the latest.

        Args:
            rows: ``train`` or ``dev``, with the row; their order counts for the hash.
            facts: What else ``snapshot.json`` shall say; must hold nothing of a tweet.
            finish: Given all that once the rows are written, says what to add to it, and the data card.

        Returns:
            What is stored: the same rows that were stored before, less those forgotten since, are left alone.
        """
        stored = self._store(SNAPSHOT, rows, facts or {}, finish)
        os.utime(self.root / SNAPSHOT.home / stored)
        self._point(SNAPSHOT, stored)
        return self.load(stored)

    def freeze(
        self,
        rows: Iterable[DataRow],
        facts: Mapping[str, Any] | None = None,
        finish: Finish = lambda _: ({}, ""),
    ) -> TestSet:
        """Store a test set, whole or not at all, and let it judge from now on. See ``write``."""
        stored = self._store(TEST_SET, ((TEST, row) for row in rows), facts or {}, finish)
        self._point(TEST_SET, stored)
        return self.test_set()

    def erase(self, tweet_ids: Iterable[int | str]) -> int:
        """Rewrite every snapshot and test set without these tweets; returns rows erased.

        A crash leaves the old file or the new one; erasing again ends what was begun.
        """
        wanted = frozenset(map(str, tweet_ids))
        if not self.root.is_dir():
            return 0
        with self.exclusive():
            return sum(
                erasing.erase(folder, kind, wanted)
                for kind in (SNAPSHOT, TEST_SET)
                for folder in sorted((self.root / kind.home).glob("*/"))
            )

    def _store(
        self,
        kind: Kind,
        rows: Iterable[SplitRow],
        facts: Mapping[str, Any],
        finish: Finish,
    ) -> str:
        scratch = self.scratch()
        sha256, counts = datarows.write(scratch / kind.csv, rows, with_split=kind.with_split)
        name = sha256[:_ID_LENGTH]
        whole: dict[str, Any] = {
            "format": FORMAT,
            "id": name,
            "sha256": sha256,
            "text_version": TEXT_VERSION,
            "counts": counts.named(),
            "erased": 0,
            **facts,
        }
        added, card = finish(whole)
        save(scratch / kind.json, dump({**whole, **added}))
        if kind.with_split:
            save(scratch / CARD, card.encode())
        sync(scratch)
        home = self.root / kind.home / name
        home.parent.mkdir(exist_ok=True)
        if is_sound(self.root, kind, name):
            shutil.rmtree(scratch)
        else:
            if home.exists():  # damaged
                home.rename(self.root / f"{SCRATCH}{uuid.uuid4().hex}")
            scratch.rename(home)
            sync(home.parent)
            sync(self.root)
        return name

    def _point(self, kind: Kind, name: str) -> None:
        save(self.root / kind.home / kind.pointer, name.encode())

    def _pointed(self, kind: Kind, trouble: str, remedy: str) -> str:
        try:
            return (self.root / kind.home / kind.pointer).read_text().strip()
        except FileNotFoundError as error:
            raise ConfigurationError(trouble, remedy=remedy) from error
