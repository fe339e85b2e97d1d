"""What curation is told, and what it says it did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class CurateConfig:
    """What is curated, and how.

    Attributes:
        files: CSVs of labelled tweets, beside those of the warehouse.
        limit: Rows for training and development, at most; 0 for all. The test set is taken from all rows.
        allow_x_content: Whether tweets of the real X may be trained on; its rules forbid that to most apps.
        seed: Of every choice made by chance.
        dev_share: Share of each class that goes to the development side.
        min_train_rows: Training and development rows without which there is no snapshot.
        min_test_rows: Rows labelled by people that a test set needs.
        test_file: A CSV that is the test set, instead of the rows that are held out; None for those.
        renew_test: Make a new test set, though there is one.
        languages: Primary language tags the models read.
        hash_key: Hashes the authors that files name; at most 64 bytes.
    """

    files: tuple[Path, ...] = ()
    limit: int = 0
    allow_x_content: bool = False
    seed: int = 20_26
    dev_share: float = 0.2
    min_train_rows: int = 200
    min_test_rows: int = 200
    test_file: Path | None = None
    renew_test: bool = False
    languages: frozenset[str] = frozenset({"en"})
    hash_key: bytes = b""


@dataclass(frozen=True, slots=True)
class CurateReport:
    """What a curation made.

    Attributes:
        snapshot: Its id.
        test_set: Id of the test set it is kept apart from.
        rows: Rows read, usable or not.
        train, dev: Rows of the snapshot.
        test: Rows of the test set.
        dropped: Rows dropped, by reason.
    """

    snapshot: str
    test_set: str
    rows: int
    train: int
    dev: int
    test: int
    dropped: dict[str, int] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Always: a snapshot is there, even if it is the one that was there before."""
        return True

    @property
    def more(self) -> bool:
        """Never: one run takes all there is."""
        return False
