"""Clock, ids, parameters, limits, ledger, faults, hub, oracle: the small parts."""

import asyncio

import pytest
from emulator_stage import START_MS, FakeWall, make_post

from trendvane.domain import snowflake
from trendvane.domain.errors import ConfigurationError
from trendvane.emulator.clock import VirtualClock, iso
from trendvane.emulator.compliance import Jobs
from trendvane.emulator.faults import KINDS, REFUSALS, Fault, FaultScript
from trendvane.emulator.hub import BUFFER, Hub
from trendvane.emulator.ledger import Ledger
from trendvane.emulator.limits import LIMITS, RateLimiter
from trendvane.emulator.oracle import Oracle
from trendvane.emulator.params import Params
from trendvane.emulator.post import Deletion, IdMint, Kind
from trendvane.emulator.problems import ProblemError
from trendvane.emulator.render import Dialect, View, entities
from trendvane.emulator.server import require_loopback


def test_virtual_time_runs_at_its_own_speed() -> None:
    wall = FakeWall(1_000.0)
    clock = VirtualClock(START_MS, 60.0, wall)
    wall.seconds += 2
    assert clock.now_ms() == START_MS + 120_000
    assert VirtualClock(None, 1.0, wall).start_ms == 1_002_000
    assert iso(START_MS + 999) == "2026-11-18T11:06:40.000Z"


def test_ids_grow_even_within_a_millisecond() -> None:
    mint = IdMint()
    ids = [mint.mint(START_MS, bits) for bits in (9, 5, 5, 2**22 - 1)]
    assert ids == sorted(set(ids))
    assert {snowflake.to_ms(i) for i in ids} == {START_MS}


@pytest.mark.parametrize(
    ("query", "read"),
    [
        ({"max_results": ["5"]}, lambda p: p.integer("max_results", 10, 100, 10)),
        ({"max_results": ["ten"]}, lambda p: p.integer("max_results", 10, 100, 10)),
        ({"since_id": ["99999999999999999999"]}, lambda p: p.post_id("since_id")),
        ({"since_id": ["-1"]}, lambda p: p.post_id("since_id")),
        ({"start_time": ["yesterday"]}, lambda p: p.time_ms("start_time")),
        ({"start_time": ["2026-02-31T00:00:00Z"]}, lambda p: p.time_ms("start_time")),
        ({"sort_order": ["up"]}, lambda p: p.choice("sort_order", ("a", "b"), "a")),
        ({"a": ["1"], "b": ["2"]}, lambda p: p.at_most_one("a", "b")),
        ({"hashtag": ["x"]}, lambda p: p.only(frozenset({"query"}))),
    ],
)
def test_bad_parameters_are_400(query, read) -> None:
    with pytest.raises(ProblemError) as refused:
        read(Params(query))
    assert refused.value.status == 400
    assert refused.value.body["errors"][0]["parameters"]


def test_good_parameters() -> None:
    params = Params({"t": ["2026-11-22T10:00:00.123Z"], "f": ["a, b", "b,c"]})
    assert params.time_ms("t") == 1_795_341_600_000
    assert params.csv("f") == ("a", "b", "c")
    assert params.integer("n", 1, 9, 4) == 4


def test_rate_limits_refuse_and_reset() -> None:
    wall = FakeWall(1_000.0)
    limiter = RateLimiter(1.0, wall)
    headers = [limiter.take("usage") for _ in range(LIMITS["usage"])]
    assert headers[0] == {
        "x-rate-limit-limit": "50",
        "x-rate-limit-remaining": "49",
        "x-rate-limit-reset": "1900",
    }
    with pytest.raises(ProblemError) as refused:
        limiter.take("usage")
    assert refused.value.headers["x-rate-limit-remaining"] == "0"
    assert "detail" in refused.value.body
    limiter.take("trends")  # windows do not touch each other
    wall.seconds = 1_901
    assert limiter.take("usage")["x-rate-limit-remaining"] == "49"


