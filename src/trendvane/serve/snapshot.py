"""What the page shows, as plain JSON-ready dictionaries; the API sends the same.

One rule runs through it: "we do not know" is ``null`` and never zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from trendvane.domain import snowflake
from trendvane.serve.snapshot_estimates import shares_json
from trendvane.serve.snapshot_series import WINDOWS, Window, chart_bins
from trendvane.warehouse import reading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from trendvane.serve.snapshot_estimates import Estimates
    from trendvane.serve.snapshot_series import Bin
    from trendvane.serve.snapshot_truth import TruthBook
    from trendvane.warehouse.engine import Warehouse
    from trendvane.warehouse.reading import Gap, TopicRow

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOptions:
    """What the page may be told apart from the data.

    Attributes:
        min_voices: Below this many independent voices a share is flagged ``too_few``.
        level: Coverage the intervals aim at.
        stale_after: A source that has not answered for this long is reported as down.
        max_topics: Most topics on the overview.
        demo: Whether the data are known to be synthetic even before the first topic says so.
    """

    min_voices: int = 20
    level: float = 0.9
    stale_after: timedelta = timedelta(seconds=120)
    max_topics: int = 60
    demo: bool = False


class Snapshots:
    """Builds what the page shows from the warehouse. Every method blocks: call it off the event loop.

    Args:
        warehouse: Where the rollups are.
        estimates: Turns counts into shares.
        options: Limits and flags.
        now: The clock, UTC.
        truth: True shares of demo data; None for real data.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        estimates: Estimates,
        options: PageOptions,
        now: Callable[[], datetime],
        truth: TruthBook | None = None,
    ) -> None:
        self._warehouse = warehouse
        self._estimates = estimates
        self._options = options
        self._now = now
        self._truth = truth

    def fingerprint(self) -> tuple[object, ...]:
        """Something that differs whenever the numbers may have changed."""
        with self._warehouse.begin() as connection:
            return reading.fingerprint(connection)

    def overview(self, window: Window, limit: int | None = None) -> Json:
        """Every topic of the window with shares, volume and a short series of net sentiment."""
        now = self._now()
        with self._warehouse.begin() as connection:
            rows = reading.topics(connection, window.since(now), limit=limit or self._options.max_topics)
            ids = [row.topic_id for row in rows]
            polled = reading.polled_at(connection)
            fine = reading.series(connection, ids, window.series_since(now), window.steps[0])
            gaps = reading.gaps(connection, ids, window.series_since(now))
        head = self.head(window, now, rows, polled)
        topics = []
        for row in rows:
            step, bins = self._bins(row, window, now, fine[row.topic_id], gaps)
            topics.append(self.summary(row, window, now) | {"spark": self._spark(step, bins)})
        return head | {"truth": self._truth_state(), "topics": topics}

    def head(self, window: Window, now: datetime, rows: Sequence[TopicRow], polled: datetime | None) -> Json:
        """What every answer begins with: when, over which span, from where."""
        sources = sorted({row.source for row in rows})
        return {
            "server_time": stamp(now),
            "window": window.name,
            "windows": list(WINDOWS),
            "since": stamp(window.since(now)),
            "level": self._options.level,
            "min_voices": self._options.min_voices,
            "source": sources[0] if len(sources) == 1 else ("mixed" if sources else None),
            "demo": self._options.demo or bool({"emulator", "replay"} & set(sources)),
            "source_state": self._source_state(now, polled),
            "polled_at": stamp(polled),
            "stale_after_s": self._options.stale_after.total_seconds(),
        }

    def summary(self, row: TopicRow, window: Window, now: datetime) -> Json:
        """One topic over the window as a whole."""
        counts, shares = row.counts, self._estimates.of(row.counts)
        newest = row.newest_tweet_id
        truths = self._truth.over(window.since(now), now) if self._truth else {}
        truth = truths.get(row.name.casefold())
        return {
            "id": row.topic_id,
            "name": row.name,
            "type": row.kind,
            "source": row.source,
            "rank": row.rank,
            "polled_at": stamp(row.polled_at),
            "tweets": counts.tweets,
            "voices": counts.voices,
            "folded": counts.tweets - counts.voices,
            "labelled": shares.labelled if shares else 0,
            "shares": shares_json(shares),
            "too_few": counts.voices < self._options.min_voices,
            "newest_tweet_id": None if newest is None else str(newest),
            "newest_at": None if newest is None else stamp(snowflake.to_datetime(newest)),
            "updated_at": stamp(row.updated_at),
            "truth": None if truth is None else _truth_json(truth),
        }

    def chart(
        self,
        row: TopicRow,
        window: Window,
        now: datetime,
        fine: Mapping[int, reading.Counts],
        gaps: Sequence[Gap],
    ) -> Json:
        """The series of one topic, with intervals, for a large chart."""
        step, bins = self._bins(row, window, now, fine, gaps)
        return {"step_s": int(step.total_seconds()), "points": [self._point(item) for item in bins]}

    def _bins(
        self,
        row: TopicRow,
        window: Window,
        now: datetime,
        fine: Mapping[int, reading.Counts],
        gaps: Sequence[Gap],
    ) -> tuple[timedelta, list[Bin]]:
        until = row.polled_at
        if until is not None and now - until <= self._options.stale_after:
            until = now
        return chart_bins(
            fine,
            window,
            now=now,
            min_voices=self._options.min_voices,
            known_from=row.first_seen_at,
            known_until=until,
            gaps=[gap for gap in gaps if gap.topic_id == row.topic_id],
        )

    def _point(self, item: Bin) -> Json:
        if item.counts is None:
            return {"t": stamp(item.start), "tweets": None, "voices": None, "shares": None, "too_few": True}
        return {
            "t": stamp(item.start),
            "tweets": item.counts.tweets,
            "voices": item.counts.voices,
            "shares": shares_json(self._estimates.of(item.counts)),
            "too_few": item.counts.voices < self._options.min_voices,
            "complete": item.complete,
        }

    def _spark(self, step: timedelta, bins: Sequence[Bin]) -> Json:
        """Parallel arrays of net sentiment; null where voices are too few or nothing is known."""
        net: list[list[float] | None] = []
        for item in bins:
            enough = item.counts is not None and item.counts.voices >= self._options.min_voices
            shares = self._estimates.of(item.counts) if enough and item.counts is not None else None
            point = shares.net if shares else None
            net.append([round(point.value, 3), round(point.low, 3), round(point.high, 3)] if point else None)
        return {
            "start": stamp(bins[0].start),
            "step_s": int(step.total_seconds()),
            "net": net,
            "tweets": [None if item.counts is None else item.counts.tweets for item in bins],
        }

    def _source_state(self, now: datetime, polled: datetime | None) -> str:
        if polled is None:
            return "waiting"
        return "down" if now - polled > self._options.stale_after else "live"

    def _truth_state(self) -> str | None:
        if self._truth is None:
            return None
        return "available" if self._truth.available else "unavailable"


def _truth_json(truth: Any) -> Json:
    return {
        "negative": round(truth.negative, 4),
        "neutral": round(truth.neutral, 4),
        "positive": round(truth.positive, 4),
        "n": truth.n,
    }


def stamp(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC with milliseconds; None stays None."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
