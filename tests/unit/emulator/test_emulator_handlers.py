"""Endpoints as functions: search and its paging, counts, lookups, trends, rules, account, control."""

import json

import pytest
from emulator_stage import START_MS, call

from trendvane.domain import snowflake
from trendvane.emulator.handlers import account, control, posts, rules, trends
from trendvane.emulator.post import Kind
from trendvane.emulator.problems import ProblemError


def refused(function, *args) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        function(*args)
    return caught.value


def pages(world, **query):
    token, seen = None, []
    while True:
        more: dict[str, str] = {"next_token": token} if token else {}
        reply = posts.search_recent(world, call(**query, **more))
        seen.append(reply)
        token = reply.payload["meta"].get("next_token")
        if token is None:
            return seen


def oracle_ids(stage, topic: str) -> set[str]:
    rows = control.published(stage.world, call())["data"]
    return {row["id"] for row in rows if row["topic"] == topic and row["searchable"]}


def test_paging_finds_exactly_the_topic_newest_first(stage) -> None:
    for topic, query in (("#SkylarkDown", "#SkylarkDown"), ("Lumora Lens", '"Lumora Lens" -is:retweet')):
        found = [
            row["id"] for p in pages(stage.world, query=query, max_results="50") for row in p.payload["data"]
        ]
        assert found == sorted(set(found), key=int, reverse=True)
        assert set(found) == oracle_ids(stage, topic)
        assert len(found) > 100


def test_first_page_names_the_next_since_id(stage) -> None:
    query = {"query": "lumora OR skylark", "max_results": "10"}
    first, *rest = pages(stage.world, **query)
    meta = first.payload["meta"]
    assert meta["newest_id"] == first.payload["data"][0]["id"]
    assert meta["oldest_id"] == first.payload["data"][-1]["id"]
    since = rest[2].payload["data"][0]["id"]
    newer = [r["id"] for p in pages(stage.world, **query, since_id=since) for r in p.payload["data"]]
    assert min(map(int, newer)) > int(since)
    assert len(newer) == 30
    again = posts.search_recent(stage.world, call(**query, since_id=newer[0]))
    assert again.payload == {"meta": {"result_count": 0}}
    older = posts.search_recent(stage.world, call(**query, until_id=since)).payload["data"]
    assert int(older[0]["id"]) < int(since)


def test_time_window(stage) -> None:
    start, end = "2026-11-18T11:08:00Z", "2026-11-18T11:10:00Z"
    found = posts.search_recent(
        stage.world,
        call(query="skylark", start_time=start, end_time=end, max_results="100", tweet__fields="created_at"),
    ).payload["data"]
    assert all(start <= row["created_at"].replace(".000", "") < end for row in found)
    assert found


def test_young_posts_are_not_indexed_yet(make_stage) -> None:
    stage = make_stage(topics=("#SkylarkDown",))
    stage.later(60)
    newest = posts.search_recent(stage.world, call(query="#SkylarkDown")).payload["meta"]["newest_id"]
    edge = stage.world.clock.now_ms() - 30_000
    assert edge - 20_000 < snowflake.to_ms(int(newest)) < edge


def test_no_retweets_and_no_superseded_versions(stage) -> None:
    world = stage.world
    kinds = {row["id"]: row["kind"] for row in control.labels(world, call(limit="100000"))["data"]}
    replaced = set()
    for topic in world.feed.topics:
        for page in pages(world, query=f'"{topic}"', max_results="100"):
            for row in page.payload["data"]:
                assert kinds[row["id"]] != Kind.RETWEET
                replaced.update(row["edit_history_tweet_ids"][:-1])
                assert row["id"] not in replaced
    assert replaced
    assert posts.search_recent(world, call(query="skylark is:retweet")).payload["meta"]["result_count"] == 0


def test_a_cursor_older_than_seven_days_is_told_the_floor(stage) -> None:
    floor = snowflake.floor(stage.world.clock.now_ms() - 7 * 86_400_000)
    problem = refused(posts.search_recent, stage.world, call(query="tea", since_id=str(floor - 2**30)))
    assert problem.status == 400
    assert str(floor) in problem.body["errors"][0]["message"]
    posts.search_recent(stage.world, call(query="tea", since_id=str(floor + 1)))
    posts.search_all(stage.world, call(query="tea", since_id="1"))


@pytest.mark.parametrize(
    "query",
    [
        {"query": "(tea"},
        {"query": "x" * 513},
        {"query": "tea", "max_results": "9"},
        {"query": "tea", "max_results": "101"},
        {"query": "tea", "next_token": "b26v89c19zqg8o3fzzz"},
        {"query": "tea", "next_token": "!"},
        {"query": "tea", "since_id": str(snowflake.floor(START_MS)), "start_time": "2026-11-18T11:00:00Z"},
        {"query": "tea", "end_time": "2026-11-18T11:16:39Z"},
        {"query": "tea", "colour": "red"},
        {},
    ],
)
def test_bad_searches_are_400(stage, query) -> None:
    assert refused(posts.search_recent, stage.world, call(**query)).status == 400


