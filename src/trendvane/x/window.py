"""Reading a window of a search, page by page, downwards, without losing a place or reading for ever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from trendvane.domain.cursor import Cursor, floor
from trendvane.x.client import Window
from trendvane.x.parse import Page

# Ids from further in the future than any clock is wrong belong to rows gone wrong; one of them must not
# move a cursor.
_SKEW = timedelta(days=1)
# An empty page that has a next one may be a hiccup or may be meant; so it is asked for again before it is
# believed.
_TRIES = 3
# Believed, it is passed over; two in a row lead nowhere.
_MAX_IDLE = 2

Fetch = Callable[[Window, str | None], Page]
Commit = Callable[[Cursor], None]


class Ending(StrEnum):
    """Why reading stopped."""

    COMPLETE = "complete"
    PAGES = "pages"  # as many pages as one tick may read
    REPEATING = "repeating"  # a page without anything new, although X promises another one
    UNREADABLE = "unreadable"  # X answered 200 with something that is no whole page


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where reading stopped, why, and after how many pages."""

    cursor: Cursor
    ending: Ending
    pages: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Bounds of one reading.

    Attributes:
        lowest: Ids above this are wanted; the ``since_id`` to send unless ``start`` is given.
        start: First look at a topic: where to begin.
        now: Wall clock.
        pages: Most pages to read.
    """

    lowest: int
    start: datetime | None
    now: datetime
    pages: int


def read_window(fetch: Fetch, commit: Commit, cursor: Cursor, plan: Plan) -> Outcome:
    """Read the window of ``cursor``, or open one, until it is complete or a limit is met.

    The same bounds go with each page. A window that was interrupted goes on below the lowest id saved, with
    ``until_id``: a ``next_token`` may be stale by then.

    Args:
        fetch: Gets one page and has its bytes on disk before it returns.
        commit: Stores the cursor; called after each page.
        cursor: Where reading stands. ``since_id`` is set even for the first look.
        plan: Bounds.
    """
    until = cursor.window_until_id
    highest = until or floor(plan.now + _SKEW)
    bounds = Window(None if plan.start else plan.lowest, until, plan.start)
    token: str | None = None
    seen: set[int] = set()
    idle = 0
    for number in range(1, plan.pages + 1):
        page = _persistent(fetch, bounds, token)
        if not page.complete:
            return Outcome(cursor, Ending.UNREADABLE, number)
        fresh = {i for i in page.ids if plan.lowest < i < highest} - seen
        seen |= fresh
        idle = 0 if fresh else idle + 1
        cursor = cursor.grown(fresh)
        token = page.next_token
        # Where something was read before, going on below it by ``until_id`` beats an empty page's token.
        barren = bool(idle) and (bool(page.ids) or bool(seen) or idle >= _MAX_IDLE)
        # An interrupted window below which nothing more comes, whatever X promises, is complete.
        over = barren and cursor.open and not seen
        if token is None or over or (number == plan.pages and cursor.caught_up):
            cursor = cursor.closed(plan.now)
            commit(cursor)
            return Outcome(cursor, Ending.COMPLETE, number)
        commit(cursor)
        if barren:
            return Outcome(cursor, Ending.REPEATING, number)
    return Outcome(cursor, Ending.PAGES, plan.pages)


def _persistent(fetch: Fetch, bounds: Window, token: str | None) -> Page:
    page = fetch(bounds, token)
    for _ in range(_TRIES - 1):
        if page.ids or page.next_token is None:
            break
        page = fetch(bounds, token)
    return page
