from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trendvane.domain.errors import BudgetExhaustedError
from trendvane.domain.money import Entry, Limits, Totals
from trendvane.x.budget import MIDNIGHT_GUARD, POST, TRENDS, USER, Governor, MemoryLedger

if TYPE_CHECKING:
    from collections.abc import Callable

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass
class Clock:
    at: datetime = NOON

    def __call__(self) -> datetime:
        return self.at


def governor(
    per_day: float = 1.0, per_month: float = 10.0, clock: Callable[[], datetime] | None = None
) -> tuple[Governor, MemoryLedger]:
    ledger = MemoryLedger()
    return Governor(ledger, Limits.dollars(per_day, per_month), now=clock or Clock()), ledger


def test_the_worst_case_is_on_the_books_before_the_answer() -> None:
    g, ledger = governor()
    reservation = g.reserve("posts", 100, least=10)
    assert (reservation.units, ledger.totals(NOON.date()).day) == (100, 500_000)


def test_only_what_came_is_charged_and_repetitions_of_the_day_are_free() -> None:
    g, ledger = governor()
    assert g.settle(g.reserve("posts", 100), posts={1, 2, 3}) == 3 * POST
    assert g.settle(g.reserve("posts", 100), posts={2, 3, 4}, users={"2"}) == POST + USER
    assert g.settle(g.reserve("posts", 100), posts={2}, users={"2"}) == 0
    assert ledger.totals(NOON.date()).day == 4 * POST + USER
    assert sum(e.requests for e in ledger.entries) == 3


def test_refusals_are_free_and_lost_answers_are_not() -> None:
    g, ledger = governor()
    g.release(g.reserve("trends"))
    assert ledger.totals(NOON.date()).day == 0
    assert g.keep(g.reserve("trends")) == TRENDS
    assert ledger.totals(NOON.date()).day == TRENDS


def test_a_page_shrinks_to_what_can_be_paid() -> None:
    g, _ = governor(per_day=0.25)
    assert g.reserve("posts", 100, least=10).units == 50


def test_less_than_the_least_is_refused_with_the_reset() -> None:
    g, ledger = governor(per_day=0.049)
    with pytest.raises(BudgetExhaustedError, match=r"budget of the day .* resets at 2026-11-23T00:00Z"):
        g.reserve("posts", 100, least=10)
    assert ledger.entries == []


def test_the_month_has_its_own_limit() -> None:
    clock = Clock()
    g, _ = governor(per_day=1, per_month=1.2, clock=clock)
    g.keep(g.reserve("posts", 200))
    clock.at += timedelta(days=1)
    assert g.reserve("posts", 100).units == 40
    with pytest.raises(BudgetExhaustedError, match=r"budget of the month .* resets at 2026-12-01T00:00Z"):
        g.reserve("trends")


def test_a_new_day_brings_new_money_and_forgets_what_was_read() -> None:
    clock = Clock()
    g, ledger = governor(clock=clock)
    g.settle(g.reserve("posts", 100), posts={1})
    clock.at += timedelta(days=1)
    assert g.settle(g.reserve("posts", 100), posts={1}) == POST
    assert ledger.totals(clock.at.date()) == Totals(POST, 2 * POST, NOON.date())


def test_close_to_midnight_nothing_is_free() -> None:
    clock = Clock(datetime(2026, 11, 22, 23, 59, tzinfo=UTC))
    g, _ = governor(clock=clock)
    assert [g.settle(g.reserve("posts", 10), posts={1}) for _ in range(2)] == [POST, POST]


def test_an_answer_after_midnight_is_charged_to_the_day_of_its_question() -> None:
    clock = Clock(datetime(2026, 11, 22, 23, 50, tzinfo=UTC))
    g, ledger = governor(clock=clock)
    reservation = g.reserve("posts", 10)
    clock.at += timedelta(hours=1)
    g.settle(reservation, posts={1})
    assert ledger.totals(date(2026, 11, 22)).day == POST
    assert ledger.totals(date(2026, 11, 23)).day == 0


