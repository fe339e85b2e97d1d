"""The money governor: no request leaves before its worst case is on the books.

X bills each distinct tweet once per UTC day and has no ceiling of its own below its monthly cap, so a loop
that goes wrong spends thousands of dollars an hour. The governor therefore writes down the worst case of a
request before it is sent, and corrects the entry once the answer is known. A process that dies in between
leaves the worst case standing: the books can be too high, never too low.

Amounts are integers, in millionths of a dollar ("micros").
"""

from __future__ import annotations

import calendar
import threading
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Protocol

from trendvane.domain.errors import BudgetExhaustedError
from trendvane.domain.money import MICROS, Entry, Item, Limits, Totals

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

# docs.x.com, getting-started/pricing, August 2026: a post $0.005, a user $0.010, a request for trends
# $0.010. A request for counts stands there with $0.005 and was measured at $0.010; the books take the
# higher.
POST = 5_000
USER = 10_000
TRENDS = 10_000
COUNTS = 10_000
PRICES: dict[Item, int] = {"posts": POST, "trends": TRENDS, "counts": COUNTS, "users": USER}

# With ``post.fields`` the ids we need are expansions, and each expanded object may be billed: the tweet
# itself, its author, and up to two referenced tweets (a reply that quotes).
POST_EXPANDED = POST + USER + 2 * POST

# X's midnight and ours may differ by a clock's error; so close to it, no repetition is taken to be free.
MIDNIGHT_GUARD = timedelta(seconds=120)


class Ledger(Protocol):
    """The books. They outlive the process, unless they are ``MemoryLedger``."""

    def totals(self, day: date) -> Totals:
        """Sums of ``day`` and of its month."""
        ...

    def add(self, entry: Entry, limits: Limits | None = None) -> bool:
        """Write an entry down, durably, before returning.

        With ``limits`` the entry is written only if both sums stay within them; checking and writing are
        one step, so that two processes cannot both take the last dollar.

        Returns:
            Whether the entry was written.
        """
        ...


