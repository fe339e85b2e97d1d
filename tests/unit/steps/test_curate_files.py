from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from trendvane.domain.errors import ConfigurationError
from trendvane.steps.curate import csvrows
from trendvane.steps.curate.raw import Raw

if TYPE_CHECKING:
    from pathlib import Path

HEAD = b"tweet_id,text,label\n"


def read(tmp_path: Path, data: bytes) -> list[object]:
    path = tmp_path / "labels.csv"
    path.write_bytes(data)
    return [(r.tweet_id, r.text, r.label) if isinstance(r, Raw) else r for r in csvrows.read(path)]


GOOD = b"1,fine words,positive\n"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b'2,"a, quoted ""word""",0\n', ("2", 'a, quoted "word"', 0)),
        (b'2,"two\nlines, really",NEUTRAL \r\n', ("2", "two\nlines, really", 1)),
        (b'2,a 5" screen,1\n', ("2", 'a 5" screen', 1)),
        (b'2,"she said \\""""no\\"""" twice",negative\n', ("2", 'she said "no" twice', 0)),
        ('2,"so \u2028 so",1\n'.encode(), ("2", "so \u2028 so", 1)),
        ("2,ça va \u2028 bien 🙂,2\n".encode(), ("2", "ça va \u2028 bien 🙂", 2)),
        (b"2,no label,\n", "missing_label"),
        (b"2,odd label,mixed\n", "unknown_label"),
        (b"2,too,many,cells\n", "broken_row"),
        (b"2,too few\n", "broken_row"),
        (b'2,"closed" too early,1\n', "broken_row"),
        (b'2,"never closed,1\n', "broken_row"),
        (b'"""\n', "broken_row"),
        (b"2,caf\xe9 in latin-1,1\n", "undecodable"),
        (b'2,"caf\xe9 quoted",1\n', "undecodable"),
    ],
)
def test_a_row_is_read_or_refused_and_its_neighbours_stay(tmp_path: Path, line: bytes, found: object) -> None:
    neighbours = [("1", "fine words", 2), found, ("3", "kept, too", 0), ("4", "and this", 1)]
    after = b'3,"kept, too",negative\n\n4,and this,1\n'
    assert read(tmp_path, HEAD + GOOD + line + after) == neighbours


def test_an_unclosed_quote_at_the_end_loses_one_row(tmp_path: Path) -> None:
    rows = b"".join(b"%d,plain words,0\n" % n for n in range(10, 510))
    found = read(tmp_path, HEAD + b'9,"open,0\n' + rows)
    assert found[0] == "broken_row"
    assert len(found) == 501
    assert found[-1] == ("509", "plain words", 0)


def test_a_quoted_text_that_stops_being_utf8_loses_its_first_line_and_the_bad_one(tmp_path: Path) -> None:
    found = read(tmp_path, HEAD + b'1,"open,0\n2,caf\xe9,0\n3,good one,2\n')
    assert found == ["broken_row", "undecodable", ("3", "good one", 2)]


def test_columns_come_in_any_order_and_others_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(
        "\ufeffLabel,author, TEXT ,year_split,lang,tweet_id,topic\n2,anna,hello you,2013,en,7,#a\n"
    )
    (row,) = csvrows.read(path)
    assert row == Raw("7", "hello you", 2, "#a", "en", "anna", "", "file", "file", "file:labels.csv")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a CSV"),
        (b"id;text;label\n1;a;0\n", "lacks tweet_id, text, label; it has id;text;label"),
        (b"tweet_id,text\n1,a\n", "lacks label"),
        ("tweet_id,text,label\n1,ä,0\n".encode("utf-16"), "not a CSV in UTF-8"),
        (b"PK\x03\x04\x00\x00 zip", "not a CSV in UTF-8"),
        (HEAD + b"1,fine,-1\n", "label -1: its labels are on another scale"),
        (HEAD + b"".join(b"%d,caf\xe9,0\n1%d,tea,1\n" % (n, n) for n in range(25)), "not in UTF-8"),
    ],
    ids=["empty", "semicolons", "no label", "utf-16", "zip", "five classes", "latin-1"],
)
def test_a_file_that_is_no_use_is_an_error_with_a_remedy(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        read(tmp_path, data)
    assert caught.value.remedy


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        list(csvrows.read(tmp_path / "nope.csv"))