def test_the_faster_process_wins_the_last_dollar() -> None:
    class Contended(MemoryLedger):
        rival: Entry | None = Entry(NOON.date(), "posts", 100, 500_000)

        def add(self, entry: Entry, limits: Limits | None = None) -> bool:
            rival, self.rival = self.rival, None
            if rival:
                super().add(rival)
            return super().add(entry, limits)

    g = Governor(Contended(), Limits.dollars(0.75, 10), now=Clock())
    assert g.reserve("posts", 100, least=10).units == 50


def test_the_forecast_goes_on_at_the_pace_since_the_first_day() -> None:
    clock = Clock(datetime(2026, 11, 21, tzinfo=UTC))
    g, _ = governor(per_day=5, per_month=100, clock=clock)
    assert g.forecast() == 0
    g.keep(g.reserve("posts", 400))  # $2 on the 21st, ten days of the month left
    clock.at += timedelta(days=1)
    assert g.forecast() == 20_000_000
    status = g.status()
    assert (status.spent_today, status.left_today, status.spent_month) == (0, 5_000_000, 2_000_000)
    assert (status.left_month, status.forecast) == (98_000_000, 20_000_000)


def test_the_forecast_of_the_last_second_is_what_was_spent() -> None:
    clock = Clock(datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC))
    g, _ = governor(clock=clock)
    g.keep(g.reserve("posts", 100))
    assert 500_000 <= g.forecast() <= 500_200


@dataclass
class Biller:
    """X's meter: each distinct tweet once per UTC day, by a clock that differs a little from ours."""

    skew: timedelta
    bill: int = 0
    seen: dict[date, set[int]] = field(default_factory=dict)

    def answer(self, at: datetime, ids: set[int]) -> None:
        known = self.seen.setdefault((at + self.skew).date(), set())
        self.bill += POST * len(ids - known)
        known |= ids


actions = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "answered",
                "answered",
                "answered",
                "refused",
                "lost",
                "killed_before",
                "killed_after",
                "restart",
            ]
        ),
        st.integers(10, 100),
        st.sets(st.integers(1, 60), max_size=10),
        st.integers(0, 50_000),  # seconds that pass
        st.integers(0, 20),  # seconds until the answer
    ),
    max_size=30,
)
skews = st.integers(-MIDNIGHT_GUARD.seconds + 21, MIDNIGHT_GUARD.seconds - 21).map(
    lambda s: timedelta(seconds=s)
)


@relaxed
@given(actions, skews, st.floats(0, 3), st.floats(0, 8))
def test_the_books_are_never_below_the_bill_and_never_above_the_limits(
    script: list[tuple[str, int, set[int], int, int]], skew: timedelta, per_day: float, per_month: float
) -> None:
    clock, ledger, biller = Clock(), MemoryLedger(), Biller(skew)
    limits = Limits.dollars(per_day, per_month)
    g = Governor(ledger, limits, now=clock)
    days = set()
    for action, wanted, ids, passed, delay in script:
        clock.at += timedelta(seconds=passed)
        days.add(clock.at.date())
        try:
            reservation = g.reserve("posts", wanted, least=10)
        except BudgetExhaustedError:
            continue
        if action == "killed_before":
            g = Governor(ledger, limits, now=clock)
        elif action == "refused":
            g.release(reservation)
        else:
            biller.answer(clock.at + timedelta(seconds=delay / 2), ids)
            clock.at += timedelta(seconds=delay)
            if action == "answered":
                g.settle(reservation, posts=ids)
            elif action == "lost":
                g.keep(reservation)
            else:
                g = Governor(ledger, limits, now=clock)
        assert sum(e.micros for e in ledger.entries) >= biller.bill
        for day in days:
            assert ledger.totals(day).day <= limits.per_day
            assert ledger.totals(day).month <= limits.per_month
