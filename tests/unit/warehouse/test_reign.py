from __future__ import annotations

import pytest

from trendvane.warehouse.promotions import Action, Entry, reign

ACTIONS = {"+": Action.PROMOTE, "=": Action.ADOPT, "-": Action.REFUSE, "<": Action.ROLLBACK}


@pytest.mark.parametrize(
    ("book", "champions"),
    [
        ("", ""),
        ("=a", "a"),
        ("=a -b", "a"),
        ("=a +b", "ab"),
        ("=a +b <a", "a"),
        ("=a +b +c <b", "ab"),
        ("=a +b +c <b <a", "a"),
        ("=a +b +c <a", "a"),
        ("=a +b <a +c", "ac"),
        ("=a +b <a +b", "ab"),
        ("=a +b <z", "abz"),  # back to one that never was champion here
        ("=a +b =a", "aba"),
        ("=a +b =a <b", "ab"),
    ],
)
def test_who_stands_behind_the_champion(book: str, champions: str) -> None:
    entries = [Entry(line[1:], "", ACTIONS[line[0]], "anna", "") for line in book.split()]
    assert "".join(entry.model_version for entry in reign(entries)) == champions