def test_a_token_belongs_to_its_query(stage) -> None:
    token = posts.search_recent(stage.world, call(query="skylark")).payload["meta"]["next_token"]
    assert refused(posts.search_recent, stage.world, call(query="lumora", next_token=token)).status == 400
    posts.search_recent(stage.world, call(query="skylark", pagination_token=token))


def test_relevancy_gives_one_page(stage) -> None:
    reply = posts.search_recent(stage.world, call(query="skylark", sort_order="relevancy"))
    assert "next_token" not in reply.payload["meta"]


def test_counts_agree_with_search(stage) -> None:
    found = sum(
        p.payload["meta"]["result_count"] for p in pages(stage.world, query="skylark", max_results="100")
    )
    for granularity in ("minute", "hour", "day"):
        payload = posts.counts_recent(stage.world, call(query="skylark", granularity=granularity)).payload
        assert payload["meta"]["total_tweet_count"] == found
        assert sum(bucket["tweet_count"] for bucket in payload["data"]) == found
    current = posts.counts_recent(
        stage.world, call(query="skylark", search_count__fields="post_count")
    ).payload
    assert current["meta"]["total_post_count"] == found
    assert posts.counts_all(stage.world, call(query="skylark")).payload["meta"]["total_tweet_count"] == found


def test_expansions_bill_users_and_references(stage) -> None:
    reply = posts.search_recent(
        stage.world,
        call(query="skylark OR lumora", max_results="100", expansions="author_id,referenced_tweets.id"),
    )
    assert len(reply.users) == len(reply.payload["includes"]["users"])
    assert reply.payload["includes"]["tweets"]
    assert len(reply.posts) == 100 + len(reply.payload["includes"]["tweets"])


def test_lookups_report_missing_posts_beside_the_data(stage) -> None:
    known = posts.search_recent(stage.world, call(query="skylark")).payload["data"][0]["id"]
    payload = posts.tweets(stage.world, call(ids=f"{known},456")).payload
    assert [row["id"] for row in payload["data"]] == [known]
    assert payload["errors"][0]["value"] == "456"
    assert posts.tweet(stage.world, call({"id": known})).payload["data"]["id"] == known
    assert "data" not in posts.tweet(stage.world, call({"id": "456"})).payload
    assert refused(posts.tweets, stage.world, call(ids=",".join(map(str, range(101))))).status == 400


def test_trends_are_names_by_volume(stage) -> None:
    payload = trends.by_woeid(
        stage.world, call({"woeid": "1"}, max_trends="2", trend__fields="tweet_count")
    ).payload
    assert len(payload["data"]) == 2
    assert all(set(row) == {"trend_name"} for row in payload["data"])
    assert refused(trends.personalized, stage.world, call()).status == 403
    wanted = call(user=True, personalized_trend__fields="trend_name,post_count")
    assert set(trends.personalized(stage.world, wanted).payload["data"][0]) == {"trend_name", "post_count"}


def post_rules(world, body, **query):
    return rules.update(world, call(body=json.dumps(body).encode(), **query)).payload


def test_rules_are_added_listed_and_deleted(make_stage) -> None:
    world = make_stage().world
    dry = post_rules(world, {"add": [{"value": "tea"}]}, dry_run="true")
    assert dry["meta"]["summary"]["created"] == 1
    assert len(world.rules) == 0
    made = post_rules(world, {"add": [{"value": "tea", "tag": "t"}, {"value": "tea"}, {"value": "(("}]})
    assert made["meta"]["summary"] == {"created": 1, "not_created": 2, "valid": 2, "invalid": 1}
    assert {error["type"].rsplit("/", 1)[1] for error in made["errors"]} == {
        "duplicate-rules",
        "invalid-rules",
    }
    listing = rules.listing(world, call()).payload
    assert listing["data"] == [{"id": made["data"][0]["id"], "value": "tea", "tag": "t"}]
    gone = post_rules(world, {"delete": {"values": ["tea", "milk"]}})
    assert gone["meta"]["summary"] == {"deleted": 1, "not_deleted": 1}
    assert "data" not in rules.listing(world, call()).payload


