"""How long to wait before opening a stream again: X's own table, and a floor under it.

docs.x.com, fundamentals, handling disconnections: TCP errors linearly by 250 ms up to 16 s, HTTP errors
from 5 s doubling to 320 s, 429 from 60 s doubling. A server that closes politely at once would otherwise be
asked without any pause, and X allows 50 connections in 15 minutes.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum

_CONNECTS = 45  # of the 50 X allows in a window
_WINDOW = 15 * 60.0
_FLOOR = 1.0
_MAX_RATE = 960.0  # a window and a minute


class Trouble(StrEnum):
    """Why a stream ended."""

    TCP = "tcp"
    HTTP = "http"
    RATE = "rate"


class Backoff:
    """Counts what went wrong in a row and spaces connections. Pure: takes the time, gives seconds."""

    def __init__(self) -> None:
        self._attempts: dict[Trouble, int] = dict.fromkeys(Trouble, 0)
        self._connects: deque[float] = deque()

    def connected(self, at: float) -> None:
        """Note that a connection is being opened, at ``at`` seconds of any steady clock."""
        self._connects.append(at)
        while len(self._connects) > _CONNECTS:
            self._connects.popleft()

    def healthy(self) -> None:
        """Note that a tweet came: the next trouble is a first one."""
        self._attempts = dict.fromkeys(Trouble, 0)

    def pause(self, trouble: Trouble, at: float) -> float:
        """Seconds to wait at ``at`` before connecting again."""
        self._attempts[trouble] += 1
        n = self._attempts[trouble]
        wait = {
            Trouble.TCP: min((n - 1) * 0.25, 16.0),
            Trouble.HTTP: min(5.0 * 2.0 ** min(n - 1, 10), 320.0),
            Trouble.RATE: min(60.0 * 2.0 ** min(n - 1, 10), _MAX_RATE),
        }[trouble]
        return max(wait, self._floor(at))

    def _floor(self, at: float) -> float:
        if not self._connects:
            return 0.0
        floor = self._connects[-1] + _FLOOR - at
        if len(self._connects) == _CONNECTS:
            floor = max(floor, self._connects[0] + _WINDOW - at)
        return max(floor, 0.0)
