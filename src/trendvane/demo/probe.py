"""A viewer that watches the clock: how long after a tweet was published does the page show it?

The probe reads the same server-sent events as the page. A tweet counts as shown by the first snapshot that
was built after the tweet's row was written and that names a tweet of the topic at least as new. Its age then
is the arrival of that snapshot minus the moment of publication, which the tweet's own id holds in
milliseconds.
"""

from __future__ import annotations

import bisect
import json
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import httpx2
import structlog

from trendvane.domain import snowflake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

log = structlog.get_logger(__name__)

_RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One snapshot as it arrived.

    Attributes:
        built_at: The server's time, Unix seconds.
        arrived_at: Ours, Unix seconds.
        newest: Newest tweet id by topic id.
    """

    built_at: float
    arrived_at: float
    newest: dict[str, int]


class Probe:
    """Follows ``GET /v1/live`` in a thread and keeps what it saw.

    Args:
        base_url: Of the page.
        clock: Unix seconds.
    """

    def __init__(self, base_url: str, clock: Callable[[], float] = time.time) -> None:
        self._client = httpx2.Client(base_url=base_url, timeout=httpx2.Timeout(5.0, read=30.0))
        self._clock = clock
        self._thread = threading.Thread(target=self._follow, name="probe", daemon=True)
        self._closed = threading.Event()
        self.seen: list[Seen] = []
        self.snapshot: dict[str, Any] | None = None

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def close(self) -> None:
        """Stop following."""
        self._closed.set()
        self._client.close()

    def _follow(self) -> None:
        while not self._closed.is_set():
            try:
                with self._client.stream("GET", "/v1/live", params={"window": "24h"}) as response:
                    response.raise_for_status()
                    for snapshot in snapshots(response.iter_lines()):
                        self._take(snapshot)
            except (httpx2.HTTPError, RuntimeError) as error:  # RuntimeError: our own client was closed
                log.debug("probe_reconnects", error=type(error).__name__)
            self._closed.wait(_RETRY_SECONDS)

    def _take(self, snapshot: dict[str, Any]) -> None:
        newest = {t["id"]: int(t["newest_tweet_id"]) for t in snapshot["topics"] if t["newest_tweet_id"]}
        built = datetime.fromisoformat(snapshot["server_time"]).timestamp()
        self.seen.append(Seen(built, self._clock(), newest))
        self.snapshot = snapshot


def snapshots(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Read the ``snapshot`` events out of a stream of lines."""
    event = ""
    for line in lines:
        if line.startswith("event:"):
            event = line.removeprefix("event:").strip()
        elif line.startswith("data:") and event == "snapshot":
            yield json.loads(line.removeprefix("data:"))


def ages(rows: Iterable[tuple[int, str, float]], seen: list[Seen]) -> list[float]:
    """Seconds from publication to page, one for each tweet already shown.

    Args:
        rows: (tweet id, topic id, Unix seconds at which its product row was written).
        seen: Snapshots in the order they arrived.
    """
    built = [s.built_at for s in seen]
    found = []
    for tweet_id, topic_id, written_at in rows:
        for snapshot in seen[bisect.bisect_left(built, written_at) :]:
            if snapshot.newest.get(topic_id, -1) >= tweet_id:
                found.append(snapshot.arrived_at - snowflake.to_ms(tweet_id) / 1000)
                break
    return found


def quantile(values: Iterable[float], q: float) -> float | None:
    """The smallest value that at least a share ``q`` of the values does not exceed; None without values."""
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[min(int(q * len(ordered)), len(ordered) - 1)]
