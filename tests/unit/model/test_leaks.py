from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from trendvane.model.leaks import leaks, split_leaks
from trendvane.model.snapshots import DEV, TRAIN, DataRow, Snapshots

if TYPE_CHECKING:
    from pathlib import Path

SAID = "the ministry of silly walks announced another remarkable programme yesterday morning"
# One short word more: another first fingerprint, the same second one.
EDITED = (
    "The ministry of silly walks has announced another remarkable programme yesterday morning! http://t.co/x"
)
ROW = DataRow("1", SAID, 1, author_hash="7")
OTHER = DataRow("2", "nobody expects rain in the middle of this desert", 0, author_hash="8")


@pytest.fixture
def store(tmp_path: Path) -> Snapshots:
    return Snapshots(tmp_path)


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        (OTHER, (0, 0, 0)),
        (DataRow("1", "quite another sentence, all about something else", 0), (1, 0, 0)),
        (DataRow("3", EDITED, 1), (0, 1, 0)),
        (DataRow("3", "quite another sentence, all about something else", 1, author_hash="7"), (0, 0, 1)),
        (DataRow("1", SAID, 1, author_hash="7"), (1, 1, 1)),
    ],
    ids=["nothing", "id", "near copy", "author", "all"],
)
def test_a_planted_row_is_found_on_both_sides(
    store: Snapshots, planted: DataRow, found: tuple[int, int, int]
) -> None:
    snapshot = store.write([(TRAIN, planted), (TRAIN, OTHER._replace(author_hash="")), (DEV, ROW)])
    test_set = store.freeze([ROW])
    split, judged = split_leaks(snapshot), leaks(snapshot, test_set)
    assert (split.ids, split.wordings, split.authors) == found
    assert bool(split) is any(found)
    # The row that is in dev on purpose is a leak of its own.
    assert (judged.ids, judged.wordings, judged.authors) == tuple(n + 1 for n in found)
    if any(found):
        assert split.examples == (planted.tweet_id,)
        assert planted.tweet_id in str(split)


def test_short_texts_leak_by_their_very_words(store: Snapshots) -> None:
    snapshot = store.write([(TRAIN, DataRow("1", "So true!!", 2)), (TRAIN, DataRow("2", "so  false", 0))])
    assert leaks(snapshot, store.freeze([DataRow("3", "so true!!", 2)])).examples == ("1",)
