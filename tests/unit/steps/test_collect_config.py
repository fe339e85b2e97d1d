from __future__ import annotations

from trendvane.steps.collect import CollectReport


def test_a_quiet_look_changes_nothing() -> None:
    assert not CollectReport(topics=("a",), repeated=3, tweets=9).changed


def test_whatever_was_saved_or_went_wrong_is_a_change() -> None:
    assert CollectReport(pages=1).changed
    assert CollectReport(errors={"SourceUnavailableError": 1}).changed
    assert CollectReport(skipped={"budget": 2}).changed
    assert not CollectReport(pages=1).more
