"""What is in a set of rows, counted while they are written."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from trendvane.domain import snowflake
from trendvane.steps.curate.gathering import id_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import numpy.typing as npt

    from trendvane.model.snapshots import DataRow
    from trendvane.steps.curate.gathering import Gathered

_SHOWN = 20
_OLDEST = 1 << 40  # ids below are older than the scheme that holds the time, or no tweet's at all


class Contents:
    """Counts of rows by who labelled them, topic, language, year and source."""

    def __init__(self) -> None:
        self._counters = {
            name: Counter[str]() for name in ("labellers", "topics", "languages", "years", "origins")
        }

    def passing(self, gathered: Gathered, rows: npt.NDArray[np.intp]) -> Iterator[DataRow]:
        """Those rows, one at a time, counted as they pass."""
        labellers, topics, languages, years, origins = self._counters.values()
        for index in rows.tolist():
            row = gathered.row(index)
            labellers[row.labeller] += 1
            topics[row.topic or "(none)"] += 1
            languages[row.lang] += 1
            years[_year(row.tweet_id)] += 1
            origins[row.source] += 1
            yield row

    def facts(self) -> dict[str, Any]:
        """The counts, the commonest first; of topics and the like only the first twenty, and a sum."""
        return {name: _shortened(counter) for name, counter in self._counters.items()}


def _year(tweet_id: str) -> str:
    """Year of a tweet, which its id tells; the ids of other things are small numbers or no numbers."""
    number = id_key(tweet_id)
    return str(snowflake.to_datetime(number).year) if number >= _OLDEST else "(unknown)"


def _shortened(counter: Counter[str]) -> dict[str, int]:
    ordered = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
    shown = dict(ordered[:_SHOWN])
    rest = ordered[_SHOWN:]
    return shown | ({f"({len(rest)} others)": sum(n for _, n in rest)} if rest else {})
