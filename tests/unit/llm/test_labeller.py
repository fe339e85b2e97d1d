"""The labeller on the official client, with the network replaced beneath it."""

from __future__ import annotations

import json
import threading
import traceback
from collections import Counter, deque
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from trendvane.domain.errors import (
    BudgetExhaustedError,
    ConfigurationError,
    LabellerRefusedError,
    LabellerUnavailableError,
    RateLimitedError,
)
from trendvane.domain.money import Entry, Limits, Totals
from trendvane.llm.config import LlmConfig
from trendvane.llm.labeller import Labeller, open_labeller
from trendvane.llm.voting import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = "sk-a-secret-that-nobody-may-see"
NOW = datetime(2026, 3, 3, tzinfo=UTC)
CONFIG = LlmConfig("http://llm.example/v1", "tiny", 1.0, 4.0, 1.0, api_key=KEY, concurrency=1, per_minute=6e9)


class Books:
    """Books of one process."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def totals(self, day: date) -> Totals:
        total = sum(e.micros for e in self.entries)
        return Totals(total, total, None)

    def add(self, entry: Entry, limits: Limits | None = None) -> bool:
        if limits and self.totals(entry.day).month + entry.micros > limits.per_month:
            return False
        self.entries.append(entry)
        return True


def said(label: str, *, sent: int = 100, received: int = 5) -> httpx2.Response:
    content = json.dumps({"label": label})
    choice = {"message": {"content": content}, "finish_reason": "stop"}
    usage = {"prompt_tokens": sent, "completion_tokens": received}
    return httpx2.Response(200, json={"choices": [choice], "usage": usage})


def error(status: int, code: str = "", message: str = "", **headers: str) -> httpx2.Response:
    body = {"error": {"message": message, "code": code}}
    return httpx2.Response(
        status, json=body, headers={name.replace("_", "-"): v for name, v in headers.items()}
    )


class Server:
    """Answers by script; the last answer is repeated."""

    def __init__(self, *script: Any) -> None:
        self.script = deque(script)
        self.requests: list[httpx2.Request] = []
        self.lock = threading.Lock()

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        with self.lock:
            self.requests.append(request)
            answer = self.script[0] if len(self.script) == 1 else self.script.popleft()
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            answer = answer(request)
        return httpx2.Response(answer.status_code, content=answer.content, headers=answer.headers)


class Bench:
    """A labeller on a scripted server; sleeping takes no time and is written down."""

    def __init__(self, server: Callable[[httpx2.Request], httpx2.Response], **changes: Any) -> None:
        self.books = Books()
        self.slept: list[float] = []
        self.config = replace(CONFIG, **changes)
        self.client = httpx2.Client(transport=httpx2.MockTransport(server))

    @contextmanager
    def open(self) -> Iterator[Labeller]:
        with open_labeller(
            self.config, self.books, now=lambda: NOW, sleep=self.slept.append, http_client=self.client
        ) as labeller:
            yield labeller


def test_votes_become_a_verdict_and_the_usage_is_the_servers() -> None:
    server = Server(said("positive"), said("neutral"), said("positive"))
    bench = Bench(server)
    with bench.open() as labeller:
        result = labeller.label(["a day"])
        assert labeller.name == "llm:tiny"
    assert result.verdicts == (Verdict(2, 3, 2 / 3, ()),)
    assert (result.tally.requests, result.tally.tokens_in, result.tally.tokens_out) == (3, 300, 15)
    assert result.tally.micros == 3 * (100 + 5 * 4) == sum(e.micros for e in bench.books.entries)
    assert result.stopped_by is None


def test_a_request_asks_for_the_schema_with_the_key_in_its_header() -> None:
    server = Server(said("neutral"))
    with Bench(server, votes=1).open() as labeller:
        labeller.label(["Great day @anna"])
    (request,) = server.requests
    body = json.loads(request.content)
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert body["model"] == "tiny"
    assert body["response_format"]["json_schema"]["strict"] is True
    assert (body["temperature"], body["max_completion_tokens"]) == (1.0, 64)
    assert "anna" not in request.content.decode()


def test_every_trouble_is_tried_again_and_counted() -> None:
    server = Server(
        error(429, retry_after="7"),
        error(500),
        httpx2.ReadTimeout("slow"),
        httpx2.RemoteProtocolError("cut"),
        said("negative"),
    )
    bench = Bench(server, votes=1)
    with bench.open() as labeller:
        result = labeller.label(["x"])
    assert result.verdicts == (Verdict(0, 1, 1.0, ()),)
    assert result.tally.troubles == Counter(rate_limited=1, server_error=1, timeout=1, connection=1)
    assert result.tally.requests == 5
    assert any(6.9 < seconds <= 7 for seconds in bench.slept)


def test_a_page_of_a_proxy_is_no_answer() -> None:
    page = httpx2.Response(200, text="<html>please wait</html>", headers={"content-type": "text/html"})
    bench = Bench(Server(page, said("positive")), votes=1)
    with bench.open() as labeller:
        result = labeller.label(["x"])
    assert result.verdicts == (Verdict(2, 1, 1.0, ()),)
    assert result.tally.troubles == Counter(broken_answer=1)
    # What came back may have been generated and billed: its worst case stays on the books.
    assert result.tally.micros > 100 + 5 * 4


def test_answers_without_a_label_are_abstentions_with_reasons() -> None:
    cut = {"choices": [{"message": {"content": '{"lab'}, "finish_reason": "length"}]}
    refusal = {"choices": [{"message": {"refusal": "I cannot"}, "finish_reason": "stop"}]}
    server = Server(said("mixed"), httpx2.Response(200, json=cut), httpx2.Response(200, json=refusal))
    with Bench(server, min_share=0.2).open() as labeller:
        result = labeller.label(["x"])
    assert result.verdicts == (Verdict(None, 3, 0.0, ("unknown_label", "cut", "refusal")),)


def test_a_filter_that_objects_to_one_text_is_an_abstention() -> None:
    server = Server(error(400, "content_filter", "The prompt was filtered"), said("positive"))
    with Bench(server, votes=1).open() as labeller:
        result = labeller.label(["bad words", "good words"])
    assert result.verdicts == (Verdict(None, 1, 0.0, ("filtered",)), Verdict(2, 1, 1.0, ()))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (error(401, message=f"Incorrect API key provided: {KEY}"), "status 401"),
        (error(403, message=f"{KEY} may not"), "status 403"),
        (error(404, message="The model `tiny` does not exist"), "does not exist"),
        (error(400, message=f"Unknown parameter; key {KEY}"), "Unknown parameter"),
        (error(429, "insufficient_quota", "You exceeded"), "no credit"),
        (error(422), "status 422"),
        (httpx2.Response(418, text="teapot"), "status 418"),
    ],
    ids=["401", "403", "404", "400", "quota", "422", "418"],
)
def test_what_will_not_pass_stops_at_once_and_shows_no_secret(answer: httpx2.Response, words: str) -> None:
    server = Server(answer)
    bench = Bench(server, base_url="http://user:word@llm.example/v1")
    with bench.open() as labeller:
        result = labeller.label(["x", "y", "z"])
    stop = result.stopped_by
    assert isinstance(stop, LabellerRefusedError)
    assert words in str(stop)
    shown = "".join(traceback.format_exception(stop)) + str(stop)
    assert KEY not in shown
    assert "word@" not in shown
    assert result.verdicts == (None, None, None)
    assert len(server.requests) == 1
    assert sum(e.micros for e in bench.books.entries) == 0


def test_an_endpoint_that_is_down_ends_the_batch_and_what_was_reached_is_kept() -> None:
    server = Server(said("positive"), httpx2.ConnectError("refused"))
    bench = Bench(server, votes=1, attempts=2)
    with bench.open() as labeller:
        result = labeller.label(["a"] * 20)
    assert isinstance(result.stopped_by, LabellerUnavailableError)
    assert result.verdicts == (Verdict(2, 1, 1.0, ()), *[None] * 19)
    assert len(server.requests) == 1 + 5 * 2


def test_one_text_that_the_server_chokes_on_does_not_stop_the_others() -> None:
    def choke(request: httpx2.Request) -> httpx2.Response:
        return error(500) if "poison" in request.content.decode() else said("neutral")

    with Bench(choke, votes=1, attempts=2).open() as labeller:
        result = labeller.label(["a", "poison", "b"])
    assert [verdict and verdict.label for verdict in result.verdicts] == [1, None, 1]
    assert result.stopped_by is None


def test_more_patience_than_a_run_has_is_an_error_that_says_when() -> None:
    with Bench(Server(error(429, retry_after="3600"))).open() as labeller:
        result = labeller.label(["x"])
    assert isinstance(result.stopped_by, RateLimitedError)
    assert result.stopped_by.retry_at == NOW.timestamp() + 3600
    assert result.tally.requests == 1


def test_the_cap_stops_before_the_request() -> None:
    server = Server(said("positive", sent=400))
    bench = Bench(server, votes=1, dollars_per_month=0.003)
    with bench.open() as labeller:
        result = labeller.label(["x"] * 50)
        assert labeller.left() < 0.003
    assert isinstance(result.stopped_by, BudgetExhaustedError)
    reached = [verdict for verdict in result.verdicts if verdict]
    assert 1 <= len(reached) == len(server.requests) < 50
    assert sum(e.micros for e in bench.books.entries) <= 3000


def test_workers_share_the_requests_in_flight() -> None:
    together = threading.Barrier(4, timeout=30)

    def meet(_: httpx2.Request) -> httpx2.Response:
        together.wait()
        return said("positive")

    with Bench(meet, votes=1, concurrency=4).open() as labeller:
        assert [verdict and verdict.label for verdict in labeller.label(["x"] * 8).verdicts] == [2] * 8


def test_an_estimate_sends_nothing() -> None:
    server = Server(said("positive"))
    with Bench(server).open() as labeller:
        estimate = labeller.estimate(["a tweet of some length", "another"])
        assert labeller.estimate([]).texts == 0
    assert server.requests == []
    assert (estimate.texts, estimate.requests, estimate.tokens_out) == (2, 6, 60)
    assert estimate.dollars == pytest.approx((estimate.tokens_in + 4 * 60) / 1e6)


@pytest.mark.parametrize("key", ["sk-\u20ac", "sk-a\nb"], ids=["foreign", "line"])
def test_a_key_that_fits_no_header_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ConfigurationError) as caught, Bench(Server(said("x")), api_key=key).open():
        pass
    assert key not in str(caught.value)
