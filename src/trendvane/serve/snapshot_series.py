"""Time bins of a chart: wide enough for a meaningful number of voices, and honest about what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from trendvane.warehouse.reading import Counts, Gap, bin_start

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time that ends now, and the bin widths a chart of it may use, finest first.

    Every width is a multiple of the first one and divides a day, so that finer bins add up to wider ones.
    """

    name: str
    span: timedelta
    steps: tuple[timedelta, ...]

    def since(self, now: datetime) -> datetime:
        """Start of the window."""
        return now - self.span

    def series_since(self, now: datetime) -> datetime:
        """Earliest start of a bin that holds the window's start, so that no chart begins with a torn bin."""
        return min(bin_start(self.since(now), step) for step in self.steps)


def _window(name: str, span: timedelta, *minutes: int) -> Window:
    return Window(name, span, tuple(timedelta(minutes=width) for width in minutes))


WINDOWS: Mapping[str, Window] = {
    window.name: window
    for window in (
        _window("15m", timedelta(minutes=15), 1, 3, 5),
        _window("1h", timedelta(hours=1), 2, 4, 6, 12, 20),
        _window("6h", timedelta(hours=6), 10, 20, 30, 60, 120),
        _window("24h", timedelta(hours=24), 30, 60, 120, 240, 480),
        _window("7d", timedelta(days=7), 180, 360, 720, 1440),
    )
}


@dataclass(frozen=True, slots=True)
class Bin:
    """One point of a chart.

    Attributes:
        counts: None when nothing is known about this span, which is not the same as zero tweets.
        complete: False for the bin that is still filling.
    """

    start: datetime
    counts: Counts | None
    complete: bool


def chart_bins(  # noqa: PLR0913 - plain facts about one chart, each needed
    fine: Mapping[datetime, Counts],
    window: Window,
    *,
    now: datetime,
    min_voices: int,
    known_from: datetime,
    known_until: datetime | None,
    gaps: Sequence[Gap],
) -> tuple[timedelta, list[Bin]]:
    """Bins of one topic's chart, oldest first, and their width.

    Args:
        fine: Counts in bins of the window's finest width.
        window: What the chart spans.
        now: The end of the chart.
        min_voices: The width grows until three of four bins with tweets hold this many voices.
        known_from: When the topic was first watched; silence before that means nothing.
        known_until: When the source last answered; silence after that means nothing. None: it never did.
        gaps: Spans the collector missed.
    """
    step = _width(fine, window, min_voices)
    coarse = _regroup(fine, step)
    bins = []
    start = bin_start(window.since(now), step)
    while start <= now:
        end = start + step
        counts = coarse.get(start)
        if counts is None and _known(start, min(end, now), known_from, known_until, gaps):
            counts = Counts()
        bins.append(Bin(start, counts, complete=end <= now))
        start = end
    return step, bins


def _width(fine: Mapping[datetime, Counts], window: Window, min_voices: int) -> timedelta:
    for step in window.steps:
        voices = sorted(counts.voices for counts in _regroup(fine, step).values())
        if voices and voices[len(voices) // 4] >= min_voices:
            return step
    return window.steps[-1] if fine else window.steps[0]


def _regroup(fine: Mapping[datetime, Counts], step: timedelta) -> dict[datetime, Counts]:
    coarse: dict[datetime, Counts] = {}
    for start, counts in fine.items():
        key = bin_start(start, step)
        coarse[key] = total((coarse[key], counts)) if key in coarse else counts
    return coarse


def total(parts: Iterable[Counts]) -> Counts:
    """Sum of counts, field by field."""
    return Counts(*map(sum, zip(*parts, strict=True)))


def _known(
    start: datetime, end: datetime, since: datetime, until: datetime | None, gaps: Sequence[Gap]
) -> bool:
    """Whether an empty bin really means that nobody said anything."""
    if until is None or end <= since or start >= until:
        return False
    return not any(gap.from_at < end and gap.to_at > start for gap in gaps)
