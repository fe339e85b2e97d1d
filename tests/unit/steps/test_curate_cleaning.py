from __future__ import annotations

from typing import Any

import pytest

from trendvane.model.snapshots import DataRow
from trendvane.steps.curate.cleaning import Cleaner
from trendvane.steps.curate.raw import Raw

RAW = Raw("1", "some honest words", 1, "", "", "", "", "file", "file", "file:a.csv")


def examine(*, allow_x_content: bool = False, **changes: Any) -> DataRow | str:
    cleaner = Cleaner(hash_key=b"k", languages={"en", "de"}, allow_x_content=allow_x_content)
    return cleaner.examine(RAW._replace(**changes))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"tweet_id": ""}, "missing_id"),
        ({"text": " \n "}, "missing_text"),
        ({"text": "half of it is \ufffd\ufffd"}, "corrupted"),
        ({"text": "nul \x00 inside"}, "corrupted"),
        ({"text": "a lone surrogate \ud83d"}, "corrupted"),
        ({"text": "itâ€™s donâ€™t"}, "corrupted"),
        ({"text": "crÃ¨me brÃ»lÃ©e"}, "corrupted"),
        ({"text": "https://t.co/x @anna @bert"}, "unreadable"),
        ({"text": "12:30 ... 7 % !!!"}, "unreadable"),
        ({"text": "a"}, "unreadable"),
        ({"lang": "fr"}, "other_language"),
        ({"lang": "qme"}, "other_language"),
        ({"source": "x"}, "source_not_allowed"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_cannot_be_learned_from_has_a_reason(changes: dict[str, Any], reason: str) -> None:
    assert examine(**changes) == reason


@pytest.mark.parametrize(
    "changes",
    [
        {"text": "ok"},
        {"text": "😂😂"},
        {"text": "@anna :)"},
        {"text": "élan vital à Ã©"},
        {"text": "好きです"},
        {"lang": "en-GB"},
        {"lang": "DE"},
        {"lang": "und"},
        {"source": "emulator"},
    ],
    ids=str,
)
def test_what_can_be_learned_from_is_kept(changes: dict[str, Any]) -> None:
    assert isinstance(examine(**changes), DataRow)


def test_x_content_needs_the_switch() -> None:
    assert isinstance(examine(source="x", allow_x_content=True), DataRow)


def test_a_kept_row_is_clean_and_says_who_labelled_it() -> None:
    row = examine(text=" fish &amp; chips\n", author="4711", topic=" a \x00 b ")
    assert isinstance(row, DataRow)
    assert (row.text, row.topic, row.lang, row.cluster_id) == ("fish & chips", "a \ufffd b", "und", "1")
    assert row.author_hash not in {"", "4711"}
    assert row.labeller == "file:a.csv"
    stored = examine(author="-99", cluster_id="8", source="replay", kind="human", labeller="anna")
    assert isinstance(stored, DataRow)
    assert (stored.author_hash, stored.cluster_id, stored.labeller) == ("-99", "8", "human:anna")
