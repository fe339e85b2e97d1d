from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from trendvane.serve.snapshot_truth import Truth, TruthBook

START = datetime(2026, 3, 4, tzinfo=UTC)


class Emulator:
    def __init__(self):
        self.asked = []
        self.answer = httpx2.Response(
            200,
            json={"topics": {"#Cup": {"counts": {"negative": 1, "neutral": 1, "positive": 2}}, "Odd": {}}},
        )

    def __call__(self, request):
        self.asked.append(dict(request.url.params))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


@pytest.fixture
def emulator():
    return Emulator()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def book(emulator, clock):
    return TruthBook("http://emulator", clock, httpx2.MockTransport(emulator))


def over(book, clock):
    return book.over(clock.now - timedelta(hours=1), clock.now)


def test_topics_are_found_by_folded_name_and_odd_ones_left_out(book, clock, emulator):
    assert over(book, clock) == {"#cup": Truth(0.25, 0.25, 0.5, 4)}
    assert emulator.asked == [
        {
            "since_ms": str(int((START.timestamp() - 3600) * 1000)),
            "until_ms": str(int(START.timestamp() * 1000)),
        }
    ]


def test_an_answer_is_shared_for_some_seconds(book, clock, emulator):
    over(book, clock)
    clock.now += timedelta(seconds=2)
    over(book, clock)
    assert len(emulator.asked) == 1
    clock.now += timedelta(seconds=2)
    over(book, clock)
    assert len(emulator.asked) == 2


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.ConnectError("gone"),
        httpx2.Response(500),
        httpx2.Response(200, text="<html>"),
        httpx2.Response(200, json=[1]),
        httpx2.Response(200, json={}),
    ],
    ids=["gone", "500", "html", "list", "empty"],
)
def test_a_failure_is_quiet_visible_and_not_repeated_at_once(book, clock, emulator, answer):
    good, emulator.answer = emulator.answer, answer
    assert over(book, clock) == {}
    assert not book.available
    clock.now += timedelta(seconds=5)
    assert over(book, clock) == {}
    assert len(emulator.asked) == 1
    emulator.answer = good
    clock.now += timedelta(seconds=6)
    assert over(book, clock)
    assert book.available


@pytest.mark.parametrize(
    "counts",
    [{}, {"negative": 0, "neutral": 0, "positive": 0}, {"negative": -1, "neutral": 1, "positive": 2}, None],
)
def test_what_is_not_three_counts_is_no_truth(counts):
    assert Truth.parse({"counts": counts}) is None
