from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import httpx2
import pytest

from trendvane.domain.errors import BudgetExhaustedError, RateLimitedError, SourceUnavailableError
from trendvane.domain.money import Limits
from trendvane.x.budget import Governor, MemoryLedger
from trendvane.x.client import Window, XClient
from trendvane.x.paid import PaidX
from trendvane.x.wire import LostReplyError, Reply, XConfig

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ROW = {"id": "7", "text": "x"}


class Bench:
    """A paid client, its books, and what was kept."""

    def __init__(
        self,
        answer: httpx2.Response | Exception,
        *,
        dollars: float = 1.0,
        dialect: Literal["legacy", "current"] = "legacy",
    ) -> None:
        self.answer = answer
        self.ledger = MemoryLedger()
        self.on_the_books_when_asked: list[int] = []
        self.kept: list[Reply] = []
        x = XClient(
            XConfig("https://x.test", "t", dialect=dialect),
            now=lambda: NOW,
            transport=httpx2.MockTransport(self.handle),
        )
        self.paid = PaidX(x, Governor(self.ledger, Limits.dollars(dollars, 10), now=lambda: NOW))

    @property
    def spent(self) -> int:
        return self.ledger.totals(NOW.date()).day

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        self.on_the_books_when_asked.append(self.spent)
        self.params = dict(request.url.params)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def search(self) -> Any:
        return self.paid.search("q", Window(since_id=1), None, most=100, keep=self.kept.append)


def test_a_search_is_on_the_books_first_and_settled_after() -> None:
    bench = Bench(httpx2.Response(200, json={"data": [ROW], "meta": {}}))
    bench.search()
    assert bench.on_the_books_when_asked == [500_000]
    assert (bench.spent, bench.paid.reserved, bench.paid.settled) == (5_000, 500_000, 5_000)
    assert len(bench.kept) == 1


def test_the_page_shrinks_with_the_budget() -> None:
    bench = Bench(httpx2.Response(200, json={"meta": {"result_count": 0}}), dollars=0.2)
    bench.search()
    assert bench.params["max_results"] == "40"
    assert bench.spent == 0


def test_without_money_nothing_is_sent() -> None:
    bench = Bench(httpx2.Response(200), dollars=0.04)
    with pytest.raises(BudgetExhaustedError):
        bench.search()
    assert bench.on_the_books_when_asked == []


def test_the_current_dialect_reserves_what_expansions_may_cost() -> None:
    body = {"data": [ROW], "includes": {"posts": [{"id": "6", "text": "y"}], "users": [{"id": "1"}]}}
    bench = Bench(httpx2.Response(200, json=body), dialect="current", dollars=10)
    bench.search()
    assert bench.on_the_books_when_asked == [2_500_000]
    assert bench.spent == 20_000


@pytest.mark.parametrize(
    ("answer", "error", "spent"),
    [
        (httpx2.Response(429), RateLimitedError, 0),
        (httpx2.Response(503), SourceUnavailableError, 0),
        (httpx2.ConnectError("x"), SourceUnavailableError, 0),
        (httpx2.ReadTimeout("x"), LostReplyError, 500_000),
    ],
)
def test_failures(answer: httpx2.Response | Exception, error: type[Exception], spent: int) -> None:
    bench = Bench(answer)
    with pytest.raises(error):
        bench.search()
    assert bench.spent == spent
    assert bench.kept == []


def test_a_page_cut_off_is_kept_and_costs_its_worst_case() -> None:
    bench = Bench(httpx2.Response(200, content=b'{"data":[{"id":"7","te'))
    assert not bench.search().complete
    assert bench.spent == 500_000
    assert bench.kept[0].body.startswith(b'{"data"')


@pytest.mark.parametrize(
    ("body", "names", "spent"),
    [({"data": [{"trend_name": "#AI"}]}, ["#AI"], 10_000), ({"data": []}, [], 0), ({}, [], 0)],
)
def test_trends(body: object, names: list[str], spent: int) -> None:
    bench = Bench(httpx2.Response(200, json=body))
    assert bench.paid.trends(1) == names
    assert bench.spent == bench.paid.settled == spent


def test_trends_as_html_keep_their_price() -> None:
    bench = Bench(httpx2.Response(200, content=b"<html>"))
    with pytest.raises(SourceUnavailableError):
        bench.paid.trends(1)
    assert bench.spent == 10_000
