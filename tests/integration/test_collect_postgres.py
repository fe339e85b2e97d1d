"""The collector on a real warehouse and a real spool, with a scripted X."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
import sqlalchemy as sa

from trendvane.domain import snowflake
from trendvane.domain.cursor import Cursor, floor
from trendvane.domain.errors import SourceRefusedError, StorageUnavailableError
from trendvane.domain.money import Entry, Limits, Totals
from trendvane.domain.topic import Topic
from trendvane.lake.spool import Spool
from trendvane.steps.collect import CollectConfig, CollectMemory, CollectReport, collect
from trendvane.warehouse import cursors, topics
from trendvane.warehouse.spend import WarehouseLedger
from trendvane.warehouse.tables import crawl_gap, spend, topic
from trendvane.x.budget import Governor
from trendvane.x.client import XClient
from trendvane.x.parse import read_page
from trendvane.x.wire import XConfig

if TYPE_CHECKING:
    from pathlib import Path

    from trendvane.domain.page import RawPage
    from trendvane.warehouse.engine import Warehouse

pytestmark = pytest.mark.integration

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CATS, DOGS = Topic.parse("cats"), Topic.parse("#dogs")
Answer = Callable[[httpx2.Request], httpx2.Response | None]


class Killed(BaseException):
    """Stands for a kill -9."""


@dataclass
class FakeX:
    """Recent search over a list of ids, trends, and whatever ``trouble`` says instead."""

    clock: Clock
    ids: dict[str, list[int]] = field(default_factory=dict)
    trends: list[str] = field(default_factory=list)
    trouble: Answer = lambda _: None
    searches: list[dict[str, str]] = field(default_factory=list)
    trends_asked: int = 0

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.startswith("/2/trends"):
            self.trends_asked += 1
            return self.trouble(request) or httpx2.Response(
                200, json={"data": [{"trend_name": n} for n in self.trends]}
            )
        params = dict(request.url.params)
        self.searches.append(params)
        return self.trouble(request) or self.search(params)

    def search(self, p: dict[str, str]) -> httpx2.Response:
        low = int(p.get("since_id", 0)) or floor(datetime.fromisoformat(p["start_time"])) - 1
        high = int(p.get("until_id", 2**63))
        subject = p["query"].split(" lang:")[0]
        found = sorted((i for i in self.ids.get(subject, []) if low < i < high), reverse=True)
        start, size = int(p.get("next_token", 0)), int(p["max_results"])
        page = found[start : start + size]
        if not page:
            return httpx2.Response(200, json={"meta": {"result_count": 0}})
        meta: dict[str, Any] = {
            "newest_id": str(page[0]),
            "oldest_id": str(page[-1]),
            "result_count": len(page),
        }
        if start + size < len(found):
            meta["next_token"] = str(start + size)
        return httpx2.Response(
            200, json={"data": [{"id": str(i), "text": "t", "author_id": "1"} for i in page], "meta": meta}
        )

    def publish(self, subject: str, count: int) -> None:
        """``count`` tweets in the ten seconds before now."""
        base = floor(self.clock.at - timedelta(seconds=10))
        self.ids.setdefault(subject, []).extend(base + n for n in range(1, count + 1))


@dataclass
class Clock:
    at: datetime = NOON

    def __call__(self) -> datetime:
        return self.at


class Bench:
    """A collector with everything around it; ``restart`` forgets what a process would forget."""

    def __init__(self, warehouse: Warehouse, root: Path, **config: Any) -> None:
        self.clock = Clock()
        self.fake = FakeX(self.clock)
        self.warehouse = warehouse
        self.spool = Spool(root)
        self.limits = Limits.dollars(5, 50)
        values: dict[str, Any] = {
            "source": "emulator",
            "topics": (CATS,),
            "trends": 0,
            "max_results": 10,
            "pages_per_tick": 3,
        }
        self.config = CollectConfig(**(values | config))
        self.restart()

    def restart(self) -> None:
        self.memory = CollectMemory()
        self.governor = Governor(WarehouseLedger(self.warehouse, "emulator"), self.limits, now=self.clock)
        transport = httpx2.MockTransport(self.fake)
        self.x = XClient(XConfig("https://x.test", "t"), now=self.clock, transport=transport, rng=lambda: 0.0)

    def tick(self, seconds: float = 30) -> CollectReport:
        report = collect(
            self.x, self.spool, self.warehouse, self.governor, self.config, now=self.clock, memory=self.memory
        )
        self.clock.at += timedelta(seconds=seconds)
        return report

    def pages(self) -> list[RawPage]:
        from trendvane.lake.pages import read  # noqa: PLC0415

        return [read(path) for group in self.spool.groups() for path in self.spool.pages(group)]

    def saved(self) -> list[int]:
        return sorted(t.tweet_id for page in self.pages() for t in read_page(page.body).tweets)

    def cursor(self, of: Topic = CATS) -> Cursor:
        with self.warehouse.begin() as connection:
            return cursors.load(connection, of.topic_id)

    def rows(self, table: sa.Table) -> list[Any]:
        with self.warehouse.begin() as connection:
            return list(connection.execute(sa.select(table)))


def ticks(bench: Bench, count: int) -> None:
    for _ in range(count):
        bench.tick()


@pytest.fixture
def bench(warehouse: Warehouse, tmp_path: Path) -> Bench:
    return Bench(warehouse, tmp_path)


def test_the_first_look_goes_back_by_the_lookback_and_sets_the_cursor(bench: Bench) -> None:
    bench.fake.publish('"cats"', 4)
    report = bench.tick()
    assert bench.fake.searches[0]["start_time"] == "2026-11-22T11:45:00Z"
    assert bench.fake.searches[0]["query"] == '"cats" lang:en -is:retweet'
    assert (report.topics, report.pages, report.tweets) == ((CATS.topic_id,), 1, 4)
    assert bench.saved() == bench.fake.ids['"cats"']
    assert bench.cursor() == Cursor(max(bench.saved()))
    (page,) = bench.pages()
    assert (page.topic, page.topic_kind, page.source, page.endpoint) == (
        "cats",
        "keyword",
        "emulator",
        "search",
    )


def test_later_looks_overlap_and_save_nothing_twice(bench: Bench) -> None:
    bench.fake.publish('"cats"', 4)
    bench.tick()
    report = bench.tick()
    since = int(bench.fake.searches[1]["since_id"])
    assert snowflake.to_ms(bench.cursor().since_id or 0) - snowflake.to_ms(since) >= 90_000
    assert (report.pages, report.repeated, report.settled_micros) == (0, 1, 0)
    assert not report.changed
    bench.fake.publish('"cats"', 2)
    assert bench.tick().pages == 1
    assert set(bench.saved()) == set(bench.fake.ids['"cats"'])


def test_an_empty_first_look_does_not_lose_the_time_after_it(bench: Bench) -> None:
    assert bench.tick().pages == 0
    bench.fake.publish('"cats"', 1)
    bench.clock.at += timedelta(hours=5)
    bench.restart()
    bench.tick()
    assert bench.saved() == bench.fake.ids['"cats"']


def test_a_long_window_takes_several_looks(bench: Bench) -> None:
    bench.fake.publish('"cats"', 75)
    first = bench.tick()
    assert first.pages == 3
    assert bench.cursor().open
    bench.restart()
    bench.fake.publish('"cats"', 5)
    for _ in range(4):
        bench.tick()
    assert bench.fake.searches[3]["until_id"] == str(bench.fake.ids['"cats"'][45])
    assert "next_token" not in bench.fake.searches[3]
    assert set(bench.saved()) == set(bench.fake.ids['"cats"'])
    assert not bench.cursor().open


@pytest.mark.parametrize("place", range(1, 7))
def test_a_crash_between_any_two_requests_loses_nothing(bench: Bench, place: int) -> None:
    bench.fake.publish('"cats"', 55)

    def crash(_: httpx2.Request) -> None:
        if len(bench.fake.searches) == place:
            raise Killed

    bench.fake.trouble = crash
    with pytest.raises(Killed):
        ticks(bench, place)
    bench.restart()
    for _ in range(5):
        bench.tick()
    assert set(bench.saved()) == set(bench.fake.ids['"cats"'])
    assert sum(row.micros for row in bench.rows(spend)) >= 5_000 * 55


def test_a_crash_between_saving_and_moving_the_cursor_saves_again(bench: Bench) -> None:
    bench.fake.publish('"cats"', 3)
    save = bench.spool.save

    class Dying(Spool):
        def save(self, page: RawPage) -> Path:
            save(page)
            raise Killed

    healthy, bench.spool = bench.spool, Dying(bench.spool.root)
    with pytest.raises(Killed):
        bench.tick()
    assert bench.cursor() == Cursor()
    bench.spool = healthy
    bench.restart()
    bench.tick()
    assert set(bench.saved()) == set(bench.fake.ids['"cats"'])


def test_a_full_disk_leaves_the_cursor(bench: Bench) -> None:
    class Full(Spool):
        def save(self, page: RawPage) -> Path:
            raise OSError(28, "No space left on device")

    bench.fake.publish('"cats"', 3)
    bench.spool = Full(bench.spool.root)
    with pytest.raises(OSError, match="No space"):
        bench.tick()
    assert bench.cursor() == Cursor()


def test_a_full_spool_stops_fetching(warehouse: Warehouse, tmp_path: Path) -> None:
    bench = Bench(warehouse, tmp_path)
    bench.spool = Spool(tmp_path, full_bytes=0)
    assert bench.tick().skipped == {"spool_full": 1}
    assert bench.fake.searches == []


@pytest.mark.parametrize("body", [b"<html>busy</html>", b'{"data":[{"id":"7","text":"x"},{"id":', b"{}"])
def test_a_page_that_cannot_be_read_is_kept_and_read_again(bench: Bench, body: bytes) -> None:
    bench.fake.publish('"cats"', 3)
    bench.fake.trouble = lambda _: (
        httpx2.Response(200, content=body) if len(bench.fake.searches) == 1 else None
    )
    report = bench.tick()
    assert (report.pages, report.topics, report.errors) == (1, (), {"SourceUnavailableError": 1})
    assert bench.cursor() == Cursor()
    bench.tick()
    assert next(page.body for page in bench.pages()) == body
    assert bench.cursor().since_id == max(bench.fake.ids['"cats"'])


def test_one_bad_topic_leaves_the_others_alone(warehouse: Warehouse, tmp_path: Path) -> None:
    bench = Bench(warehouse, tmp_path, topics=(Topic.parse("!!!"), CATS, DOGS))
    bench.fake.publish("#dogs", 2)
    bench.fake.trouble = lambda r: httpx2.Response(400) if "cats" in r.url.params.get("query", "") else None
    report = bench.tick()
    assert report.topics == (DOGS.topic_id,)
    assert report.errors == {"ConfigurationError": 1, "MalformedRequestError": 1}
    assert bench.saved() == bench.fake.ids["#dogs"]


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_refusal_stops_everything_and_is_raised(warehouse: Warehouse, tmp_path: Path, status: int) -> None:
    bench = Bench(warehouse, tmp_path, topics=(CATS, DOGS))
    bench.fake.trouble = lambda _: httpx2.Response(status)
    with pytest.raises(SourceRefusedError):
        bench.tick()
    assert len(bench.fake.searches) == 1
    assert sum(row.micros for row in bench.rows(spend)) == 0


def test_a_rate_limit_is_waited_for(warehouse: Warehouse, tmp_path: Path) -> None:
    bench = Bench(warehouse, tmp_path, topics=(CATS, DOGS))
    reset = str(int(NOON.timestamp()) + 100)
    bench.fake.trouble = lambda _: httpx2.Response(429, headers={"x-rate-limit-reset": reset})
    assert bench.tick().skipped == {"rate_limited": 2}
    bench.fake.trouble = lambda _: None
    assert [bench.tick().skipped for _ in range(3)] == [{"not_before": 2}] * 3
    assert len(bench.fake.searches) == 1
    assert len(bench.tick().topics) == 2


def test_after_three_failures_x_is_left_alone(warehouse: Warehouse, tmp_path: Path) -> None:
    listed = tuple(Topic.parse(f"topic{n}") for n in range(6))
    bench = Bench(warehouse, tmp_path, topics=listed, max_results=100)
    bench.fake.trouble = lambda _: httpx2.Response(503)
    report = bench.tick()
    assert (report.skipped, report.errors) == ({"source_down": 4}, {"SourceUnavailableError": 3})
    assert [s["max_results"] for s in bench.fake.searches] == ["100", "10", "10"]
    bench.fake.trouble = lambda _: None
    assert len(bench.tick().topics) == 6


def test_the_budget_stops_and_the_next_day_goes_on(bench: Bench) -> None:
    bench.limits = Limits.dollars(0.12, 50)
    bench.restart()
    bench.fake.publish('"cats"', 75)
    reports = [bench.tick() for _ in range(3)]
    assert reports[-1].skipped == {"budget": 1}
    assert sum(row.micros for row in bench.rows(spend)) <= 120_000
    bench.limits = Limits.dollars(5, 50)
    bench.clock.at += timedelta(days=1)
    bench.restart()
    for _ in range(5):
        bench.tick()
    assert set(bench.saved()) == set(bench.fake.ids['"cats"'])


def test_a_cursor_that_is_too_old_leaves_a_gap(bench: Bench) -> None:
    with bench.warehouse.begin() as connection:
        cursors.save(connection, CATS.topic_id, Cursor(floor(NOON - timedelta(days=8))), now=NOON)
    bench.fake.publish('"cats"', 2)
    assert bench.tick().gaps == 1
    (gap,) = bench.rows(crawl_gap)
    assert (gap.from_at, gap.to_at) == (NOON - timedelta(days=8), NOON - timedelta(days=6, hours=12))
    assert int(bench.fake.searches[0]["since_id"]) <= floor(gap.to_at)
    assert bench.saved() == bench.fake.ids['"cats"']


def test_a_cursor_that_x_refuses_is_dropped(bench: Bench) -> None:
    since = floor(NOON - timedelta(days=2))
    with bench.warehouse.begin() as connection:
        cursors.save(connection, CATS.topic_id, Cursor(since), now=NOON)
    error = {
        "errors": [{"parameters": {"since_id": ["1"]}, "message": "must be a tweet id created after 2026"}]
    }
    bench.fake.trouble = lambda r: (
        httpx2.Response(400, content=json.dumps(error)) if "since_id" in r.url.params else None
    )
    bench.fake.publish('"cats"', 2)
    assert bench.tick().errors == {"CursorTooOldError": 1}
    (gap,) = bench.rows(crawl_gap)
    assert (gap.from_at, gap.to_at) == (NOON - timedelta(days=2), NOON - timedelta(minutes=15))
    bench.tick()
    assert bench.saved() == bench.fake.ids['"cats"']


def test_trends_are_refreshed_when_due_and_polled(warehouse: Warehouse, tmp_path: Path) -> None:
    bench = Bench(warehouse, tmp_path, trends=2, topics=(DOGS,))
    bench.fake.trends = ["Cats", "#AI", "third", "CATS", 'a" OR "b']
    bench.fake.publish('"Cats"', 1)
    report = bench.tick()
    assert report.trends == 5
    assert set(report.topics) == {DOGS.topic_id, CATS.topic_id, Topic.parse("#AI").topic_id}
    ranks = {row.name: (row.rank, row.type) for row in bench.rows(topic)}
    assert ranks == {
        "#dogs": (None, "hashtag"), "Cats": (1, "trending"), "#AI": (2, "trending"),
        "third": (3, "trending"), 'a" OR "b': (4, "trending"),
    }  # fmt: skip
    bench.restart()
    bench.tick()
    assert bench.fake.trends_asked == 1
    bench.clock.at += timedelta(minutes=10)
    bench.fake.trends = ["#AI"]
    assert set(bench.tick().topics) == {DOGS.topic_id, Topic.parse("#AI").topic_id}
    assert {row.name: row.rank for row in bench.rows(topic)}["Cats"] is None


def test_an_empty_list_of_trends_is_not_asked_for_each_tick(warehouse: Warehouse, tmp_path: Path) -> None:
    bench = Bench(warehouse, tmp_path, trends=2)
    for _ in range(3):
        bench.tick()
    assert bench.fake.trends_asked == 1


def test_trends_that_fail_leave_the_topics_alone(warehouse: Warehouse, tmp_path: Path) -> None:
    bench = Bench(warehouse, tmp_path, trends=2)
    bench.fake.trouble = lambda r: httpx2.Response(503) if "trends" in r.url.path else None
    report = bench.tick()
    assert (report.topics, report.errors) == ((CATS.topic_id,), {"SourceUnavailableError": 1})


def test_topics_that_wait_longest_come_first(bench: Bench) -> None:
    names = [Topic.parse(name) for name in ("a", "b", "c")]
    with bench.warehouse.begin() as connection:
        topics.list_topics(connection, names, source="x", now=NOON)
        topics.polled(connection, names[0].topic_id, now=NOON)
        topics.polled(connection, names[1].topic_id, now=NOON - timedelta(minutes=1))
        found = topics.due(connection, source="x", listed={t.topic_id for t in names}, trends=0, before=NOON)
        soon = topics.due(
            connection,
            source="x",
            listed={t.topic_id for t in names},
            trends=0,
            before=NOON - timedelta(seconds=30),
        )
        other = topics.due(connection, source="y", listed={t.topic_id for t in names}, trends=0, before=NOON)
    assert [w.topic.name for w in found] == ["c", "b", "a"]
    assert [w.topic.name for w in soon] == ["c", "b"]
    assert other == []


def test_the_books_outlive_the_process_and_keep_sources_apart(warehouse: Warehouse) -> None:
    day = NOON.date()
    ledger, play = WarehouseLedger(warehouse, "x"), WarehouseLedger(warehouse, "emulator")
    limits = Limits(100, 150)
    assert ledger.add(Entry(day, "posts", 10, 60, 1), limits)
    assert play.add(Entry(day, "posts", 10, 90, 1), limits)
    assert not ledger.add(Entry(day, "trends", 1, 41, 1), limits)
    assert ledger.add(Entry(day, "posts", -5, -30), None)
    assert ledger.add(Entry(day + timedelta(days=1), "posts", 1, 100, 1), limits)
    assert not ledger.add(Entry(day + timedelta(days=2), "posts", 1, 21, 1), limits)
    assert ledger.add(Entry(day + timedelta(days=9), "posts", 1, 100, 1), limits)  # December
    assert WarehouseLedger(warehouse, "x").totals(day) == Totals(30, 130, day)
    assert ledger.totals(datetime(2027, 1, 1, tzinfo=UTC).date()) == Totals(0, 0, None)


def test_a_warehouse_that_is_gone_is_reported(bench: Bench) -> None:
    bench.fake.publish('"cats"', 1)
    gone = sa.create_engine("postgresql+psycopg://nobody@/none?host=/nonexistent")
    bench.warehouse = replace(bench.warehouse, engine=gone)
    with pytest.raises(StorageUnavailableError):
        bench.tick()
