"""Requests that cost money: on the books before they leave, corrected when their answer is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trendvane.domain.errors import TrendvaneError
from trendvane.x import parse
from trendvane.x.budget import POST_EXPANDED
from trendvane.x.errors import require_json
from trendvane.x.wire import LostReplyError, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from trendvane.domain.money import Item
    from trendvane.x.budget import Governor, Reservation
    from trendvane.x.client import Window, XClient

LEAST = 10  # X sends no page of fewer tweets


class PaidX:
    """A client that may only spend what its governor allows.

    Args:
        x: Sends the requests.
        governor: Asked before each.

    Attributes:
        reserved: Worst cases so far, in micros.
        settled: What remained of them on the books.
    """

    def __init__(self, x: XClient, governor: Governor) -> None:
        self.x = x
        self.governor = governor
        self.reserved = 0
        self.settled = 0

    def search(
        self,
        query: str,
        window: Window,
        next_token: str | None,
        *,
        most: int,
        keep: Callable[[Reply], None],
    ) -> parse.Page:
        """One page of recent search.

        Args:
            query: In X's language.
            window: Bounds.
            next_token: From the page before.
            most: Tweets wanted; fewer are asked for when the budget nears its end.
            keep: Given the raw reply before anybody reads it; returns once it is safe.

        Raises:
            BudgetExhaustedError: Not even a page of ten can be paid; nothing was sent.
            TrendvaneError: As ``XClient`` does.
        """
        reservation, reply = self._pay(
            "posts",
            most,
            lambda units: self.x.search_recent(
                query, max_results=units, window=window, next_token=next_token
            ),
            least=LEAST,
        )
        keep(reply)
        page = parse.read_page(reply.body)
        # Of a page that cannot be read to its end nobody knows what X charged; the worst case stays.
        self.settled += (
            self.governor.settle(reservation, posts=page.billable_posts, users=page.billable_users)
            if page.complete
            else self.governor.keep(reservation)
        )
        return page

    def trends(self, woeid: int) -> list[str]:
        """Names of the trends of a place; an empty list is free.

        Raises:
            SourceUnavailableError: The answer is not JSON.
            TrendvaneError: As ``search`` does.
        """
        reservation, reply = self._pay("trends", 1, lambda _: self.x.trends(woeid), least=1)
        self.settled += self.governor.keep(reservation)
        names = parse.read_trends(require_json(reply))
        if not names:
            self.governor.release(reservation)
            self.settled -= reservation.micros
        return names

    def _pay(
        self, item: Item, units: int, send: Callable[[int], Reply], *, least: int
    ) -> tuple[Reservation, Reply]:
        expanded = item == "posts" and self.x.config.dialect == "current"
        reservation = self.governor.reserve(
            item, units, least=least, price=POST_EXPANDED if expanded else None
        )
        self.reserved += reservation.micros
        try:
            return reservation, send(reservation.units)
        except LostReplyError:
            self.settled += self.governor.keep(reservation)
            raise
        except TrendvaneError:
            self.governor.release(reservation)  # X bills nothing for saying no
            raise
