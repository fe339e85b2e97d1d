"""What the demo prints: one line when the page is up, a table now and then, and a summary at the end."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text

from trendvane.domain.sentiment import LABELS


def topics_table(snapshot: dict[str, Any]) -> Table:
    """Estimates beside the demo's own truth, in percent.

    A class is marked ``✓`` when its interval holds the true share.
    """
    table = Table(
        title="Which way opinion blows (share in %, 90 % interval, demo's truth)", title_justify="left"
    )
    table.add_column("topic", no_wrap=True, max_width=26)
    table.add_column("tweets", justify="right")
    table.add_column("voices", justify="right")
    for label in LABELS:
        table.add_column(label, justify="right")
    for topic in snapshot["topics"]:
        cells = [_share(topic, label) for label in LABELS]
        table.add_row(Text(topic["name"]), f"{topic['tweets']:,}", f"{topic['voices']:,}", *cells)
    return table


def _share(topic: dict[str, Any], label: str) -> str:
    shares, truth = topic["shares"], topic["truth"]
    if not shares or topic["too_few"]:
        return "too few"
    s = shares[label]
    text = f"{100 * s['value']:.0f} ({100 * s['low']:.0f}–{100 * s['high']:.0f})"
    if truth is None:
        return text
    mark = "✓" if s["low"] <= truth[label] <= s["high"] else "✗"
    return f"{text} {100 * truth[label]:.0f}{mark}"


def summary(snapshot: dict[str, Any] | None) -> dict[str, Any]:
    """How the estimates did against the truth, over topics with enough voices.

    Keys: ``topics``, ``mean_absolute_error`` and ``covered`` (share of the intervals that hold the truth).
    """
    errors, covered, topics = [], [], 0
    for topic in (snapshot or {"topics": []})["topics"]:
        if not topic["truth"] or not topic["shares"] or topic["too_few"]:
            continue
        topics += 1
        for label in LABELS:
            s, truth = topic["shares"][label], topic["truth"][label]
            errors.append(abs(s["value"] - truth))
            covered.append(s["low"] <= truth <= s["high"])
    if not topics:
        return {"topics": 0, "mean_absolute_error": None, "covered": None}
    return {
        "topics": topics,
        "mean_absolute_error": round(sum(errors) / len(errors), 4),
        "covered": round(sum(covered) / len(covered), 4),
    }
