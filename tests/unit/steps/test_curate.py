from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from curate_support import NAMES, judging_text, run, training_text, write_csv

from trendvane.domain.errors import ConfigurationError, DatasetError
from trendvane.domain.holdout import held_out
from trendvane.domain.text import fingerprints
from trendvane.model.leaks import leaks, split_leaks

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "tweet_id,text,label,topic,lang,author"


def lines(number: int, *, judging: int = 9, start: int = 0) -> list[str]:
    train = [f"{start + i + 1},{training_text(start + i)},{NAMES[i % 3]}" for i in range(number)]
    test = [f"{start + i + 9001},{judging_text(start + i)},{i % 3}" for i in range(judging)]
    return train + test


def test_files_alone_become_a_snapshot_and_a_test_set(tmp_path: Path) -> None:
    bad = ["777,,positive", "778,https://t.co/a,positive", "779,a word,", '780,"open,1']
    again = [lines(60)[5], lines(60)[6].replace("7,", "7007,", 1)]
    path = write_csv(tmp_path / "a.csv", lines(60) + again + bad)
    report, store = run(tmp_path, path)
    assert (report.rows, report.train, report.dev, report.test) == (75, 48, 12, 9)
    assert report.dropped == {
        "broken_row": 1,
        "missing_text": 1,
        "missing_label": 1,
        "unreadable": 1,
        "duplicate_id": 1,
        "duplicate_wording": 1,
    }
    snapshot, test = store.load(report.snapshot), store.test_set()
    assert snapshot.counts["dev"] == dict.fromkeys(NAMES, 4)
    assert test.counts["test"] == dict.fromkeys(NAMES, 3)
    assert all(held_out(row.text) for row in test.rows())
    assert not any(held_out(row.text) for row in snapshot.rows())
    assert not leaks(snapshot, test)
    assert not split_leaks(snapshot)
    assert list(store.root.glob(".tmp.*")) == []


def test_the_same_rows_in_any_order_are_the_same_snapshot(tmp_path: Path) -> None:
    rows = lines(60)
    first, _ = run(tmp_path / "1", write_csv(tmp_path / "a.csv", rows))
    second, _ = run(tmp_path / "2", write_csv(tmp_path / "a.csv", rows[::-1]))
    other, _ = run(tmp_path / "3", write_csv(tmp_path / "a.csv", rows), seed=1)
    assert first == second
    assert (other.snapshot == first.snapshot, other.train) == (False, first.train)


def test_the_test_set_stays_and_new_held_out_rows_do_not_train(tmp_path: Path) -> None:
    old, store = run(tmp_path, write_csv(tmp_path / "a.csv", lines(60)))
    more = lines(60) + lines(30, judging=12, start=500)
    new, _ = run(tmp_path, write_csv(tmp_path / "b.csv", more))
    assert new.test_set == old.test_set
    assert (new.train + new.dev, new.dropped) == (90, {"held_out": 21})
    renewed, _ = run(tmp_path, tmp_path / "b.csv", renew_test=True)
    assert (renewed.test, renewed.snapshot) == (21, new.snapshot)
    assert store.test_set().id == renewed.test_set != old.test_set


def test_near_copies_of_the_test_set_do_not_train(tmp_path: Path) -> None:
    said = "remarkable ministry announces another unbelievable programme yesterday"
    edits = [" so", " so it is", " ok", " hm ok", " oh no", " we say", " as ever", " a b", " c d", " e f"]
    texts = [said + edit for edit in edits]
    assert {fingerprints(text)[1] for text in texts} == {fingerprints(said)[1]}
    assert fingerprints(said)[0] not in {fingerprints(text)[0] for text in texts}
    run(tmp_path, write_csv(tmp_path / "a.csv", lines(60)))
    judged = write_csv(tmp_path / "test.csv", [*lines(0), f"1,{said},1"])
    rows = lines(60) + [f"{5000 + i},{text},1" for i, text in enumerate(texts) if not held_out(text)]
    report, store = run(tmp_path, write_csv(tmp_path / "b.csv", rows), test_file=judged)
    # Row 1 has an id of the test set; the edits share its second fingerprint.
    assert report.dropped["near_duplicate_of_test"] == len(rows) - 69 + 1
    assert report.train + report.dev == 59
    assert report.test == 10
    assert not leaks(store.latest(), store.test_set())


