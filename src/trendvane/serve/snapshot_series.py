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
    fine: Mapping[int, Counts],
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
        fine: Counts by the Unix second at which a bin of the window's finest width starts.
        window: What the chart spans.
        now: The end of the chart.
        min_voices: The width grows until three of four bins with tweets hold this many voices.
        known_from: When the topic was first watched; silence before that means nothing.
        known_until: When the source last answered; silence after that means nothing. None: it never did.
        gaps: Spans the collector missed.
    """
    first = bin_start(window.since(now), window.steps[0])
    step = _width(fine, first, window, min_voices)
    coarse = _regroup(fine, first, step)
    bins = []
    start = bin_start(first, step)
    while start <= now:
        end = start + step
        counts = coarse.get(int(start.timestamp()))
        if counts is None and _known(start, min(end, now), known_from, known_until, gaps):
            counts = Counts()
        bins.append(Bin(start, counts, complete=end <= now))
        start = end
    return step, bins


def _width(fine: Mapping[int, Counts], first: datetime, window: Window, min_voices: int) -> timedelta:
    """Finest width whose bins are full enough; only voices are summed, as this runs for every topic."""
    voices = {second: counts.voices for second, counts in fine.items()}
    for step in window.steps:
        width, since = _seconds(step), int(bin_start(first, step).timestamp())
        sums: dict[int, int] = {}
        for second, count in voices.items():
            key = (second - since) // width
            sums[key] = sums.get(key, 0) + count
        full = sorted(sums.values())
        if full and full[len(full) // 4] >= min_voices:
            return step
    return window.steps[-1] if fine else window.steps[0]


def _regroup(fine: Mapping[int, Counts], first: datetime, step: timedelta) -> Mapping[int, Counts]:
    """Counts by the second at which a bin of width ``step`` starts."""
    width = _seconds(step)
    since = int(bin_start(first, step).timestamp())
    groups: dict[int, list[Counts]] = {}
    for second, counts in fine.items():
        groups.setdefault(second - (second - since) % width, []).append(counts)
    return {start: parts[0] if len(parts) == 1 else total(parts) for start, parts in groups.items()}


def _seconds(step: timedelta) -> int:
    return int(step.total_seconds())


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
