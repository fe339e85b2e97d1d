"""The true shares behind demo data, asked of the emulator that made it up. Never used with real data."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import httpx2

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

_FRESH_S = 3.0
_PAUSE_S = 10.0  # after a failure: a dead emulator must not slow every snapshot down
_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class Truth:
    """True shares over a span; they sum to 1. ``n`` is how many tweets were really written."""

    negative: float
    neutral: float
    positive: float
    n: int

    @classmethod
    def parse(cls, body: Any) -> Self | None:
        """Read one topic of the emulator's answer; None when it is not three counts with a sum."""
        try:
            counts = [int(body["counts"][name]) for name in ("negative", "neutral", "positive")]
        except (KeyError, TypeError, ValueError):
            return None
        n = sum(counts)
        if n <= 0 or min(counts) < 0:
            return None
        return cls(counts[0] / n, counts[1] / n, counts[2] / n, n)


class TruthBook:
    """Asks the emulator about all topics at once, remembers for some seconds, fails quietly but visibly.

    Args:
        url: Root of the emulator.
        now: The clock, UTC.
        transport: For tests; the network when None.
    """

    def __init__(
        self, url: str, now: Callable[[], datetime], transport: httpx2.BaseTransport | None = None
    ) -> None:
        self._client = httpx2.Client(base_url=url, timeout=_TIMEOUT_S, transport=transport)
        self._now = now
        self._known: dict[int, tuple[float, Mapping[str, Truth]]] = {}
        self._silent_until = 0.0
        self._lock = threading.Lock()

    @property
    def available(self) -> bool:
        """Whether the emulator answered when it was last asked."""
        return self._silent_until == 0.0

    def over(self, since: datetime, until: datetime) -> Mapping[str, Truth]:
        """True shares by case-folded topic name; empty when unknown. May block for a second."""
        clock = self._now().timestamp()
        span = round((until - since).total_seconds())
        with self._lock:  # one question at a time: the emulator is small and its answers are shared
            asked, known = self._known.get(span, (float("-inf"), {}))
            if clock - asked < _FRESH_S:
                return known
            if clock < self._silent_until:
                return {}
            self._known[span] = (clock, self._ask(since, until, clock))
            return self._known[span][1]

    def _ask(self, since: datetime, until: datetime, clock: float) -> Mapping[str, Truth]:
        params = {"since_ms": int(since.timestamp() * 1000), "until_ms": int(until.timestamp() * 1000)}
        try:
            response = self._client.get("/emulator/truth", params=params)
            topics = response.raise_for_status().json()["topics"].items()
        except (httpx2.HTTPError, ValueError, LookupError, TypeError, AttributeError):
            self._silent_until = clock + _PAUSE_S
            return {}
        self._silent_until = 0.0
        parsed = ((name.casefold(), Truth.parse(body)) for name, body in topics)
        return {name: truth for name, truth in parsed if truth is not None}
