r"""The filtered stream: a connection that is meant to last, and what to do because it does not.

X separates JSON documents by ``\r\n`` and sends a bare ``\r\n`` at least every 20 s; 21 s of silence
are a dead connection. Trouble also comes in band, as a document with ``errors``.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import orjson
import structlog

from trendvane.domain.errors import (
    RateLimitedError,
    SourceRefusedError,
    SourceUnavailableError,
    TrendvaneError,
)
from trendvane.x import errors
from trendvane.x.backoff import Backoff, Trouble
from trendvane.x.client import LEGACY_FIELDS
from trendvane.x.parse import read_page

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from trendvane.x.budget import Governor, Reservation
    from trendvane.x.client import XClient
    from trendvane.x.wire import Reply

log = structlog.get_logger(__name__)

_PATH = "/2/tweets/search/stream"
_FATAL = frozenset({"InvalidRules"})
HEARTBEAT = b""


def lines(chunks: Iterator[bytes], cap: int) -> Iterator[bytes]:
    r"""Cut a byte stream into lines; an empty one is a heartbeat. What follows the last line end is dropped.

    Only ``\n`` ends a line: a tweet may hold any other of Unicode's line ends.

    Raises:
        SourceUnavailableError: A line is longer than ``cap`` bytes.
    """
    rest = bytearray()
    for chunk in chunks:
        rest += chunk
        *whole, tail = rest.split(b"\n")
        rest = tail
        if len(rest) > cap:
            raise SourceUnavailableError(f"X sent a line of more than {cap} bytes.")
        for line in whole:
            yield bytes(line.removesuffix(b"\r"))


def filtered_stream(
    x: XClient,
    *,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    governor: Governor | None = None,
    block: int = 50,
) -> Iterator[bytes]:
    """Tweets of the filtered stream, for ever, as raw documents.

    ``HEARTBEAT`` comes in between, so that a caller can stop. Duplicates happen and the order is loose.
    Read each with ``parse.read_page(line, "stream")``.

    Args:
        x: Client; its rules decide what comes.
        clock: Steady seconds.
        sleep: Waits.
        governor: Pays in blocks, ahead; without one nothing stops a runaway stream but X's own limits.
        block: Tweets paid at once.

    Raises:
        SourceRefusedError: X refuses the stream: no rules, credentials, plan.
        BudgetExhaustedError: No further block can be paid; the connection is closed.
    """
    backoff = Backoff()
    paid = _Prepaid(governor, block) if governor is not None else None
    try:
        while True:
            backoff.connected(clock())
            trouble = yield from _until_it_ends(x, backoff, paid)
            pause = backoff.pause(trouble, clock())
            log.info("stream_reconnect", trouble=trouble.value, seconds=pause)
            sleep(pause)
    finally:
        if paid:
            paid.close()


def _until_it_ends(x: XClient, backoff: Backoff, paid: _Prepaid | None) -> Generator[bytes, None, Trouble]:
    """Lines of one connection; returns what ended it."""
    try:
        for line in _connection(x, lambda: paid.ahead() if paid else None):
            if line:
                backoff.healthy()
                if paid:
                    paid.took(line)
            yield line
    except RateLimitedError:
        return Trouble.RATE
    except _AnsweredError as error:
        log.warning("stream_error", detail=str(error))
        return Trouble.HTTP
    except SourceUnavailableError:
        return Trouble.TCP
    return Trouble.TCP  # a polite close counts as one: the server may close again at once


class _AnsweredError(SourceUnavailableError):
    """X answered, but not with a stream."""


class _Prepaid:
    """Pays for tweets in blocks before they come: an open stream cannot be asked to send fewer."""

    def __init__(self, governor: Governor, block: int) -> None:
        self._governor = governor
        self._block = block
        self._reservation: Reservation | None = None
        self._seen: set[int] = set()
        self._used = 0
        self._strange = 0  # stands for tweets without a readable id, each a different negative number

    def ahead(self) -> None:
        """Have at least one tweet paid.

        Raises:
            BudgetExhaustedError: No further tweet can be paid.
        """
        if self._reservation is not None and self._used < self._reservation.units:
            return
        self.close()
        self._reservation = self._governor.reserve("posts", self._block)

    def took(self, line: bytes) -> None:
        """Count a line; one that cannot be read counts as a tweet of its own, and its price stays."""
        self._used += 1
        self._strange -= 1
        self._seen |= read_page(line, "stream").billable_posts or {self._strange}

    def close(self) -> None:
        """Settle what was used of the block."""
        if self._reservation is not None:
            self._governor.settle(self._reservation, posts=self._seen)
        self._reservation, self._seen, self._used = None, set(), 0


def _connection(x: XClient, before_each: Callable[[], None]) -> Iterator[bytes]:
    before_each()
    with x.wire.open_stream(_PATH, {"tweet.fields": LEGACY_FIELDS}) as (reply, chunks):
        if reply is not None:
            _refuse(x, reply)
        for line in lines(chunks, x.config.max_body):
            before_each()
            if line:
                _check(line)
            yield line


def _refuse(x: XClient, reply: Reply) -> None:
    problem = errors.classify(reply, jitter=x.rng(), secret=x.config.bearer)
    if problem is None:
        raise _AnsweredError(f"X answered {reply.status} instead of a stream.")
    if problem.kind == "too_many_connections":
        # X still counts a connection that is long gone; it is ended here, and then waited for like any
        # other 429.
        with contextlib.suppress(TrendvaneError):
            x.kill_connections()
    if isinstance(problem.error, SourceUnavailableError):
        raise _AnsweredError(str(problem.error))
    raise problem.error


def _check(line: bytes) -> None:
    """Raise for an error that came in band; a document with data is passed on whatever else it holds."""
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        return  # the reader makes a bad row of it
    if not isinstance(document, dict) or "data" in document or not isinstance(document.get("errors"), list):
        return
    kinds = [e.get("disconnect_type") for e in document["errors"] if isinstance(e, dict)]
    if _FATAL.intersection(kind for kind in kinds if isinstance(kind, str)):
        raise SourceRefusedError("X ended the stream: its rules are invalid.", remedy="Check the rules.")
    raise _AnsweredError(f"X ended the stream: {', '.join(str(kind)[:40] for kind in kinds) or 'no reason'}.")
