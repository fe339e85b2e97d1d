from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trendvane.domain.errors import BudgetExhaustedError, SourceRefusedError, SourceUnavailableError
from trendvane.domain.money import Limits
from trendvane.x.backoff import Backoff, Trouble
from trendvane.x.budget import Governor, MemoryLedger
from trendvane.x.client import XClient
from trendvane.x.stream import HEARTBEAT, filtered_stream, lines
from trendvane.x.wire import XConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STREAM = "/2/tweets/search/stream"


def post(i: int) -> bytes:
    return b'{"data":{"id":"%d","text":"x"}}\r\n' % i


class Time:
    def __init__(self) -> None:
        self.at = 0.0
        self.naps: list[float] = []

    def clock(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.at += seconds


class Server:
    """Gives one scripted answer a connection, the last one for ever."""

    def __init__(self, *script: list[bytes] | httpx2.Response | Exception) -> None:
        self.script = iter(script)
        self.asked: list[tuple[str, str]] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append((request.method, request.url.path))
        if request.url.path != STREAM:
            return httpx2.Response(200, json={"data": {}})
        step = next(self.script)
        if isinstance(step, Exception):
            raise step
        return step if isinstance(step, httpx2.Response) else httpx2.Response(200, content=chunks(step))

    def client(self) -> XClient:
        config = XConfig("https://x.test", "t")
        return XClient(config, now=lambda: NOW, transport=httpx2.MockTransport(self), rng=lambda: 0.0)


def chunks(parts: list[bytes]) -> Iterator[bytes]:
    for part in parts:
        if part == b"!":
            raise httpx2.ReadTimeout("silence")
        yield part


def read(
    server: Server, count: int, time: Time | None = None, governor: Governor | None = None
) -> list[bytes]:
    time = time or Time()
    stream = filtered_stream(server.client(), clock=time.clock, sleep=time.sleep, governor=governor, block=2)
    found = list(itertools.islice(stream, count))
    stream.close()  # type: ignore[attr-defined]
    return found


@given(
    st.lists(st.binary(max_size=8).map(lambda b: b.replace(b"\n", b"").replace(b"\r", b"")), max_size=8),
    st.data(),
)
def test_lines_are_cut_alike_wherever_the_network_cuts(wanted: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(line + b"\r\n" for line in wanted) + b"rest"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    parts = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert list(lines(iter(parts), 100)) == wanted


def test_unicode_line_ends_do_not_cut() -> None:
    line = '{"text":"a\u2028b\x85c\x0b"}'.encode()
    assert list(lines(iter([line + b"\r\n"]), 100)) == [line]


def test_a_line_without_end_is_left() -> None:
    with pytest.raises(SourceUnavailableError):
        list(lines(itertools.repeat(b"x" * 10), 100))


def test_tweets_and_heartbeats_come_through() -> None:
    found = read(Server([post(1), b"\r\n", post(2)]), 3)
    assert found == [post(1).strip(), HEARTBEAT, post(2).strip()]


def test_a_polite_close_is_not_answered_at_once() -> None:
    time, server = Time(), Server(*[[post(i)] for i in range(200)])
    read(server, 100, time)
    assert min(time.naps) >= 1.0
    connects_per_window = 100 / (time.at / 900)
    assert connects_per_window <= 50


def test_silence_and_resets_reconnect() -> None:
    time = Time()
    found = read(
        Server([post(1), b"!"], httpx2.ReadError("reset"), httpx2.ConnectError("x"), [post(2)]), 2, time
    )
    assert found == [post(1).strip(), post(2).strip()]
    assert time.naps == [1.0, 1.0, 1.0]


def test_http_errors_double_from_five_seconds() -> None:
    time, trouble = Time(), httpx2.Response(503, content=b"<html>")
    read(Server(trouble, httpx2.Response(503), httpx2.Response(503), [post(1)]), 1, time)
    assert time.naps == [5.0, 10.0, 20.0]


def test_in_band_errors_wait_like_http_errors() -> None:
    time = Time()
    error = b'{"errors":[{"title":"x","disconnect_type":"UpstreamOperationalDisconnect"}]}\r\n'
    assert read(Server([error], [error], [post(1)]), 1, time) == [post(1).strip()]
    assert time.naps == [5.0, 10.0]


def test_data_beside_errors_is_data() -> None:
    line = b'{"data":{"id":"1","text":"x"},"errors":[{"title":"Not Found Error"}]}'
    assert read(Server([line + b"\r\n"]), 1) == [line]


def test_invalid_rules_are_final() -> None:
    error = b'{"errors":[{"title":"x","disconnect_type":"InvalidRules"}]}\r\n'
    with pytest.raises(SourceRefusedError):
        read(Server([error]), 1)


@pytest.mark.parametrize("status", [401, 402, 403, 409])
def test_refusals_are_final(status: int) -> None:
    with pytest.raises(SourceRefusedError):
        read(Server(httpx2.Response(status)), 1)


def test_a_stale_connection_is_ended_and_waited_for() -> None:
    time = Time()
    body = {"title": "ConnectionException", "connection_issue": "TooManyConnections"}
    server = Server(httpx2.Response(429, json=body), httpx2.Response(429), [post(1)])
    read(server, 1, time)
    assert server.asked[:2] == [("GET", STREAM), ("DELETE", "/2/connections/all")]
    assert time.naps == [60.0, 120.0]


def test_a_stream_is_paid_ahead_and_ends_with_the_money() -> None:
    ledger = MemoryLedger()
    governor = Governor(ledger, Limits.dollars(0.025, 1), now=lambda: NOW)  # five tweets
    server = Server([post(i) for i in (1, 1, 2, 3, 4, 5, 6, 7)])
    with pytest.raises(BudgetExhaustedError):
        read(server, 99, governor=governor)
    assert ledger.totals(NOW.date()).day == 25_000


def test_what_was_not_used_of_a_block_is_given_back() -> None:
    ledger = MemoryLedger()
    governor = Governor(ledger, Limits.dollars(1, 1), now=lambda: NOW)
    read(Server([post(1), b"<html>\r\n", post(1), b"\r\n"]), 4, governor=governor)
    assert ledger.totals(NOW.date()).day == 10_000


def test_the_table_of_pauses() -> None:
    backoff = Backoff()
    assert [backoff.pause(Trouble.TCP, 0) for _ in range(4)] == [0.0, 0.25, 0.5, 0.75]
    assert [backoff.pause(Trouble.TCP, 0) for _ in range(99)][-1] == 16.0
    assert [backoff.pause(Trouble.HTTP, 0) for _ in range(8)] == [5, 10, 20, 40, 80, 160, 320, 320]
    assert [backoff.pause(Trouble.RATE, 0) for _ in range(5)] == [60, 120, 240, 480, 960]
    backoff.healthy()
    assert backoff.pause(Trouble.HTTP, 0) == 5.0
