"""Rate windows per endpoint, in wall time because they pace real sockets."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trendvane.emulator.problems import ProblemError, too_many_requests

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW_S = 900
# App limits per 15 minutes, as documented; endpoints without a documented limit get a generous one,
# because every reply carries the three headers.
LIMITS = {
    "trends": 75,
    "personalized_trends": 10,
    "search_recent": 450,
    "search_all": 300,
    "counts_recent": 300,
    "counts_all": 300,
    "stream": 50,
    "rules_get": 450,
    "rules_post": 100,
    "rules_counts": 450,
    "tweets": 3_500,
    "tweet": 450,
    "jobs": 150,
    "usage": 50,
    "credits": 50,
    "connections": 25,
    "openapi": 450,
    "enterprise": 450,
}


class RateLimiter:
    """Fixed windows, one per endpoint; the first request opens one.

    Args:
        factor: Multiplies every limit.
        wall: Unix seconds.
    """

    def __init__(self, factor: float, wall: Callable[[], float]) -> None:
        self._factor = factor
        self._wall = wall
        self._windows: dict[str, tuple[float, int]] = {}
        self._last_search_all = -math.inf

    def peek(self, name: str) -> dict[str, str]:
        """Headers for a reply that does not count, such as a 401."""
        now = self._wall()
        limit = max(int(LIMITS[name] * self._factor), 1)
        reset, used = self._windows.get(name, (0.0, 0))
        return (
            _headers(limit, limit, now + WINDOW_S) if now >= reset else _headers(limit, limit - used, reset)
        )

    def take(self, name: str) -> dict[str, str]:
        """Count one request.

        Returns:
            The headers of the reply.

        Raises:
            ProblemError: 429 with the same headers.
        """
        now = self._wall()
        limit = max(int(LIMITS[name] * self._factor), 1)
        reset, used = self._windows.get(name, (0.0, 0))
        if now >= reset:
            reset, used = now + WINDOW_S, 0
        if used >= limit:
            self._windows[name] = (reset, used)
            raise _refusal(limit, 0, reset)
        self._windows[name] = (reset, used + 1)
        if name == "search_all" and self._factor <= 1:
            # The undocumented second limit: 429 while ``remaining`` still looks fine.
            if now - self._last_search_all < 1:
                raise _refusal(limit, limit - used - 1, reset)
            self._last_search_all = now
        return _headers(limit, limit - used - 1, reset)


def _headers(limit: int, remaining: int, reset: float) -> dict[str, str]:
    return {
        "x-rate-limit-limit": str(limit),
        "x-rate-limit-remaining": str(remaining),
        "x-rate-limit-reset": str(math.ceil(reset)),
    }


def _refusal(limit: int, remaining: int, reset: float) -> ProblemError:
    problem = too_many_requests()
    return ProblemError(429, problem.body, problem.slug, _headers(limit, remaining, reset))


def exhausted(wall: float, wait_s: float) -> ProblemError:
    """A 429 whose window resets after ``wait_s``, for fault scripts."""
    return _refusal(450, 0, wall + wait_s)