def test_rule_limits(make_stage) -> None:
    world = make_stage().world
    long = post_rules(world, {"add": [{"value": "tea " * 257}]})
    assert long["meta"]["summary"]["invalid"] == 1
    post_rules(world, {"add": [{"value": f"tea{i}"} for i in range(1_000)]})
    body = json.dumps({"add": [{"value": "one more"}]}).encode()
    assert refused(rules.update, world, call(body=body)).slug == "rule-cap"
    first = rules.listing(world, call(max_results="600")).payload
    second = rules.listing(world, call(pagination_token=first["meta"]["next_token"])).payload
    assert len(first["data"]) + len(second["data"]) == 1_000
    assert rules.counts(world, call()).payload["data"]["client_app_rules_count"]["rule_count"] == 1_000
    assert post_rules(world, {}, delete_all="true")["meta"]["summary"]["deleted"] == 1_000


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"add":[]}', b'{"add":[{}],"delete":{}}', b'{"delete":{}}']
)
def test_bad_rule_bodies_are_400(stage, body) -> None:
    assert refused(rules.update, stage.world, call(body=body)).status == 400


def test_compliance_reports_deletions(stage) -> None:
    world = stage.world
    victim = posts.search_recent(world, call(query="lumora", max_results="10")).payload["data"][5]["id"]
    control.delete_post(world, call({"id": victim}))
    job = account.jobs_create(world, call(body=b'{"type":"tweets","name":"n"}')).payload["data"]
    path = {"id": job["id"]}
    assert refused(control.download, world, call(path)).status == 404
    control.upload(world, call(path, f"{victim}\n456\n".encode()))
    assert account.jobs_get(world, call(path)).payload["data"]["status"] == "complete"
    lines = control.download(world, call(path)).splitlines()
    assert [json.loads(line)["id"] for line in lines] == [victim]
    assert (
        account.jobs_list(world, call(type="tweets", status="complete")).payload["meta"]["result_count"] == 1
    )
    assert refused(account.jobs_get, world, call({"id": "9"})).status == 404
    assert posts.tweet(world, call({"id": victim})).payload["errors"]


def test_usage_counts_each_post_once_a_day(make_stage) -> None:
    world = make_stage().world
    world.ledger.bill(posts=[1, 2, 3])
    world.ledger.bill(posts=[3])
    data = account.usage(world, call()).payload["data"]
    assert data["project_usage"] == 3
    assert data["daily_project_usage"]["usage"] == [{"date": "2026-11-18T00:00:00.000Z", "usage": 3}]
    assert account.credits_left(world, call()).payload["data"]["total_balance"] == pytest.approx(999.985)
    strings = make_stage(dialect="current").world
    assert account.usage(strings, call()).payload["data"]["project_usage"] == "0"


def test_truth_adds_up(stage) -> None:
    world = stage.world
    truth = control.truth(world, call(topic="#SkylarkDown"))
    labels = control.labels(world, call(limit="100000"))["data"]
    own = [
        row
        for row in labels
        if row["topic"] == "#SkylarkDown" and row["kind"] == "organic" and row["lang"] == "en"
    ]
    assert truth["n"] == len(own) == sum(truth["counts"].values())
    assert truth["counts"]["negative"] == sum(row["label"] == "negative" for row in own)
    early = control.truth(world, call(topic="#SkylarkDown", until_ms=str(START_MS)))
    late = control.truth(world, call(topic="#SkylarkDown", since_ms=str(START_MS)))
    assert early["n"] + late["n"] == truth["n"]
    assert refused(control.truth, world, call(topic="Teapots")).status == 404
    assert set(control.truth(world, call())["topics"]) == set(world.feed.topics)


def test_published_pages(stage) -> None:
    everything = control.published(stage.world, call())
    first = control.published(stage.world, call(limit="100"))
    rest = control.published(stage.world, call(since_id=first["next_since_id"]))
    assert first["data"] + rest["data"] == everything["data"]
    assert len(everything["data"]) == everything["total"]


def test_faults_are_armed_from_outside(make_stage) -> None:
    world = make_stage().world
    control.faults_add(world, call(body=b'{"kind":"credits","endpoint":"trends"}'))
    control.faults_add(world, call(body=b'{"faults":[{"kind":"cap"},{"kind":"stall","seconds":1}]}'))
    assert len(control.faults_list(world, call())["faults"]) == 3
    for body in (b'{"kind":"gremlins"}', b'{"kind":"cap","color":1}', b'{"kind":"cap","after_s":"x"}'):
        assert refused(control.faults_add, world, call(body=body)).status == 400
    assert control.faults_clear(world, call()) == {"cleared": 3}


def test_old_posts_leave_the_index_but_not_the_oracle(make_stage) -> None:
    stage = make_stage(max_posts=500)
    stage.later(1_200)
    health = control.health(stage.world, call())
    assert health["published"] > 1_500
    assert health["indexed"] <= 550
    found = pages(stage.world, query="skylark OR lumora OR northport", max_results="100")
    assert sum(p.payload["meta"]["result_count"] for p in found) <= 550


def test_two_worlds_of_one_seed_answer_alike(make_stage) -> None:
    answers = []
    for steps in (1, 50):
        stage = make_stage()
        for _ in range(steps):
            stage.later(300 / steps)
        answers.append(posts.search_recent(stage.world, call(query="skylark", max_results="100")).payload)
    assert answers[0] == answers[1]
