"""Reading windows against a little search engine, with interruptions at every place."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trendvane.domain.cursor import Cursor, floor
from trendvane.domain.recent import Recent
from trendvane.domain.tweet import BadRow, Tweet
from trendvane.x.client import Window
from trendvane.x.parse import Page
from trendvane.x.window import Ending, Outcome, Plan, read_window

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BASE = floor(NOW - timedelta(minutes=5))
relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Interrupted(Exception):  # noqa: N818
    pass


def tweet(i: int) -> Tweet:
    return Tweet(i, "x", NOW, "en", None, None, i, sanitized=False)


@dataclass
class Search:
    """Newest first, page by page; tokens carry the offset."""

    ids: list[int]
    size: int = 2
    asked: list[tuple[Window, str | None]] = field(default_factory=list)
    saved: list[int] = field(default_factory=list)
    cursors: list[Cursor] = field(default_factory=list)
    fail_at: int | None = None

    def fetch(self, window: Window, token: str | None) -> Page:
        self.asked.append((window, token))
        if self.fail_at == len(self.asked):
            raise Interrupted
        low, high = window.since_id or 0, window.until_id or 2**63
        found = sorted((i for i in self.ids if low < i < high), reverse=True)
        start = int(token or 0)
        page = found[start : start + self.size]
        self.saved += page
        more = str(start + self.size) if start + self.size < len(found) else None
        return Page([tweet(i) for i in page], next_token=more, complete=True)

    def commit(self, cursor: Cursor) -> None:
        self.cursors.append(cursor)

    def read(self, cursor: Cursor, pages: int = 9, lowest: int | None = None) -> Outcome:
        lowest = cursor.since_id if lowest is None else lowest
        return read_window(self.fetch, self.commit, cursor, Plan(lowest or 1, None, NOW, pages))


def ids(*numbers: int) -> list[int]:
    return [BASE + n for n in numbers]


def test_a_window_is_read_to_its_end_before_the_cursor_moves() -> None:
    search = Search(ids(1, 2, 3, 4, 5))
    outcome = search.read(Cursor(BASE))
    assert (outcome.ending, outcome.pages) == (Ending.COMPLETE, 3)
    assert search.cursors == [
        Cursor(BASE, BASE + 5, BASE + 4),
        Cursor(BASE, BASE + 5, BASE + 2),
        Cursor(BASE + 5),
    ]
    assert [token for _, token in search.asked] == [None, "2", "4"]
    assert {window for window, _ in search.asked} == {Window(since_id=BASE)}


def test_an_interrupted_window_goes_on_below_what_was_saved() -> None:
    search = Search(ids(1, 2, 3, 4, 5))
    first = search.read(Cursor(BASE), pages=1)
    assert first.ending is Ending.PAGES
    search.ids += ids(6, 7)
    second = search.read(first.cursor)
    assert search.asked[1] == (Window(since_id=BASE, until_id=BASE + 4), None)
    assert second.cursor == Cursor(BASE + 5)
    search.read(second.cursor)
    assert sorted(search.saved) == ids(1, 2, 3, 4, 5, 6, 7)


def test_what_is_left_of_an_overlap_does_not_keep_a_window_open() -> None:
    search = Search(ids(*range(1, 21)))
    outcome = search.read(Cursor(BASE + 17), pages=2, lowest=BASE)
    assert (outcome.ending, outcome.cursor) == (Ending.COMPLETE, Cursor(BASE + 20))
    assert sorted(search.saved) == ids(17, 18, 19, 20)


def test_a_repeating_token_is_left_and_the_next_look_ends_the_window() -> None:
    class Endless(Search):
        def fetch(self, window: Window, token: str | None) -> Page:
            self.asked.append((window, token))
            return Page([tweet(BASE + 2), tweet(BASE + 1)], next_token="again", complete=True)

    search = Endless([])
    first = search.read(Cursor(BASE))
    assert (first.ending, first.pages) == (Ending.REPEATING, 2)
    second = search.read(first.cursor)
    assert (second.ending, second.pages, second.cursor) == (Ending.COMPLETE, 1, Cursor(BASE + 2))


def test_one_empty_page_is_not_the_end() -> None:
    class Gappy(Search):
        def fetch(self, window: Window, token: str | None) -> Page:
            if token is None:
                self.asked.append((window, token))
                return Page(next_token="0", complete=True)
            return super().fetch(window, token)

    search = Gappy(ids(1, 2, 3))
    assert search.read(Cursor(BASE)).cursor == Cursor(BASE + 3)
    assert sorted(search.saved) == ids(1, 2, 3)


@pytest.mark.parametrize("place", [1, 2, 3])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_hiccup_that_hides_a_page_hides_no_tweet(place: int, times: int) -> None:
    class Hiccup(Search):
        def fetch(self, window: Window, token: str | None) -> Page:
            page = super().fetch(window, token)
            if place <= len(self.asked) < place + times and page.next_token:
                del self.saved[-len(page.ids) :]
                return Page(next_token=page.next_token, complete=True)
            return page

    search, cursor = Hiccup(ids(1, 2, 3, 4, 5, 6, 7)), Cursor(BASE)
    for _ in range(3):
        cursor = search.read(cursor).cursor
    if (place, times) == (1, 3):  # three times running, at the very top: then X is believed
        assert set(ids(1, 2, 3, 4, 5)) <= set(search.saved)
    else:
        assert sorted(set(search.saved)) == ids(1, 2, 3, 4, 5, 6, 7)
    assert not cursor.open


def test_nothing_but_empty_pages_leaves_the_cursor_where_it_is() -> None:
    class Empty(Search):
        def fetch(self, window: Window, token: str | None) -> Page:
            return Page(next_token="x", complete=True)

    outcome = Empty([]).read(Cursor(BASE))
    assert (outcome.ending, outcome.pages, outcome.cursor) == (Ending.REPEATING, 2, Cursor(BASE))


def test_a_page_that_is_cut_off_does_not_move_the_cursor() -> None:
    class Cut(Search):
        def fetch(self, window: Window, token: str | None) -> Page:
            return Page([tweet(BASE + 9)], complete=False)

    search = Cut([])
    assert search.read(Cursor(BASE)).ending is Ending.UNREADABLE
    assert search.cursors == []


@pytest.mark.parametrize("poison", [20, 2**63 - 1, floor(NOW + timedelta(days=2))])
def test_an_impossible_id_does_not_move_the_cursor(poison: int) -> None:
    class Poisoned(Search):
        def fetch(self, window: Window, token: str | None) -> Page:
            bad = [BadRow("text_missing", "", poison, 0)]
            return Page([tweet(BASE + 2), tweet(poison)], bad, next_token="x", complete=True)

    outcome = Poisoned([]).read(Cursor(BASE), pages=1)
    assert outcome.cursor == Cursor(BASE, BASE + 2, BASE + 2)


@relaxed
@given(
    st.lists(st.lists(st.integers(1, 400), max_size=12, unique=True), min_size=1, max_size=6),
    st.integers(1, 4),
    st.integers(1, 4),
    st.lists(st.none() | st.integers(1, 4), max_size=12),
)
def test_whatever_interrupts_every_tweet_is_saved(
    arrivals: list[list[int]], size: int, pages: int, failures: list[int | None]
) -> None:
    """Tweets arrive in the order of their ids; each look may stop at its page limit or at an exception."""
    search, cursor, top, published = Search([], size), Cursor(BASE), BASE, set()
    pending = [*failures, *[None] * 60]
    for step, failure in enumerate(pending):
        if step < len(arrivals):
            new = [top + n for n in sorted(arrivals[step])]
            top = max([top, *new])
            search.ids += new
            published.update(new)
        search.asked.clear()
        search.fail_at = failure
        try:
            cursor = search.read(cursor, pages).cursor
        except Interrupted:
            cursor = search.cursors[-1] if search.cursors else cursor
    assert set(search.saved) == published
    assert cursor == Cursor(top)


def test_the_overlap_stays_inside_the_day() -> None:
    overlap = timedelta(seconds=90)
    since = floor(NOW)
    assert Cursor(since).overlapping(overlap, NOW) == floor(NOW - overlap) - 1
    midnight = NOW.replace(hour=0)
    soon = floor(midnight + timedelta(seconds=30))
    assert Cursor(soon).overlapping(overlap, midnight + timedelta(minutes=1)) == floor(midnight) - 1
    before = floor(midnight - timedelta(seconds=30))
    assert Cursor(before).overlapping(overlap, midnight + timedelta(minutes=1)) == before
    assert Cursor().overlapping(overlap, NOW) is None


def test_an_old_cursor_is_raised() -> None:
    assert Cursor(10).raised(50) == Cursor(50)
    assert Cursor(10, 90, 60).raised(50) == Cursor(50, 90, 60)
    assert Cursor(10, 90, 40).raised(50) == Cursor(90)
    assert Cursor(10, 30, 20).raised(50) == Cursor(50)


def test_a_quiet_topic_does_not_grow_old() -> None:
    old = floor(NOW - timedelta(days=3))
    assert Cursor(old).closed(NOW) == Cursor(floor(NOW - timedelta(hours=1)))
    assert Cursor(BASE).closed(NOW) == Cursor(BASE)


def test_memory_is_bounded() -> None:
    recent = Recent(keys=2, groups=2)
    recent.add("a", [b"1", b"2", b"1", b"3"])
    assert recent.knows("a", [b"1", b"3"])
    assert not recent.knows("a", [b"2"])
    assert not recent.knows("b", [b"1"])
    recent.add("b", [])
    recent.add("c", [])
    assert not recent.knows("a", [b"1"])
