"""A folder of labelled rows: a CSV, and a JSON that says what it is and which hash it must have."""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trendvane.domain.errors import ConfigurationError, DatasetError
from trendvane.model import datarows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from trendvane.model.datarows import DataRow

FORMAT = 1
SCRATCH = ".tmp."
ERASING = "erasing"
_REMEDY = "Run `trendvane run curate` again; it makes the same snapshot of the same data."
_TEST_REMEDY = "Run `trendvane dataset test-set --renew`; models are then judged on new rows."


@dataclass(frozen=True, slots=True)
class Kind:
    """How one of the two kinds of folders looks."""

    home: str
    csv: str
    json: str
    pointer: str
    remedy: str

    @property
    def with_split(self) -> bool:
        """Whether its rows have a split."""
        return self.home == "snapshots"


SNAPSHOT = Kind("snapshots", "cleaned_data.csv", "snapshot.json", "latest", _REMEDY)
TEST_SET = Kind("testset", "test.csv", "testset.json", "current", _TEST_REMEDY)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A verified folder of labelled rows.

    Attributes:
        id: Its folder's name.
        folder: Where it lies.
        sha256: Of its CSV as first written.
        counts: Split to class name to number of rows, as of now.
        erased: Rows that were forgotten since.
        facts: Everything its JSON says.
    """

    id: str
    folder: Path
    sha256: str
    counts: Mapping[str, Mapping[str, int]]
    erased: int
    facts: Mapping[str, Any]

    @property
    def size(self) -> int:
        """Number of rows."""
        return sum(sum(classes.values()) for classes in self.counts.values())


class Snapshot(Dataset):
    """Training and development rows."""

    __slots__ = ()

    @property
    def csv_path(self) -> Path:
        """``cleaned_data.csv``."""
        return self.folder / SNAPSHOT.csv

    def rows(self, split: str | None = None) -> Iterator[DataRow]:
        """Rows of ``train`` or ``dev``, or all, one at a time, in an order that chance chose once."""
        return (row for _, row in datarows.read(self.csv_path, with_split=True, split=split))


class TestSet(Dataset):
    """The frozen rows that judge every model and train none."""

    __slots__ = ()
    __test__ = False  # not a test, whatever pytest makes of the name

    @property
    def csv_path(self) -> Path:
        """``test.csv``."""
        return self.folder / TEST_SET.csv

    def rows(self) -> Iterator[DataRow]:
        """Its rows, one at a time."""
        return (row for _, row in datarows.read(self.csv_path, with_split=False))


def read_facts(folder: Path, kind: Kind) -> dict[str, Any]:
    """The JSON of a folder, checked against its CSV; an erasure that was cut short is told to its end.

    Raises:
        DatasetError: One of the two is missing or was altered.
    """
    try:
        while True:
            data = (folder / kind.json).read_bytes()
            facts = _vouched(json.loads(data), folder, kind)
            if facts is not None:
                return facts
            # Readers take no lock: an erasure may have gone on between the one file and the other.
            if (folder / kind.json).read_bytes() == data:
                break
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"{folder} cannot be read ({error!r}).", remedy=kind.remedy) from error
    raise DatasetError(f"{folder / kind.csv} is not the file that was written.", remedy=kind.remedy)


def _vouched(facts: dict[str, Any], folder: Path, kind: Kind) -> dict[str, Any] | None:
    """The facts as they apply to the CSV that is there; None when they vouch for another."""
    if facts["format"] != FORMAT:
        found = facts["format"]
        raise DatasetError(f"{folder} has format {found}; this version reads {FORMAT}.", remedy=kind.remedy)
    actual = datarows.sha256_of(folder / kind.csv)
    for state in (facts, facts.get(ERASING, facts)):
        if state.get("erased_sha256", facts["sha256"]) == actual and facts["id"] == folder.name:
            return {k: v for k, v in {**facts, **state}.items() if k != ERASING}
    return None


def save(path: Path, data: bytes) -> None:
    """Replace a small file; on return the new one survives a power cut."""
    scratch = path.with_name(f"{SCRATCH}{uuid.uuid4().hex}")
    with scratch.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
    sync(path.parent)


def sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def dump(facts: Mapping[str, Any]) -> bytes:
    """JSON for people and machines."""
    return (json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def is_sound(root: Path, kind: Kind, name: str) -> bool:
    """Whether a folder is there and unaltered."""
    try:
        load(root, kind, name)
    except (ConfigurationError, DatasetError):
        return False
    return True


def load(root: Path, kind: Kind, name: str) -> dict[str, Any]:
    """Fields of the ``Dataset`` called ``name``.

    Raises:
        ConfigurationError: There is none of that name.
        DatasetError: It was altered.
    """
    folder = root / kind.home / name
    if not name or not folder.is_dir() or folder.parent != root / kind.home:
        raise ConfigurationError(
            f"There is no {name!r} in {root / kind.home}.",
            remedy="`trendvane dataset list` names what there is.",
        )
    facts = read_facts(folder, kind)
    fields = ("id", "sha256", "counts", "erased")
    return {"folder": folder, "facts": facts, **{field: facts[field] for field in fields}}
