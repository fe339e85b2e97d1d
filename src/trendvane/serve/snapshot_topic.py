"""One topic in full, and several side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trendvane.domain.sentiment import LABELS
from trendvane.serve.snapshot import stamp
from trendvane.warehouse import reading, reading_tweets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from trendvane.serve.snapshot import Json, Snapshots
    from trendvane.serve.snapshot_estimates import Estimates
    from trendvane.serve.snapshot_series import Window
    from trendvane.warehouse.engine import Warehouse
    from trendvane.warehouse.reading import TopicRow
    from trendvane.warehouse.reading_tweets import Example

EXAMPLES_PER_CLASS = 5


class TopicViews:
    """Builds the topic and comparison views. Every method blocks: call it off the event loop.

    Args:
        warehouse: Where the rollups are.
        snapshots: Builds the parts that the overview shows too.
        estimates: Says how intervals are made, and of which languages.
        now: The clock, UTC.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        snapshots: Snapshots,
        estimates: Estimates,
        now: Callable[[], datetime],
    ) -> None:
        self._warehouse = warehouse
        self._snapshots = snapshots
        self._estimates = estimates
        self._now = now

    def topic(self, topic_id: str, window: Window, *, confident: bool) -> Json | None:
        """Shares, series, examples and provenance of one topic; None when there is no such topic."""
        now = self._now()
        since = window.since(now)
        with self._warehouse.begin() as connection:
            rows = reading.topics_by_id(connection, [topic_id], since)
            if not rows:
                return None
            polled = reading.polled_at(connection)
            fine = reading.series(connection, [topic_id], window.series_since(now), window.steps[0])
            gaps = reading.gaps(connection, [topic_id], window.series_since(now))
            models = reading.models(connection, topic_id, since)
            examples = reading_tweets.examples(
                connection, topic_id, since, per_class=EXAMPLES_PER_CLASS, confident=confident
            )
        row = rows[0]
        return (
            self._snapshots.head(window, now, rows, polled)
            | self._snapshots.summary(row, window, now)
            | {
                "series": self._snapshots.chart(row, window, now, fine[topic_id], gaps),
                "gaps": [
                    {"from": stamp(gap.from_at), "to": stamp(gap.to_at), "reason": gap.reason} for gap in gaps
                ],
                "examples": _examples_json(examples, on_x=row.source == "x"),
                "provenance": self._provenance(row, window, now, models),
            }
        )

    def compare(self, topic_ids: Sequence[str], window: Window) -> Json:
        """Summaries and series of several topics, in the order asked for; unknown ids are left out."""
        now = self._now()
        with self._warehouse.begin() as connection:
            rows = reading.topics_by_id(connection, topic_ids, window.since(now))
            polled = reading.polled_at(connection)
            fine = reading.series(connection, topic_ids, window.series_since(now), window.steps[0])
            gaps = reading.gaps(connection, topic_ids, window.series_since(now))
        voices = sum(row.counts.voices for row in rows)
        return self._snapshots.head(window, now, rows, polled) | {
            "topics": [
                self._snapshots.summary(row, window, now)
                | {
                    "share_of_voice": round(row.counts.voices / voices, 4) if voices else None,
                    "series": self._snapshots.chart(row, window, now, fine[row.topic_id], gaps),
                }
                for row in rows
            ]
        }

    def _provenance(
        self, row: TopicRow, window: Window, now: datetime, models: Sequence[tuple[str, int]]
    ) -> Json:
        counts = row.counts
        return {
            "source": row.source,
            "window": window.name,
            "since": stamp(window.since(now)),
            "until": stamp(now),
            "tweets": counts.tweets,
            "voices": counts.voices,
            "folded": counts.tweets - counts.voices,
            "labelled": counts.labelled,
            "predicted": {
                "negative": counts.negative,
                "neutral": counts.neutral,
                "positive": counts.positive,
            },
            "models": [{"version": version, "voices": voices} for version, voices in models],
            "languages": list(self._estimates.languages),
            "interval_method": self._estimates.method,
        }


def _examples_json(examples: Sequence[Example], *, on_x: bool) -> dict[str, list[Json]]:
    """By predicted class; only what came from X can be looked up there."""
    grouped: dict[str, list[Json]] = {label: [] for label in LABELS}
    for example in examples:
        grouped[LABELS[example.sentiment]].append(
            {
                "id": str(example.tweet_id),
                "text": example.text,
                "created_at": stamp(example.created_at),
                "lang": example.lang,
                "score": round(example.score, 3),
                "url": f"https://x.com/i/status/{example.tweet_id}" if on_x else None,
            }
        )
    return grouped
