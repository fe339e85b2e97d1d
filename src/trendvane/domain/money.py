"""Money: whole millionths of a dollar ("micros"), so that sums are exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import date

MICROS = 1_000_000

Item = Literal["posts", "trends", "counts", "users", "tokens"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be spent, in micros."""

    per_day: int
    per_month: int

    @classmethod
    def dollars(cls, per_day: float, per_month: float) -> Limits:
        """From dollars, rounded down."""
        return cls(int(per_day * MICROS), int(per_month * MICROS))


@dataclass(frozen=True, slots=True)
class Entry:
    """A change of the books; negative numbers take back what was reserved too much.

    Attributes:
        day: UTC day on which the request was sent.
        item: What was bought.
        units: How many.
        micros: For how much.
        requests: Requests sent.
    """

    day: date
    item: Item
    units: int
    micros: int
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of the books, in micros; ``first_day`` is the first day of the month with an entry."""

    day: int
    month: int
    first_day: date | None
