"""How far a topic has been read.

Search answers newest first, so a window is read from its top to its bottom, and whoever remembers the top
too early loses the bottom when interrupted. A cursor therefore holds both ends: ``since_id`` moves only
when a whole window is saved, and until then the window's top and the lowest id saved so far say where to go
on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from trendvane.domain import snowflake

if TYPE_CHECKING:
    from collections.abc import Iterable

# A topic nobody writes about keeps its cursor; so far back, everything has long been indexed.
_QUIET = timedelta(days=1)
_INDEXED = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Place in a topic.

    Attributes:
        since_id: Everything up to here was read. None before the first answer.
        window_newest_id: Top of the window being read; None between windows.
        window_until_id: Lowest id saved of that window; reading goes on below it.
    """

    since_id: int | None = None
    window_newest_id: int | None = None
    window_until_id: int | None = None

    @property
    def open(self) -> bool:
        """Whether a window was begun and not finished."""
        return self.window_newest_id is not None

    @property
    def caught_up(self) -> bool:
        """Whether all that is left of the window is overlap, which is read as far as a look allows."""
        return self.window_until_id is not None and self.window_until_id <= (self.since_id or 0)

    def grown(self, ids: Iterable[int]) -> Cursor:
        """After a page of the window was saved. The top is set by its first page and stays."""
        known = list(ids)
        if not known:
            return self
        newest = max(known) if self.window_newest_id is None else self.window_newest_id
        return replace(
            self, window_newest_id=newest, window_until_id=min(*known, self.window_until_id or newest)
        )

    def closed(self, now: datetime) -> Cursor:
        """After the last page of the window was saved."""
        since = max(self.since_id or 0, self.window_newest_id or 0)
        if since < floor(now - _QUIET):
            since = floor(now - _INDEXED)
        return Cursor(since)

    def raised(self, lowest: int) -> Cursor:
        """With nothing below ``lowest`` left to read."""
        if self.window_until_id is not None and self.window_until_id <= lowest:
            return Cursor(max(lowest, self.window_newest_id or 0))
        return replace(self, since_id=lowest)

    def overlapping(self, overlap: timedelta, now: datetime) -> int | None:
        """The ``since_id`` to send: a little lower, for tweets that were indexed late.

        Reading a tweet again is free within a UTC day, so the overlap never reaches back over midnight.
        """
        if self.since_id is None:
            return None
        lower = snowflake.floor(snowflake.to_ms(self.since_id) - _ms(overlap)) - 1
        midnight = floor(now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)) - 1
        return max(min(max(lower, midnight), self.since_id), 1)


def floor(at: datetime) -> int:
    """Smallest id made at ``at``."""
    return snowflake.floor(int(at.timestamp() * 1000))


def _ms(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)