def test_rows_by_authors_of_the_test_set_do_not_train(tmp_path: Path) -> None:
    rows = [f"{line},#a,en,author{i % 30}" for i, line in enumerate(lines(60, judging=0))]
    judges = [f"{line},#a,en,author{i}" for i, line in enumerate(lines(0, judging=9))]
    report, store = run(tmp_path, write_csv(tmp_path / "a.csv", rows + judges, HEAD))
    assert report.dropped == {"author_of_test": 18}
    assert report.train + report.dev == 42
    assert not leaks(store.latest(), store.test_set())
    assert not split_leaks(store.latest())
    again, _ = run(tmp_path, tmp_path / "a.csv")
    assert again.dropped == {"author_of_test": 18, "held_out": 9}


def test_labels_of_copies_are_settled_or_all_go(tmp_path: Path) -> None:
    text, tied = training_text(700), training_text(701)
    copies = [f"801,{text},0", f"802,{text}!,2", f"803,@a {text},2", f"811,{tied},0", f"812,{tied},1"]
    report, store = run(tmp_path, write_csv(tmp_path / "a.csv", lines(60) + copies))
    assert report.dropped == {"conflicting_labels": 2, "duplicate_wording": 2}
    found = {row.tweet_id: row.label for row in store.latest().rows() if row.tweet_id > "8"}
    assert {k: v for k, v in found.items() if k.startswith("8") and len(k) == 3} == {"802": 2}


def test_a_limit_leaves_the_test_set_alone(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", lines(90))
    report, store = run(tmp_path, path, limit=30)
    assert (report.train, report.dev, report.test) == (24, 6, 9)
    assert report.dropped == {"beyond_limit": 60}
    whole, _ = run(tmp_path, path)
    assert {row.tweet_id for row in store.load(report.snapshot).rows()} < {
        row.tweet_id for row in store.load(whole.snapshot).rows()
    }


@pytest.mark.parametrize(
    ("rows", "more", "message"),
    [
        (["1,a word,zero"], {}, r"Only 0 rows to train on; 10 are needed \(dropped: 1 unknown_label\)"),
        (lines(60, judging=2), {}, "Only 2 rows to judge models by; 3 are needed"),
        (
            [line for line in lines(60) if not line.endswith("positive")],
            {},
            "No positive row among those to train on",
        ),
        (lines(60), {"min_test_rows": 10}, "Only 9 rows to judge"),
    ],
    ids=["unknown labels", "few judges", "no class", "higher floor"],
)
def test_too_few_rows_are_an_error_that_writes_nothing(
    tmp_path: Path, rows: list[str], more: dict[str, int], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        run(tmp_path, write_csv(tmp_path / "a.csv", rows), **more)
    assert "label" in caught.value.remedy
    assert not list((tmp_path / "datasets").glob("*/*"))


def test_an_altered_test_set_judges_nobody(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", lines(60))
    _, store = run(tmp_path, path)
    file = store.test_set().csv_path
    file.write_bytes(file.read_bytes().replace(b",0,", b",1,", 1))
    with pytest.raises(DatasetError, match="not the file") as caught:
        run(tmp_path, path)
    assert "--renew" in caught.value.remedy
    assert run(tmp_path, path, renew_test=True)[0].test == 9


def test_the_card_tells_a_stranger_what_is_in_it_and_quotes_nobody(tmp_path: Path) -> None:
    rows = [f"{line},<b>|#{'ab'[i % 2]}\ttag,en,a{i}" for i, line in enumerate(lines(60))]
    report, store = run(tmp_path, write_csv(tmp_path / "a.csv", rows, HEAD))
    card = (store.latest().folder / "DATA_CARD.md").read_text()
    for wanted in (
        f"| test (`{report.test_set}`, frozen) | 3 | 3 | 3 | 9 |",
        "| train | 16 | 16 | 16 | 48 |",
        "| a.csv | 69 | `",
        "| file:a.csv | 60 |",
        "| &lt;b>\\|#a tag | 30 |",
        "their agreement is not known",
        "allow_x_content",
        store.latest().sha256,
    ):
        assert wanted in card
    assert "invented opinion" not in card
    assert "invented" not in (store.latest().folder / "snapshot.json").read_text()
