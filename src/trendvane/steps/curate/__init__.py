"""Curate: labelled tweets become a snapshot that models are trained on, and a test set that judges them.

Rows are read once. What decides about them fits in memory for millions; the rows themselves wait on disk
until it is known where they go.
"""

from __future__ import annotations

import shutil
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import structlog

from trendvane.insight.agreement import agreement
from trendvane.model.snapshots import DEV, TRAIN
from trendvane.steps.curate import checks, raw, splitting
from trendvane.steps.curate.card import card
from trendvane.steps.curate.cleaning import Cleaner
from trendvane.steps.curate.config import CurateConfig, CurateReport
from trendvane.steps.curate.contents import Contents
from trendvane.steps.curate.deciding import Fates, Known, decide, drop_authors
from trendvane.steps.curate.gathering import Columns, Gathered
from trendvane.steps.curate.kinship import kin
from trendvane.steps.curate.reading import Reading, forgotten

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    import numpy.typing as npt

    from trendvane.model.snapshots import Snapshot, Snapshots, TestSet
    from trendvane.warehouse.engine import Warehouse

__all__ = ["CurateConfig", "CurateReport", "curate"]

log = structlog.get_logger(__name__)


def curate(
    warehouse: Warehouse, snapshots: Snapshots, config: CurateConfig, *, now: Callable[[], datetime]
) -> CurateReport:
    """Make a snapshot of every labelled tweet that may be learned from, and a test set where there is none.

    Args:
        warehouse: Its labelled tweets are taken, and files are kept free of what it was told to forget.
        snapshots: Where both go.
        config: Files, limits, and what chance is seeded with.
        now: Wall clock, UTC.

    Raises:
        ConfigurationError: A file cannot be used, or too few rows are left; the message says why.
        DatasetError: The frozen test set was altered.
        StorageUnavailableError: The warehouse did not answer.
    """
    with snapshots.exclusive():
        scratch = snapshots.scratch()
        try:
            return _Curation(warehouse, snapshots, config, now().isoformat()).run(scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


class _Curation:
    """One run."""

    def __init__(self, warehouse: Warehouse, snapshots: Snapshots, config: CurateConfig, at: str) -> None:
        self._warehouse = warehouse
        self._snapshots = snapshots
        self._config = config
        self._at = at
        self._cleaner = Cleaner(
            hash_key=config.hash_key,
            languages=config.languages,
            allow_x_content=config.allow_x_content,
        )

    def run(self, scratch: Path) -> CurateReport:
        """Read, decide, write."""
        frozen = self._frozen(scratch)
        with Gathered(scratch / "rows") as gathered:
            reading = Reading(self._cleaner, gathered)
            for path in self._config.files:
                reading.file(path)
            agreed = reading.warehouse(self._warehouse)
            columns = gathered.columns()
            fates = self._decide(columns, frozen)
            dropped = merged(reading.dropped, fates.dropped())
            checks.enough_to_train(checks.by_class(columns.labels[fates.left]), self._config, dropped)
            test = frozen or self._freeze(gathered, columns, fates, reading)
            facts = self._facts(reading, test) | {"dropped": dropped, "agreement": _agreement(agreed)}
            snapshot = self._write(gathered, columns, fates, facts)
        return _report(snapshot, test, facts)

    def _frozen(self, scratch: Path) -> TestSet | None:
        """The test set that judges already, or the one given by hand; None where one is to be made."""
        if self._config.test_file is not None:
            return self._from_file(scratch, self._config.test_file)
        if self._config.renew_test or not self._snapshots.has_test_set:
            return None
        test = self._snapshots.test_set()
        checks.enough_to_judge(test.counts["test"], self._config, {})
        return test

    def _from_file(self, scratch: Path, path: Path) -> TestSet:
        with Gathered(scratch / "test") as gathered:
            reading = Reading(self._cleaner, gathered)
            reading.file(path)
            columns = gathered.columns()
            fates = self._fates(columns)
            decide(columns, fates, None, by_wording=False)
            return self._freeze(gathered, columns, fates, reading)

    def _fates(self, columns: Columns) -> Fates:
        fates = Fates(columns.rows)
        fates.drop(forgotten(self._warehouse, columns.ids), raw.FORGOTTEN)
        return fates

    def _decide(self, columns: Columns, frozen: TestSet | None) -> Fates:
        known = Known.of(frozen.rows()) if frozen else None
        fates = self._fates(columns)
        decide(columns, fates, known)
        drop_authors(columns, fates, known)
        if self._config.limit:
            left = np.flatnonzero(fates.left)
            some = columns.of(left)
            places = splitting.order(some.ids, self._config.seed)
            fates.drop(left[~splitting.first_rows(some.labels, places, self._config.limit)], raw.LIMIT)
        return fates

    def _freeze(self, gathered: Gathered, columns: Columns, fates: Fates, reading: Reading) -> TestSet:
        rows = np.flatnonzero(fates.judging)
        dropped = merged(reading.dropped, fates.dropped())
        checks.enough_to_judge(checks.by_class(columns.labels[rows]), self._config, dropped)
        contents = Contents()
        facts = {
            "created_at": self._at,
            "rule": "held_out" if self._config.test_file is None else "file",
            "sources": reading.sources,
        }
        passing = contents.passing(gathered, self._shuffled(columns, rows))
        return self._snapshots.freeze(passing, facts, lambda _: (contents.facts(), ""))

    def _write(
        self, gathered: Gathered, columns: Columns, fates: Fates, facts: Mapping[str, Any]
    ) -> Snapshot:
        rows = self._shuffled(columns, np.flatnonzero(fates.left))
        some = columns.of(rows)
        places = splitting.order(some.ids, self._config.seed)
        dev = splitting.dev_rows(some.labels, kin(some), places, self._config.dev_share)
        contents = Contents()
        passing = zip(
            (DEV if chosen else TRAIN for chosen in dev.tolist()),
            contents.passing(gathered, rows),
            strict=True,
        )

        def finish(whole: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
            added = contents.facts()
            return added, card({**whole, **added})

        return self._snapshots.write(passing, facts, finish)

    def _shuffled(self, columns: Columns, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        return rows[np.argsort(splitting.order(columns.ids[rows], self._config.seed), kind="stable")]

    def _facts(self, reading: Reading, test: TestSet) -> dict[str, Any]:
        config = self._config
        return {
            "created_at": self._at,
            "test_set": test.id,
            "test_counts": test.counts["test"],
            "seed": config.seed,
            "dev_share": config.dev_share,
            "limit": config.limit,
            "allow_x_content": config.allow_x_content,
            "read": reading.rows,
            "sources": reading.sources,
        }


def merged(*counts: Mapping[str, int]) -> dict[str, int]:
    """Counts of dropped rows, added up, in the order in which reasons are looked for."""
    whole = sum((Counter(each) for each in counts), Counter[str]())
    return {reason: whole[reason] for reason in raw.REASONS if whole[reason]}


def _agreement(confusion: tuple[tuple[int, ...], ...]) -> dict[str, Any] | None:
    found = agreement(confusion)
    if not found.n:
        return None
    kappa = found.kappa
    bounds = {"kappa": kappa.value, "low": kappa.low, "high": kappa.high} if kappa else {"kappa": None}
    return {"n": found.n, "accuracy": found.accuracy, **bounds}


def _report(snapshot: Snapshot, test: TestSet, facts: Mapping[str, Any]) -> CurateReport:
    def size(split: str) -> int:
        return sum(snapshot.counts.get(split, {}).values())

    return CurateReport(
        snapshot.id, test.id, facts["read"], size(TRAIN), size(DEV), test.size, facts["dropped"]
    )
