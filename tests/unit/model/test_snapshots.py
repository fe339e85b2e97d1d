from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from trendvane.domain.errors import ConfigurationError, DatasetError
from trendvane.model import datafolders
from trendvane.model.datarows import sha256_of
from trendvane.model.snapshots import CARD, DEV, TRAIN, DataRow, Snapshots

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HARD = 'she said "no", then\nleft; 100 % sure, ça va 🙂'
ROWS = [
    (TRAIN, DataRow("11", HARD, 0, topic="#a,b", lang="en", author_hash="-5", cluster_id="11")),
    (DEV, DataRow("12", "the ferry was late again", 1, cluster_id="12")),
    (TRAIN, DataRow("13", "what a lovely morning", 2, cluster_id="11", labeller="human:anna")),
]


@pytest.fixture
def store(tmp_path: Path) -> Snapshots:
    return Snapshots(tmp_path / "datasets")


def finish(whole: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    return {"extra": 1}, f"# card of {whole['id']}\n"


def test_rows_come_back_as_they_were(store: Snapshots) -> None:
    snapshot = store.write(ROWS, {"seed": 3}, finish)
    assert list(store.latest().rows()) == [row for _, row in ROWS]
    assert list(snapshot.rows(DEV)) == [ROWS[1][1]]
    assert snapshot.counts["train"] == {"negative": 1, "neutral": 0, "positive": 1}
    assert (snapshot.size, snapshot.facts["seed"], snapshot.facts["extra"]) == (3, 3, 1)
    assert (snapshot.folder / CARD).read_text() == f"# card of {snapshot.id}\n"


def test_the_id_is_the_hash_of_the_file_and_nothing_else(store: Snapshots, tmp_path: Path) -> None:
    first = store.write(ROWS, {"created_at": "yesterday"})
    again = Snapshots(tmp_path / "elsewhere").write(ROWS, {"created_at": "today"})
    assert first.id == again.id == sha256_of(first.csv_path)[:12]
    assert store.write(ROWS[:2]).id != first.id
    assert store.write(ROWS[:2]).id == store.latest().id
    assert store.ids() == [first.id, store.latest().id]


def test_the_test_set_is_pointed_at_until_it_is_renewed(store: Snapshots) -> None:
    assert not store.has_test_set
    with pytest.raises(ConfigurationError, match="no test set"):
        store.test_set()
    first = store.freeze([row for _, row in ROWS])
    assert store.has_test_set
    assert list(store.test_set().rows()) == [row for _, row in ROWS]
    second = store.freeze([ROWS[0][1]])
    assert store.test_set().id == second.id != first.id


@pytest.mark.parametrize("damage", ["one byte", "no csv", "no json", "other json", "other id"])
def test_an_altered_snapshot_is_refused(store: Snapshots, damage: str) -> None:
    snapshot = store.write(ROWS)
    json_path = snapshot.folder / "snapshot.json"
    if damage == "one byte":
        snapshot.csv_path.write_bytes(snapshot.csv_path.read_bytes().replace(b"lovely", b"lonely"))
    elif damage == "no csv":
        snapshot.csv_path.unlink()
    elif damage == "no json":
        json_path.unlink()
    elif damage == "other json":
        json_path.write_text("[]")
    else:
        json_path.write_text(json_path.read_text().replace(snapshot.id, "abcdefabcdef"))
    with pytest.raises(DatasetError):
        store.load(snapshot.id)


def test_a_damaged_snapshot_is_replaced_by_the_next_writing(store: Snapshots) -> None:
    snapshot = store.write(ROWS)
    snapshot.csv_path.write_text("nothing")
    assert list(store.write(ROWS).rows()) == [row for _, row in ROWS]


def test_unknown_ids_are_refused_and_cannot_leave_the_store(store: Snapshots) -> None:
    store.freeze([ROWS[0][1]])
    for name in ("nope", "", "..", "../testset", "."):
        with pytest.raises(ConfigurationError, match="There is no"):
            store.load(name)


def test_forgotten_tweets_leave_every_file(store: Snapshots) -> None:
    snapshot = store.write(ROWS, {}, finish)
    older = store.write(ROWS[1:])
    test = store.freeze([ROWS[2][1], ROWS[1][1]])
    assert store.erase([11, 13, 99]) == 4
    left = store.load(snapshot.id)
    assert [row.tweet_id for row in left.rows()] == ["12"]
    assert (left.erased, left.size) == (2, 1)
    assert left.sha256 == snapshot.sha256
    assert left.facts["erased_sha256"] == sha256_of(left.csv_path) != left.sha256
    assert [row.tweet_id for row in store.load(older.id).rows()] == ["12"]
    assert [row.tweet_id for row in store.test_set().rows()] == ["12"]
    assert store.test_set().id == test.id
    assert "2 rows were erased" in (left.folder / CARD).read_text()
    assert store.erase([11]) == 0
    for path in store.root.rglob("*"):
        assert path.is_dir() or b"lovely" not in path.read_bytes()


def test_a_forgotten_head_of_a_cluster_is_not_named_any_more(store: Snapshots) -> None:
    store.write([(TRAIN, DataRow("13", "what a lovely morning", 2, cluster_id="11"))])
    assert store.erase([11]) == 0
    assert [row.cluster_id for row in store.latest().rows()] == ["13"]


def test_what_was_erased_does_not_come_back_by_curating_again(store: Snapshots) -> None:
    store.write(ROWS)
    store.erase([11])
    assert [row.tweet_id for row in store.write(ROWS).rows()] == ["12", "13"]


@pytest.mark.parametrize("replaced", [False, True])
def test_an_erasure_that_was_cut_short_is_ended_by_the_next(store: Snapshots, *, replaced: bool) -> None:
    snapshot = store.write(ROWS)
    before = snapshot.csv_path.read_bytes()
    store.erase([11])
    erased = dict(store.latest().facts)
    old = dict(snapshot.facts)
    states = {key: erased[key] for key in ("erased", "erased_sha256", "counts")}
    (snapshot.folder / "snapshot.json").write_bytes(datafolders.dump({**old, "erasing": states}))
    if not replaced:
        snapshot.csv_path.write_bytes(before)
    assert store.latest().erased == int(replaced)
    assert store.erase([11]) == int(not replaced)
    assert store.latest().facts == erased
    assert b"erasing" not in (snapshot.folder / "snapshot.json").read_bytes()


def test_a_damaged_folder_that_names_a_forgotten_tweet_goes_whole(store: Snapshots) -> None:
    snapshot = store.write(ROWS)
    snapshot.csv_path.write_bytes(snapshot.csv_path.read_bytes() + b"rest")
    assert store.erase([99]) == 0
    assert snapshot.folder.exists()
    assert store.erase([11]) == 1
    assert not snapshot.folder.exists()


def test_forgetting_waits_for_a_writer_and_clears_away_what_a_dead_one_left(store: Snapshots) -> None:
    store.write(ROWS)
    erased: list[int] = []
    thread = threading.Thread(target=lambda: erased.append(store.erase([11])))
    with store.exclusive():
        left = store.scratch()
        (left / "rows").write_text("half a thought of 11")
        thread.start()
        store.write([ROWS[0]])
        assert left.exists()
    thread.join()
    assert erased == [2]
    assert not left.exists()


def test_a_writer_that_dies_leaves_nothing_that_can_be_loaded(store: Snapshots) -> None:
    def rows() -> Any:
        yield ROWS[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.write(rows())
    assert store.ids() == []
    with pytest.raises(ConfigurationError, match="No data"):
        store.latest()
    assert json.loads(store.write(ROWS).folder.joinpath("snapshot.json").read_text())["format"] == 1


def test_readers_are_not_disturbed_by_forgetting(store: Snapshots) -> None:
    rows = [(TRAIN, DataRow(str(i), f"one of {i} sentences", i % 3, cluster_id=str(i))) for i in range(300)]
    store.write(rows)
    thread = threading.Thread(target=lambda: [store.erase([i]) for i in range(40)])
    thread.start()
    sizes = [store.latest().size]
    while thread.is_alive():
        sizes.append(store.latest().size)
    thread.join()
    assert sizes == sorted(sizes, reverse=True)
    assert store.latest().size == 260