def test_search_all_has_a_hidden_limit_per_second() -> None:
    wall = FakeWall(1_000.0)
    limiter = RateLimiter(1.0, wall)
    limiter.take("search_all")
    with pytest.raises(ProblemError) as refused:
        limiter.take("search_all")
    assert int(refused.value.headers["x-rate-limit-remaining"]) > 0
    wall.seconds += 1.1
    limiter.take("search_all")


def test_the_ledger_bills_a_resource_once_per_utc_day() -> None:
    now = [START_MS]
    ledger = Ledger(1.0, 1_000, lambda: now[0])
    assert ledger.bill(posts=[1, 2, 2], users=[9]) == pytest.approx(0.02)
    assert ledger.bill(posts=[1, 2], users=[9]) == 0
    now[0] += 86_400_000
    assert ledger.bill(posts=[1]) == pytest.approx(0.005)
    assert ledger.balance_usd == pytest.approx(0.975)


def test_an_empty_balance_and_a_full_cap_refuse() -> None:
    broke = Ledger(0.005, 10, lambda: START_MS)
    broke.check()
    broke.bill(posts=[1])
    with pytest.raises(ProblemError) as refused:
        broke.check()
    assert (refused.value.status, refused.value.slug) == (402, "credits")
    capped = Ledger(100, 1, lambda: START_MS)
    capped.bill(posts=[1])
    with pytest.raises(ProblemError) as refused:
        capped.check()
    assert (refused.value.status, refused.value.slug) == (429, "usage-capped")


def test_faults_strike_as_scripted() -> None:
    script = FaultScript((Fault("credits", "search_recent", times=2, skip=1),), seed=1)
    struck = [bool(script.strike("search_recent", REFUSALS, 0)) for _ in range(5)]
    assert struck == [False, True, True, False, False]
    assert not script.strike("trends", REFUSALS, 0)
    assert script.report()[0]["struck"] == 2
    assert script.clear() == 1


def test_faults_can_be_scheduled_and_random() -> None:
    script = FaultScript((Fault("cap", after_s=10, until_s=20, times=None),), seed=1)
    assert [bool(script.strike("x", REFUSALS, t)) for t in (5, 10, 19, 20)] == [False, True, True, False]
    random_one = [FaultScript((Fault("cap", times=None, probability=0.5),), seed=s) for s in (1, 1, 2)]
    runs = [[bool(s.strike("x", REFUSALS, 0)) for _ in range(40)] for s in random_one]
    assert runs[0] == runs[1] != runs[2]
    assert 5 < sum(runs[0]) < 35


def test_unknown_faults_are_refused() -> None:
    with pytest.raises(ValueError, match="Unknown fault"):
        Fault("gremlins")
    assert "stall" in KINDS


def test_the_hub_allows_one_stream_and_drops_slow_readers() -> None:
    async def scenario() -> None:
        hub = Hub(1, seed=1)
        view = View(Dialect.LEGACY, frozenset(), frozenset(), frozenset())
        first = hub.open(view, "127.0.0.1", START_MS)
        with pytest.raises(ProblemError) as refused:
            hub.open(view, "127.0.0.1", START_MS)
        assert refused.value.body["connection_issue"] == "TooManyConnections"
        for _ in range(BUFFER + 1):
            hub.offer(first, {}, START_MS)
        assert first.reason == "SlowReader"
        second = hub.open(view, "127.0.0.1", START_MS)
        outcome = hub.kill([second.id, "nobody"], START_MS)
        assert (outcome["successful_kills"], outcome["failed_kills"]) == (1, 1)
        assert await second.queue.get() is None
        assert len(hub) == 0

    asyncio.run(scenario())


