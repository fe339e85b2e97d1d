"""Tokens and dollars: what a run will cost, what it did cost, and the cap it may not pass.

As with X, a request leaves only when its worst case is on the books, and the entry is corrected once the
answer is known. A process that dies in between leaves the worst case standing: the books can be too high,
never too low. Amounts are integers, in millionths of a dollar ("micros").
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Protocol

from trendvane.domain.errors import BudgetExhaustedError
from trendvane.domain.money import MICROS, Entry, Limits, Totals

if TYPE_CHECKING:
    from collections.abc import Callable

    from trendvane.llm.answers import Reply
    from trendvane.llm.config import LlmConfig

# OpenAI's rule of thumb for English is four characters a token (help.openai.com, "What are tokens and how to
# count them"); other scripts and signs take about one each. No tokenizer is downloaded to know better.
_CHARS_PER_TOKEN = 4
_FRAME = 4  # tokens around a message: its role and its marks
_ANSWER = 10  # of {"label": "negative"}


class Books(Protocol):
    """The books, which outlive the process."""

    def totals(self, day: date) -> Totals:
        """Sums of ``day`` and of its month."""
        ...

    def add(self, entry: Entry, limits: Limits | None = None) -> bool:
        """Write an entry down, durably; with ``limits`` only if it fits. Returns whether it was written."""
        ...


@dataclass(frozen=True, slots=True)
class Estimate:
    """What labelling would cost at most by count of votes, and about by count of tokens.

    Attributes:
        texts: How many.
        requests: If every vote is cast; most texts are decided earlier.
        tokens_in, tokens_out: Of these requests, estimated from characters.
        dollars: Their price.
    """

    texts: int = 0
    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    dollars: float = 0.0

    def __add__(self, other: Estimate) -> Estimate:
        return Estimate(
            self.texts + other.texts,
            self.requests + other.requests,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            self.dollars + other.dollars,
        )


@dataclass(slots=True)
class Tally:
    """What was used, by the server's own count; safe to share between threads.

    Attributes:
        requests: Sent, answered or not.
        tokens_in, tokens_out: As the server counted them, or the worst case where it did not.
        micros: What they cost.
        troubles: Requests that had to be sent again, or were given up, by reason.
    """

    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    micros: int = 0
    troubles: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def used(self, tokens_in: int, tokens_out: int, micros: int) -> None:
        """Count one request."""
        with self._lock:
            self.requests += 1
            self.tokens_in += tokens_in
            self.tokens_out += tokens_out
            self.micros += micros

    def trouble(self, reason: str) -> None:
        """Count one request that gave no answer."""
        with self._lock:
            self.troubles[reason] += 1


def estimate_tokens(text: str) -> int:
    """About how many tokens ``text`` has."""
    ascii_only = len(text.encode("ascii", "ignore"))
    return math.ceil(ascii_only / _CHARS_PER_TOKEN) + len(text) - ascii_only


def estimate_request(contents: list[str]) -> tuple[int, int]:
    """About how many tokens one request sends and receives."""
    return sum(estimate_tokens(content) + _FRAME for content in contents), _ANSWER


@dataclass(frozen=True, slots=True)
class Reservation:
    """Money set aside for one request."""

    day: date
    tokens_in: int
    tokens_out: int
    micros: int


class Purse:
    """Decides whether a request may be sent.

    Args:
        books: Shared by every process that labels.
        config: Prices and the cap.
        now: Wall clock, UTC.
    """

    def __init__(self, books: Books, config: LlmConfig, *, now: Callable[[], datetime]) -> None:
        self._books = books
        self._config = config
        self._limits = Limits.dollars(config.dollars_per_month, config.dollars_per_month)
        self._now = now

    def price(self, tokens_in: int, tokens_out: int) -> int:
        """Micros, rounded up."""
        return math.ceil(tokens_in * self._config.micros_in + tokens_out * self._config.micros_out)

    def left(self) -> float:
        """Dollars that may still be spent this month."""
        spent = self._books.totals(self._now().astimezone(UTC).date()).month
        return max(self._limits.per_month - spent, 0) / MICROS

    def reserve(self, contents: list[str]) -> Reservation:
        """Set the worst case of a request aside: a token for each byte sent, and the longest answer.

        Raises:
            BudgetExhaustedError: It might pass the cap.
        """
        tokens_in = sum(len(content.encode()) + _FRAME for content in contents)
        tokens_out = self._config.max_tokens
        micros = self.price(tokens_in, tokens_out)
        day = self._now().astimezone(UTC).date()
        if not self._books.add(Entry(day, "tokens", tokens_in + tokens_out, micros, 1), self._limits):
            spent = self._books.totals(day).month
            raise BudgetExhaustedError(
                f"The month's budget for labelling is used up: ${spent / MICROS:.4f} of"
                f" ${self._limits.per_month / MICROS:.2f} spent or in flight, ${micros / MICROS:.4f} needed.",
                remedy="It resets on the first of the month; or raise TRENDVANE_LABEL__DOLLARS_PER_MONTH.",
            )
        return Reservation(day, tokens_in, tokens_out, micros)

    def settle(self, held: Reservation, reply: Reply, tally: Tally) -> None:
        """Replace the worst case by what the server says it used."""
        tokens_in = held.tokens_in if reply.tokens_in is None else reply.tokens_in
        tokens_out = held.tokens_out if reply.tokens_out is None else reply.tokens_out
        micros = self.price(tokens_in, tokens_out)
        self._correct(held, tokens_in + tokens_out, micros)
        tally.used(tokens_in, tokens_out, micros)

    def keep(self, held: Reservation, tally: Tally) -> None:
        """Leave the worst case standing: the answer was lost, and may be billed."""
        tally.used(held.tokens_in, held.tokens_out, held.micros)

    def release(self, held: Reservation, tally: Tally) -> None:
        """Take the reservation back: the server said no, and bills nothing for that."""
        self._correct(held, 0, 0)
        tally.used(0, 0, 0)

    def _correct(self, held: Reservation, tokens: int, micros: int) -> None:
        change = Entry(held.day, "tokens", tokens - held.tokens_in - held.tokens_out, micros - held.micros)
        if change.units or change.micros:
            self._books.add(change)
