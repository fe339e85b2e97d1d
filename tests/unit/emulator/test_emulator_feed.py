"""The invented tweets: the same every time, believable in bulk, never twice the same."""

import random
import re
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from emulator_stage import START_MS

from trendvane.domain import snowflake
from trendvane.domain.errors import ConfigurationError
from trendvane.emulator.config import EmulatorConfig
from trendvane.emulator.post import Deletion, Kind, Post
from trendvane.emulator.synthetic.feed import SyntheticFeed
from trendvane.emulator.synthetic.grammar import expand, ways
from trendvane.emulator.synthetic.story import MOODS, common, stories

CONFIG = EmulatorConfig(start_ms=START_MS, history_hours=0.5)
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def events() -> list[Post | Deletion]:
    return list(SyntheticFeed(CONFIG, START_MS).until(START_MS + HOUR_MS))


@pytest.fixture(scope="module")
def posts(events) -> list[Post]:
    return [event for event in events if isinstance(event, Post)]


def test_same_seed_same_tweets_however_often_asked(events) -> None:
    feed = SyntheticFeed(CONFIG, START_MS)
    slices = [list(feed.until(now)) for now in range(START_MS - HOUR_MS, START_MS + HOUR_MS // 6 + 1, 1_700)]
    stepped = [event for part in slices for event in part]
    assert len(stepped) > 1_000
    assert stepped == events[: len(stepped)]


def test_another_seed_other_tweets(posts) -> None:
    other = SyntheticFeed(replace(CONFIG, seed=8), START_MS).until(START_MS)
    texts = {post.text for post in posts}
    fresh = [event for event in other if isinstance(event, Post)]
    assert sum(post.text in texts for post in fresh) < len(fresh) * 0.2


def test_ids_and_times_agree_and_grow(posts) -> None:
    ids = [post.id for post in posts]
    assert ids == sorted(set(ids))
    assert all(START_MS - HOUR_MS < post.created_ms <= START_MS + HOUR_MS for post in posts)
    assert len({snowflake.to_ms(i) % 1000 for i in ids}) > 500  # milliseconds are real


def test_every_topic_speaks_at_about_the_asked_rate(posts) -> None:
    live = [post for post in posts if post.created_ms >= START_MS]
    assert 2.4 < len(live) / 3_600 < 4.2
    topics = Counter(topic for post in live for topic in post.topics)
    assert len(topics) == 10
    assert min(topics.values()) > 500


def test_the_mixture_has_everything_a_pipeline_must_survive(posts, events) -> None:
    kinds = Counter(post.kind for post in posts)
    assert set(kinds) == set(Kind)
    assert 0.7 < kinds[Kind.ORGANIC] / len(posts) < 0.85
    langs = Counter(post.lang for post in posts)
    assert langs["en"] > len(posts) / 2
    assert len(langs) == 6
    assert any(post.note for post in posts)
    assert any("&amp;" in post.text or "&lt;" in post.text or "&gt;" in post.text for post in posts)
    assert any(post.ref("quoted") for post in posts)
    assert any(post.ref("replied_to") for post in posts)
    assert any(post.urls for post in posts)
    assert {e.reason for e in events if isinstance(e, Deletion)} == {"deleted", "suspended"}


def test_texts_fit_and_carry_no_template_marks(posts) -> None:
    for post in posts:
        assert len(post.text) <= 300
        if post.kind is Kind.SPAM:
            continue
        assert not re.search(r"[{}\[\]|]", post.text), post.text
        assert post.text == post.text.strip()


def test_organic_texts_of_a_topic_hardly_repeat(posts) -> None:
    for story in stories():
        texts = Counter(
            " ".join(re.sub(r"https://t\.co/\w+|@\w+", "", post.note or post.text).casefold().split())
            for post in posts
            if post.kind is Kind.ORGANIC and story.name in post.topics
        )
        repeated = sum(count - 1 for count in texts.values())
        assert repeated / texts.total() < 0.03, story.name


def test_opinion_moves_along_the_story(posts) -> None:
    minutes: dict[int, Counter[int]] = {}
    for post in posts:
        if "#NorthportVsValmora" in post.topics and post.kind is Kind.ORGANIC and post.label is not None:
            minute = (post.created_ms - START_MS) // 60_000
            minutes.setdefault(minute, Counter())[post.label] += 1

    def positive(first: int, last: int) -> float:
        window = sum((minutes.get(m, Counter()) for m in range(first, last)), Counter())
        return window[2] / window.total()

    assert positive(3, 6) > 0.6  # the goal
    assert positive(19, 24) < 0.35  # the red card
    assert positive(28, 34) > 0.65  # the winner


def test_edits_continue_a_chain_and_retweets_point_back(posts) -> None:
    known = {post.id: post for post in posts}
    edits = [post for post in posts if post.kind is Kind.EDIT]
    assert all(len(edit.history) == 2 and edit.history[-1] == edit.id for edit in edits)
    assert all(known[edit.history[0]].author == edit.author for edit in edits)
    for post in posts:
        if post.kind is Kind.RETWEET:
            original = known[post.ref("retweeted") or 0]
            assert post.text.startswith(f"RT @{original.author.username}: ")
            assert post.label == original.label


def test_usernames_are_unique_and_short(posts) -> None:
    names = {post.author.username: post.author.id for post in posts}
    assert len(set(names.values())) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_]{1,15}", name) for name in names)


def test_stories_are_whole() -> None:
    slots = set(common()["slots"]) | {"name", "tag", "handle"}
    rng = random.Random(1)
    for story in stories():
        assert all(a.at_min < b.at_min for a, b in pairwise(story.moments)), story.name
        assert all(abs(sum(m.mood) - 1) < 1e-9 and min(m.mood) >= 0 for m in story.moments)
        assert {m.beat for m in story.moments} <= {"", *story.beats}
        for lines in (story.lines, *story.beats.values()):
            for mood in MOODS:
                for line in lines[mood]:
                    used = set(re.findall(r"{(\w+)}", line))
                    assert used <= slots | set(story.slots), line
        at = story.at(10_000 + rng.random())
        assert at.volume > 0


def test_templates() -> None:
    rng = random.Random(1)
    assert expand("a [b] {c}", {"c": ["d"]}, rng) == "a b d"
    assert expand("{c} {c}", {"c": ["x", "y"]}, rng) in {"x y", "y x"}
    assert expand("{outer}!", {"outer": ["{inner} ."], "inner": ["z"]}, rng) == "z.!"
    assert ways("[a|b] {c} {c}", {"c": ["x", "y", "z"]}) == 18
    with pytest.raises(KeyError):
        expand("{missing}", {}, rng)


def test_unknown_topics_are_refused_with_the_choice() -> None:
    with pytest.raises(ConfigurationError, match="Lumora Lens"):
        SyntheticFeed(replace(CONFIG, topics=("Teapots",)), START_MS)