def test_the_oracle_counts_one_voice_each() -> None:
    oracle = Oracle()
    for i, (kind, lang, label) in enumerate(
        [
            (Kind.ORGANIC, "en", 0),
            (Kind.ORGANIC, "en", 2),
            (Kind.ORGANIC, "es", 2),
            (Kind.COPY, "en", 2),
            (Kind.RETWEET, "en", 2),
            (Kind.SPAM, "en", 1),
            (Kind.ORGANIC, "en", None),
        ]
    ):
        oracle.add(make_post("x", START_MS + i, kind=kind, lang=lang, label=label))
    assert oracle.shares("Teapots", 0, START_MS + 99) == {"negative": 1, "neutral": 0, "positive": 1}
    assert oracle.shares("Teapots", START_MS + 1, START_MS + 99) == {
        "negative": 0,
        "neutral": 0,
        "positive": 1,
    }
    assert len(list(oracle.rows(0, 3))) == 3
    assert len(oracle) == 7


def test_compliance_jobs_name_only_what_is_gone() -> None:
    jobs = Jobs(5.0)
    job = jobs.create("tweets", "daily", START_MS, resumable=False)
    assert jobs.status(job, START_MS) == "created"
    assert jobs.upload(job, b"11\n12\nnonsense\n", START_MS) == 2
    assert jobs.status(job, START_MS + 4_999) == "in_progress"
    assert jobs.status(job, START_MS + 5_000) == "complete"
    gone = {12: Deletion(START_MS, 12, "suspended")}
    result = jobs.result(job, gone.get, lambda _: START_MS)
    assert result.count(b"\n") == 1
    assert b'"id":"12"' in result
    assert b'"reason":"suspended"' in result


def test_entities_count_code_points_of_the_escaped_text() -> None:
    text = "🔥 a &amp; b #Tea @bob $ORVO https://t.co/abc"
    found = entities(text, (("https://t.co/abc", "https://shop.example/a/very/long/path/indeed"),))
    assert found is not None
    assert text[found["hashtags"][0]["start"] : found["hashtags"][0]["end"]] == "#Tea"
    assert text[found["urls"][0]["start"] : found["urls"][0]["end"]] == "https://t.co/abc"
    assert found["mentions"][0]["username"] == "bob"
    assert found["cashtags"][0]["tag"] == "ORVO"
    assert entities("nothing", ()) is None


def test_each_dialect_has_its_own_keys() -> None:
    post = make_post("x", refs=(("quoted", 5),), note="long x", kind=Kind.ORGANIC)
    fields = "public_metrics,note_tweet,note_post,referenced_tweets,referenced_posts,author_id,nonsense"
    legacy = View.of(Params({"tweet.fields": [fields]}), "legacy").post(post, START_MS)
    current = View.of(Params({"post.fields": [fields]}), "legacy").post(post, START_MS)
    assert set(legacy) == {
        "id",
        "text",
        "edit_history_tweet_ids",
        "public_metrics",
        "note_tweet",
        "referenced_tweets",
        "author_id",
    }
    assert set(current) == {"id", "text", "edit_history_post_ids", "public_metrics", "note_post"}
    assert "retweet_count" in legacy["public_metrics"]
    assert "repost_count" in current["public_metrics"]
    expanded = View.of(
        Params({"post.fields": ["id"], "expansions": ["author_id,referenced_posts"]}), "legacy"
    )
    assert {"author_id", "referenced_posts"} <= set(expanded.post(post, START_MS))


def test_only_loopback_hosts_are_served() -> None:
    for host in ("127.0.0.1", "::1", "localhost", "127.1.2.3"):
        require_loopback(host)
    for host in ("0.0.0.0", "::", "192.168.1.5", "example.org", ""):
        with pytest.raises(ConfigurationError, match="does not listen"):
            require_loopback(host)


def test_a_clock_that_goes_on_where_a_killed_one_was() -> None:
    wall = iter([1_000.0])
    clock = VirtualClock(900_000, 1.0, lambda: next(wall), wall_start=900.0)
    assert clock.now_ms() == 1_000_000
