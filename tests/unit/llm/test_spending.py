from __future__ import annotations

import threading
from datetime import UTC, date, datetime

import pytest

from trendvane.domain.errors import BudgetExhaustedError
from trendvane.domain.money import MICROS, Entry, Limits, Totals
from trendvane.llm.answers import Reply, Vote
from trendvane.llm.config import LlmConfig
from trendvane.llm.spending import Estimate, Purse, Tally, estimate_request, estimate_tokens

NOW = datetime(2026, 3, 31, 23, 59, tzinfo=UTC)


class Books:
    """One process's books."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.lock = threading.Lock()

    def totals(self, day: date) -> Totals:
        month = [e for e in self.entries if (e.day.year, e.day.month) == (day.year, day.month)]
        return Totals(sum(e.micros for e in month if e.day == day), sum(e.micros for e in month), None)

    def add(self, entry: Entry, limits: Limits | None = None) -> bool:
        with self.lock:
            if limits and self.totals(entry.day).month + entry.micros > limits.per_month:
                return False
            self.entries.append(entry)
            return True

    @property
    def micros(self) -> int:
        return sum(e.micros for e in self.entries)


def purse(books: Books, *, cap: float = 1.0, max_tokens: int = 10) -> Purse:
    config = LlmConfig("http://h/v1", "m", 2.0, 8.0, cap, max_tokens=max_tokens)
    return Purse(books, config, now=lambda: NOW)


def test_prices_are_those_of_a_million_tokens_rounded_up() -> None:
    # 1000 tokens at $2 and 100 at $8 a million: 2000 + 800 millionths.
    assert purse(Books()).price(1000, 100) == 2800
    assert Purse(Books(), LlmConfig("h", "m", 0.15, 0.6, 1.0), now=lambda: NOW).price(3, 1) == 2
    assert purse(Books()).price(0, 0) == 0


def test_tokens_are_estimated_from_characters() -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens("abcdefgh") == 2
    assert estimate_tokens("abcdefghi") == 3
    assert estimate_tokens("日本語") == 3
    assert estimate_request(["abcd", "abcdefgh"]) == ((1 + 4) + (2 + 4), 10)


def test_estimates_add_up() -> None:
    assert Estimate(1, 3, 30, 6, 0.5) + Estimate(2, 6, 10, 4, 0.25) == Estimate(3, 9, 40, 10, 0.75)


def test_the_worst_case_is_on_the_books_before_the_request_and_corrected_after_it() -> None:
    books, tally = Books(), Tally()
    mine = purse(books)
    held = mine.reserve(["äbc"])  # four bytes and the frame, ten tokens back
    assert (held.tokens_in, held.tokens_out, books.micros) == (8, 10, 8 * 2 + 10 * 8)
    mine.settle(held, Reply(Vote(1), 3, 2), tally)
    assert books.micros == 3 * 2 + 2 * 8
    assert (tally.requests, tally.tokens_in, tally.tokens_out, tally.micros) == (1, 3, 2, 22)
    assert sum(e.requests for e in books.entries) == 1


def test_a_lost_answer_stays_on_the_books_and_a_refused_request_does_not() -> None:
    books, tally = Books(), Tally()
    mine = purse(books)
    mine.keep(mine.reserve(["abcd"]), tally)
    worst = books.micros
    assert worst == tally.micros == 8 * 2 + 80
    mine.release(mine.reserve(["abcd"]), tally)
    assert (books.micros, tally.micros, tally.requests) == (worst, worst, 2)


def test_an_answer_without_a_count_costs_the_worst_case() -> None:
    books = Books()
    mine = purse(books)
    mine.settle(mine.reserve(["abcd"]), Reply(Vote(1), None, None), Tally())
    assert books.micros == 8 * 2 + 80


def test_the_cap_holds_with_requests_in_flight_and_starts_anew_with_the_month() -> None:
    books = Books()
    cap = 250 / MICROS
    mine = purse(books, cap=cap)
    assert mine.left() == cap
    held = [mine.reserve(["abcd"]), mine.reserve(["abcd"])]  # 96 each, both in flight
    with pytest.raises(BudgetExhaustedError, match="month"):
        mine.reserve(["abcd"])
    mine.settle(held[0], Reply(Vote(0), 1, 1), Tally())
    mine.reserve(["abcd"])
    config = LlmConfig("http://h/v1", "m", 2.0, 8.0, cap, max_tokens=10)
    april = Purse(books, config, now=lambda: datetime(2026, 4, 1, tzinfo=UTC))
    april.reserve(["abcd"])


def test_workers_together_cannot_pass_the_cap() -> None:
    books = Books()
    refused: list[int] = []

    def work() -> None:
        mine = purse(books, cap=1000 / MICROS)
        for _ in range(20):
            try:
                mine.reserve(["abcd"])
            except BudgetExhaustedError:
                refused.append(1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert books.micros == 960  # ten times 96
    assert len(refused) == 150
