"""Time that can run faster than the wall."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class VirtualClock:
    """``start + (wall - wall at start) * speed``.

    Args:
        start_ms: Virtual Unix milliseconds at construction; None means the wall's time.
        speed: Virtual seconds per wall second.
        wall: Unix seconds, as ``time.time``.
        wall_start: Wall time at which the virtual clock stood at its start; None means construction.
    """

    def __init__(
        self,
        start_ms: int | None,
        speed: float,
        wall: Callable[[], float],
        wall_start: float | None = None,
    ) -> None:
        self._wall = wall
        self._wall_start = wall() if wall_start is None else wall_start
        self.start_ms = round(self._wall_start * 1000) if start_ms is None else start_ms
        self._speed = speed

    def now_ms(self) -> int:
        """Virtual Unix milliseconds."""
        return self.start_ms + int((self._wall() - self._wall_start) * 1000 * self._speed)

    def now(self) -> datetime:
        """Virtual time, UTC."""
        return datetime.fromtimestamp(self.now_ms() / 1000, tz=UTC)

    def wall(self) -> float:
        """Unix seconds on the wall: rate windows and sockets live there."""
        return self._wall()


def iso(unix_ms: int) -> str:
    """``2026-11-22T09:30:00.000Z``; X shows whole seconds, the id alone keeps the milliseconds."""
    return datetime.fromtimestamp(unix_ms // 1000, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
