"""What was really published, and what it really meant: for the demo's page and as the tests' judge."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any

from trendvane.domain.sentiment import LABELS
from trendvane.emulator.post import Kind, Post

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Oracle:
    """Remembers every published id for ever, unlike the index."""

    def __init__(self) -> None:
        self._ids: list[int] = []
        self._rows: list[tuple[tuple[str, ...], Kind, int | None, str, int | None]] = []
        self._organic: dict[str, tuple[list[int], list[int]]] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, post: Post) -> None:
        """Take note of a publication; posts come in order of their ids."""
        self._ids.append(post.id)
        self._rows.append((post.topics, post.kind, post.label, post.lang, post.original_id))
        if post.kind is Kind.ORGANIC and post.lang == "en" and post.label is not None:
            for topic in post.topics:
                times, labels = self._organic.setdefault(topic, ([], []))
                times.append(post.created_ms)
                labels.append(post.label)

    def shares(self, topic: str, since_ms: int, until_ms: int) -> dict[str, int]:
        """Counts of true labels with ``since_ms <= created < until_ms``: English, one voice each."""
        times, labels = self._organic.get(topic, ([], []))
        window = labels[bisect_left(times, since_ms) : bisect_left(times, until_ms)]
        return {name: window.count(i) for i, name in enumerate(LABELS)}

    def topics(self) -> Sequence[str]:
        """Topics with at least one organic English labelled post."""
        return list(self._organic)

    def rows(self, since_id: int, limit: int) -> Iterator[dict[str, Any]]:
        """Published posts with ``id > since_id``, oldest first."""
        start = bisect_right(self._ids, since_id)
        for i in range(start, min(start + limit, len(self._ids))):
            topics, kind, label, lang, original = self._rows[i]
            row = {
                "id": str(self._ids[i]),
                "topic": topics[0] if topics else "",
                "topics": list(topics),
                "kind": str(kind),
                "label": None if label is None else LABELS[label],
                "lang": lang,
            }
            yield row if original is None else row | {"original_id": str(original)}
