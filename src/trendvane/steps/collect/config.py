"""What the collector is told, what it says it did, and what it remembers in between."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from trendvane.domain.recent import Recent

if TYPE_CHECKING:
    from trendvane.domain.topic import Topic


@dataclass(frozen=True, slots=True)
class CollectConfig:
    """What is watched, and how.

    Attributes:
        source: Label of the pages: ``x``, ``emulator`` or ``replay``.
        topics: Always watched.
        woeid: Place whose trends are watched.
        trends: How many of them; 0 for none.
        poll_every: Pause between two looks at a topic.
        trends_every: Pause between two looks at the trends.
        lookback: How far back the first look at a topic goes.
        overlap: Read again behind the cursor, for tweets indexed late.
        max_age: A cursor older than this leaves a recorded gap; X's own limit is seven days.
        languages: Asked of X; empty for all.
        retweets: Whether retweets are asked for.
        max_results: Tweets a page, 10 to 100.
        pages_per_tick: Pages of one topic in one look; the rest comes next time.
    """

    source: str
    topics: tuple[Topic, ...] = ()
    woeid: int = 1
    trends: int = 10
    poll_every: timedelta = timedelta(seconds=30)
    trends_every: timedelta = timedelta(minutes=10)
    lookback: timedelta = timedelta(minutes=15)
    overlap: timedelta = timedelta(seconds=90)
    max_age: timedelta = timedelta(days=6, hours=12)
    languages: tuple[str, ...] = ("en",)
    retweets: bool = False
    max_results: int = 100
    pages_per_tick: int = 5


@dataclass(frozen=True, slots=True)
class CollectReport:
    """What one look did.

    Attributes:
        topics: Ids of the topics that were read without an error.
        trends: Trends in a list that was refreshed.
        pages: Pages saved.
        repeated: Pages not saved because all of their ids were saved before.
        tweets: Tweets in all pages, repetitions included.
        bad_rows: Rows that could not be read.
        reserved_micros: Worst cases, in millionths of a dollar.
        settled_micros: What remained of them on the books.
        gaps: Stretches of time recorded as unread.
        skipped: Topics not read, by reason.
        errors: Errors by class.
    """

    topics: tuple[str, ...] = ()
    trends: int = 0
    pages: int = 0
    repeated: int = 0
    tweets: int = 0
    bad_rows: int = 0
    reserved_micros: int = 0
    settled_micros: int = 0
    gaps: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether anything was saved or went wrong."""
        return bool(self.pages or self.trends or self.gaps or self.skipped or self.errors)

    @property
    def more(self) -> bool:
        """Never: what is left waits for the next tick, or the limits of a tick would be none."""
        return False


@dataclass(slots=True)
class CollectMemory:
    """What a process remembers between two looks. Losing it costs a repeated page, never a tweet."""

    saved: Recent = field(default_factory=lambda: Recent(keys=5_000, groups=200))
    sick: set[str] = field(default_factory=set)
    failures: int = 0
    search_not_before: datetime | None = None
    trends_not_before: datetime | None = None
