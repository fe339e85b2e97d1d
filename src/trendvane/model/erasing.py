"""Take forgotten tweets out of a snapshot or a test set.

Two files cannot be renamed at once, so the JSON is first told which hash the CSV will have; from then on it
vouches for both, until the CSV is replaced and the JSON speaks of the new one alone.
"""

from __future__ import annotations

import shutil
import uuid
from typing import TYPE_CHECKING, Any

from trendvane.domain.errors import DatasetError
from trendvane.domain.sentiment import LABELS
from trendvane.model import datarows
from trendvane.model.datafolders import ERASING, SCRATCH, Kind, dump, read_facts, save, sync

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from trendvane.model.datarows import SplitRow

CARD = "DATA_CARD.md"
_HEADING = "\n## Forgotten since\n"


def erase(folder: Path, kind: Kind, tweet_ids: Collection[str]) -> int:
    """Rewrite one folder without these tweets; returns rows erased.

    A folder that was altered, and so is of no use, is removed whole if it names one of them.
    """
    try:
        facts = read_facts(folder, kind)
        doomed = pointing = 0
        for _, row in datarows.read(folder / kind.csv, with_split=kind.with_split):
            doomed += row.tweet_id in tweet_ids
            pointing += row.cluster_id in tweet_ids
    except DatasetError:
        return _remove_damaged(folder, tweet_ids)
    if doomed or pointing:
        facts = _rewrite(folder, kind, facts, tweet_ids, doomed)
    elif ERASING.encode() not in (folder / kind.json).read_bytes():
        return 0
    save(folder / kind.json, dump(facts))
    _note(folder, facts)
    return doomed


def _rewrite(
    folder: Path, kind: Kind, facts: Mapping[str, Any], tweet_ids: Collection[str], doomed: int
) -> dict[str, Any]:
    """Replace the CSV; returns what the JSON must say once that is done."""
    scratch = folder / f"{SCRATCH}{uuid.uuid4().hex}"
    sha256, counts = datarows.write(scratch, _kept(folder, kind, tweet_ids), with_split=kind.with_split)
    left = counts.named()
    state = {
        "erased_sha256": sha256,
        "erased": facts["erased"] + doomed,
        "counts": {split: left.get(split, dict.fromkeys(LABELS, 0)) for split in facts["counts"]},
    }
    save(folder / kind.json, dump({**facts, ERASING: state}))
    scratch.replace(folder / kind.csv)
    sync(folder)
    return {**facts, **state}


def _kept(folder: Path, kind: Kind, tweet_ids: Collection[str]) -> Iterator[SplitRow]:
    for split, row in datarows.read(folder / kind.csv, with_split=kind.with_split):
        if row.tweet_id not in tweet_ids:
            named = row.cluster_id in tweet_ids
            yield split, row._replace(cluster_id=row.tweet_id) if named else row


def _note(folder: Path, facts: Mapping[str, Any]) -> None:
    card = folder / CARD
    if card.exists():
        text = card.read_text(encoding="utf-8").partition(_HEADING)[0]
        said = f"{facts['erased']:,} rows were erased; the CSV's sha256 is now `{facts['erased_sha256']}`."
        save(card, f"{text}{_HEADING}\n{said}\n".encode())


def _remove_damaged(folder: Path, tweet_ids: Collection[str]) -> int:
    wanted = [tweet_id.encode() for tweet_id in tweet_ids]
    for path in folder.iterdir():
        data = path.read_bytes() if path.is_file() else b""
        if any(tweet_id in data for tweet_id in wanted):
            shutil.rmtree(folder)
            return 1
    return 0