class MemoryLedger:
    """Books for one process: one-shot commands and tests."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._lock = threading.Lock()

    def totals(self, day: date) -> Totals:
        """Sums of ``day`` and of its month."""
        month = [e for e in self.entries if (e.day.year, e.day.month) == (day.year, day.month)]
        return Totals(
            day=sum(e.micros for e in month if e.day == day),
            month=sum(e.micros for e in month),
            first_day=min((e.day for e in month), default=None),
        )

    def add(self, entry: Entry, limits: Limits | None = None) -> bool:
        """Write an entry down if it fits."""
        with self._lock:
            if limits is not None:
                sums = self.totals(entry.day)
                if sums.day + entry.micros > limits.per_day or sums.month + entry.micros > limits.per_month:
                    return False
            self.entries.append(entry)
        return True


@dataclass(frozen=True, slots=True)
class Reservation:
    """Money set aside for one request.

    Attributes:
        day: UTC day it was taken from.
        item: What is bought.
        units: How many may come back; the ``max_results`` to send.
        unit_micros: Worst price of one.
    """

    day: date
    item: Item
    units: int
    unit_micros: int

    @property
    def micros(self) -> int:
        """Worst case of the request."""
        return self.units * self.unit_micros


@dataclass(frozen=True, slots=True)
class Status:
    """The books at a glance, in micros."""

    spent_today: int
    spent_month: int
    left_today: int
    left_month: int
    forecast: int


class Governor:
    """Decides whether a request may be sent.

    Args:
        ledger: The books.
        limits: What may be spent per UTC day and per calendar month.
        now: Wall clock, UTC.
    """

    def __init__(
        self,
        ledger: Ledger,
        limits: Limits,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._limits = limits
        self._now = now
        self._seen: set[tuple[Item, int | str]] = set()
        self._seen_day: date | None = None

    def reserve(self, item: Item, units: int = 1, *, least: int = 1, price: int | None = None) -> Reservation:
        """Set the worst case of a request aside, on the books, before it is sent.

        Args:
            item: What is bought.
            units: How many at most: the ``max_results`` wanted, or 1 for a request with a flat price.
            least: How few would still be of use; X sends no page of fewer than 10.
            price: Worst price of one, in micros, when it is not the list's: ``POST_EXPANDED``.

        Returns:
            A reservation of ``least`` to ``units`` units, as many as fit.

        Raises:
            BudgetExhaustedError: Not even ``least`` fit; the message says which limit and when it resets.
        """
        price = PRICES[item] if price is None else price
        while True:
            day = self._now().astimezone(UTC).date()
            sums = self._ledger.totals(day)
            left = min(self._limits.per_day - sums.day, self._limits.per_month - sums.month)
            fit = min(units, left // price)
            if fit < least:
                raise self._exhausted(day, sums, least * price)
            # Another process may have been faster; then the sums are looked at again.
            if self._ledger.add(Entry(day, item, fit, fit * price, 1), self._limits):
                return Reservation(day, item, fit, price)

    def settle(
        self,
        reservation: Reservation,
        *,
        posts: Collection[int],
        users: Collection[str] = (),
    ) -> int:
        """Replace the worst case by what the answer costs.

        Args:
            reservation: From ``reserve("posts", ...)``.
            posts: Every tweet of the answer, included ones too; repetitions of the same UTC day are free.
            users: Every user object of the answer.

        Returns:
            The real cost in micros.
        """
        new_posts = self._new("posts", set(posts), reservation.day)
        cost = new_posts * POST + self._new("users", set(users), reservation.day) * USER
        self._correct(reservation, new_posts, cost)
        return cost

    def keep(self, reservation: Reservation) -> int:
        """Leave the worst case standing: the answer was lost or cannot be read. Returns micros."""
        return reservation.micros

    def release(self, reservation: Reservation) -> None:
        """Take the reservation back: X said no, and bills nothing for that."""
        self._correct(reservation, 0, 0)

    def status(self) -> Status:
        """What was spent and what is left."""
        sums = self._ledger.totals(self._now().astimezone(UTC).date())
        left_today = max(self._limits.per_day - sums.day, 0)
        left_month = max(self._limits.per_month - sums.month, 0)
        return Status(sums.day, sums.month, left_today, left_month, self._project(sums))

    def forecast(self) -> int:
        """What the month will have cost if it goes on as it went, in micros.

        ``spent + spent / elapsed * remaining``, where elapsed counts from the first day of the month with
        an entry (a collector started on the 20th says nothing about the 1st) and is taken to be an hour at
        least.
        """
        return self._project(self._ledger.totals(self._now().astimezone(UTC).date()))

    def _project(self, sums: Totals) -> int:
        now = self._now().astimezone(UTC)
        start = datetime.combine(sums.first_day or now.date(), time(), UTC)
        elapsed = max(now - start, timedelta(hours=1)) // timedelta(seconds=1)
        left = max(_month_end(now.date()) - now, timedelta()) // timedelta(seconds=1)
        return sums.month + sums.month * left // elapsed

    def _new(self, item: Item, ids: Collection[int | str], day: date) -> int:
        now = self._now().astimezone(UTC)
        if now.date() != self._seen_day:
            self._seen, self._seen_day = set(), now.date()
        midnight = datetime.combine(now.date(), time(), UTC)
        close = now - midnight < MIDNIGHT_GUARD or midnight + timedelta(days=1) - now <= MIDNIGHT_GUARD
        if close or day != now.date():
            return len(ids)  # nobody knows on which of the two days X books these, so none is remembered
        keys = {(item, i) for i in ids}
        new = len(keys - self._seen)
        self._seen |= keys
        return new

    def _correct(self, reservation: Reservation, units: int, micros: int) -> None:
        change = Entry(
            reservation.day,
            reservation.item,
            units - reservation.units,
            micros - reservation.micros,
        )
        if change.units or change.micros:
            self._ledger.add(change)

    def _exhausted(self, day: date, sums: Totals, needed: int) -> BudgetExhaustedError:
        monthly = self._limits.per_month - sums.month < needed
        name = "month" if monthly else "day"
        limit = self._limits.per_month if monthly else self._limits.per_day
        spent = sums.month if monthly else sums.day
        reset = _month_end(day) if monthly else datetime.combine(day, time(), UTC) + timedelta(days=1)
        return BudgetExhaustedError(
            f"The budget of the {name} is used up: ${spent / MICROS:.3f} of ${limit / MICROS:.2f} spent, "
            f"${needed / MICROS:.3f} needed.",
            remedy=f"It resets at {reset:%Y-%m-%dT%H:%MZ}; or raise dollars_per_{name}.",
        )


def _month_end(day: date) -> datetime:
    last = calendar.monthrange(day.year, day.month)[1]
    return datetime.combine(day.replace(day=last), time(), UTC) + timedelta(days=1)
