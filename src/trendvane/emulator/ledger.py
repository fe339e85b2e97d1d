"""What the requests would have cost at list prices, and whether credits are left."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from trendvane.emulator.problems import credits_depleted, usage_capped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

POST_USD = 0.005
USER_USD = 0.010
TRENDS_USD = 0.010
COUNTS_RECENT_USD = 0.005
COUNTS_ALL_USD = 0.010


@dataclass(slots=True)
class Day:
    """One UTC day: a resource read twice in it is billed once."""

    posts: set[int] = field(default_factory=set)
    users: set[int] = field(default_factory=set)
    usd: float = 0.0


class Ledger:
    """Bills distinct resources per UTC day of the virtual clock.

    Args:
        credits_usd: Prepaid balance.
        post_cap: Post reads per month.
        now_ms: Virtual Unix milliseconds.
    """

    def __init__(self, credits_usd: float, post_cap: int, now_ms: Callable[[], int]) -> None:
        self.granted_usd = credits_usd
        self.post_cap = post_cap
        self._now_ms = now_ms
        self.days: dict[str, Day] = {}

    @property
    def spent_usd(self) -> float:
        """Since the start."""
        return sum(day.usd for day in self.days.values())

    @property
    def balance_usd(self) -> float:
        """What is left; may be slightly negative, because a reply is billed after it was made."""
        return self.granted_usd - self.spent_usd

    def posts_this_month(self) -> int:
        """Billed post reads of the current month."""
        month = self._today()[:7]
        return sum(len(day.posts) for date, day in self.days.items() if date.startswith(month))

    def check(self) -> None:
        """Refuse a billed request when money or cap is gone."""
        if self.balance_usd <= 0:
            raise credits_depleted()
        if self.posts_this_month() >= self.post_cap:
            raise usage_capped()

    def bill(self, posts: Iterable[int] = (), users: Iterable[int] = (), flat_usd: float = 0.0) -> float:
        """Charge what was not yet read today; returns the dollars."""
        day = self.days.setdefault(self._today(), Day())
        new_posts = set(posts) - day.posts
        new_users = set(users) - day.users
        day.posts |= new_posts
        day.users |= new_users
        cost = len(new_posts) * POST_USD + len(new_users) * USER_USD + flat_usd
        day.usd += cost
        return cost

    def _today(self) -> str:
        return datetime.fromtimestamp(self._now_ms() / 1000, tz=UTC).date().isoformat()
