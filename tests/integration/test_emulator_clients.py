"""The two official Python clients read the emulator over real HTTP, each with its known defects.

xdk 0.10 speaks the current vocabulary (except on streams) and loses a whole page on any mismatch;
tweepy 4.17 speaks the legacy one and has the real host built in, so its session is turned around.
"""

import itertools
import threading
from datetime import UTC, datetime, timedelta

import pytest
import tweepy
from xdk import Client
from xdk.stream.models import UpdateRulesRequest
from xdk.streaming import StreamConfig

from trendvane.emulator.config import EmulatorConfig
from trendvane.emulator.server import running

pytestmark = pytest.mark.integration
TOPICS = ("#SkylarkDown", "Lumora Lens")


def config(dialect: str) -> EmulatorConfig:
    return EmulatorConfig(
        dialect=dialect, topics=TOPICS, history_hours=1.0, rate=20.0, rate_limit_factor=100, index_lag_s=0
    )


@pytest.fixture(scope="module")
def current_url():
    with running(config("current")) as url:
        yield url


@pytest.fixture(scope="module")
def legacy_url():
    with running(config("legacy")) as url:
        yield url


@pytest.fixture
def xdk(current_url):
    client = Client(base_url=current_url, bearer_token="emulator")
    yield client
    client.session.close()


class TurnedSession(tweepy.client.requests.Session):
    """Sends what is meant for the real host to the emulator."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def request(self, method, url, *args, **kwargs):
        return super().request(method, url.replace("https://api.twitter.com", self._url), *args, **kwargs)


@pytest.fixture
def tweepy_client(legacy_url):
    client = tweepy.Client("emulator", wait_on_rate_limit=False)
    client.session = TurnedSession(legacy_url)
    yield client
    client.session.close()


def test_xdk_pages_through_search(xdk) -> None:
    pages = xdk.posts.search_recent(
        query="skylark OR lumora",
        max_results=50,
        post_fields=["created_at", "entities", "lang", "note_post", "public_metrics", "text"],
        expansions=["author_id", "referenced_posts"],
        user_fields=["created_at", "public_metrics", "verified"],
    )
    read = list(itertools.islice(pages, 4))
    ids = [dict(post)["id"] if isinstance(post, dict) else post.id for page in read for post in page.data]
    assert len(ids) == len(set(ids)) == 200
    assert ids == sorted(ids, key=int, reverse=True)
    first = read[0].model_dump()
    assert "repost_count" in first["data"][0]["public_metrics"]
    assert first["includes"]["users"]


def test_xdk_counts_trends_usage_and_connections(xdk) -> None:
    counts = next(iter(xdk.posts.get_counts_recent(query="skylark", granularity="hour"))).model_dump()
    assert counts["meta"]["total_post_count"] == sum(row["post_count"] for row in counts["data"]) > 0
    trends = xdk.trends.get_by_woeid(woeid=1).model_dump()
    assert {row["trend_name"] for row in trends["data"]} == set(TOPICS)
    usage = xdk.usage.get(days=7).model_dump()["data"]
    assert int(usage["project_usage"]) >= 0
    assert xdk.connections.delete_all().model_dump()["data"]["successful_kills"] == 0


def test_xdk_keeps_rules_and_reads_the_stream(xdk) -> None:
    added = xdk.stream.update_rules(
        UpdateRulesRequest(add=[{"value": "skylark OR #skylarkdown", "tag": "s"}])
    )
    rule = added.model_dump()["data"][0]
    listed = next(iter(xdk.stream.get_rules())).model_dump()["data"]
    assert [row["value"] for row in listed] == ["skylark OR #skylarkdown"]
    stream = xdk.stream.posts(tweet_fields=["created_at", "lang"], stream_config=StreamConfig(timeout=21))
    rows = [row.model_dump() for row in itertools.islice(stream, 5)]
    stream.close()
    assert all(row["matching_rules"][0]["id"] == rule["id"] for row in rows)
    assert len({row["data"]["id"] for row in rows}) == 5
    xdk.stream.update_rules(UpdateRulesRequest(delete={"ids": [rule["id"]]}))


def test_xdk_runs_a_compliance_job(xdk) -> None:
    job = xdk.compliance.create_jobs({"type": "tweets", "name": "n"}).model_dump()["data"]
    assert xdk.compliance.get_jobs_by_id(id=job["id"]).model_dump()["data"]["status"] == "created"


def test_tweepy_pages_through_search(tweepy_client) -> None:
    pages = tweepy.Paginator(
        tweepy_client.search_recent_tweets,
        "skylark OR lumora",
        max_results=50,
        tweet_fields=["created_at", "author_id", "public_metrics", "referenced_tweets", "entities"],
        expansions=["author_id", "referenced_tweets.id"],
        limit=4,
    )
    read = list(pages)
    tweets = [tweet for page in read for tweet in page.data]
    assert len({tweet.id for tweet in tweets}) == len(tweets) == 200
    assert tweets[0].public_metrics["retweet_count"] >= 0
    assert abs(tweets[0].created_at - datetime.now(UTC)) < timedelta(minutes=5)
    assert read[0].includes["users"][0].username
    assert read[0].meta["newest_id"] == str(tweets[0].id)
    newer = tweepy_client.search_recent_tweets("skylark OR lumora", since_id=tweets[20].id, max_results=100)
    assert {tweet.id for tweet in tweets[:20]} <= {tweet.id for tweet in newer.data}


def test_tweepy_counts_lookups_and_errors(tweepy_client) -> None:
    counts = tweepy_client.get_recent_tweets_count("skylark", granularity="day")
    assert counts.meta["total_tweet_count"] == sum(row["tweet_count"] for row in counts.data) > 0
    some = tweepy_client.search_recent_tweets("lumora").data[0]
    found = tweepy_client.get_tweets([some.id, 456])
    assert [tweet.id for tweet in found.data] == [some.id]
    assert found.errors[0]["value"] == "456"
    with pytest.raises(tweepy.BadRequest, match="since_id"):
        tweepy_client.search_recent_tweets("lumora", since_id=1)
    with pytest.raises(tweepy.BadRequest):
        tweepy_client.search_recent_tweets("(lumora")
    stranger = tweepy.Client("wrong")
    stranger.session = tweepy_client.session
    with pytest.raises(tweepy.Unauthorized):
        stranger.search_recent_tweets("lumora")


class Listener(tweepy.StreamingClient):
    def __init__(self, url: str) -> None:
        super().__init__("emulator", max_retries=0)
        self.session = TurnedSession(url)
        self.ids: list[int] = []
        self.rules: set[str] = set()
        self.enough = threading.Event()

    def on_response(self, response) -> None:
        self.ids.append(response.data.id)
        self.rules.update(rule.tag for rule in response.matching_rules)
        if len(self.ids) == 5:
            self.enough.set()
            self.disconnect()


def test_tweepy_keeps_rules_and_reads_the_stream(legacy_url) -> None:
    listener = Listener(legacy_url)
    made = listener.add_rules([tweepy.StreamRule("skylark OR lumora", tag="both")])
    assert made.meta["summary"]["created"] == 1
    assert [rule.value for rule in listener.get_rules().data] == ["skylark OR lumora"]
    thread = listener.filter(threaded=True, tweet_fields=["created_at"])
    assert listener.enough.wait(20)
    thread.join(10)
    assert len(set(listener.ids)) == 5
    assert listener.rules == {"both"}
    gone = listener.delete_rules([rule.id for rule in made.data])
    assert gone.meta["summary"]["deleted"] == 1
    listener.session.close()
