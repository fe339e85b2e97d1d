from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trendvane.domain.errors import ConfigurationError
from trendvane.domain.topic import Topic, TopicKind
from trendvane.x.query import MAX_QUERY, build

QUERY = re.compile(r'(?:"[^"\\]+"|#\w+|\$[A-Za-z._]+) lang:en -is:retweet')


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("#AI", "#AI"),
        ("#Été2026", "#Été2026"),
        ("#123", '"#123"'),
        ("$TSLA", "$TSLA"),
        ("Breaking News", '"Breaking News"'),
        ("OR", '"OR"'),
        ("-is:retweet", '"-is:retweet"'),
        ('cats" OR from:elon OR "x', '"cats OR from:elon OR x"'),
        ("“smart” quotes\\", '"smart quotes"'),
        ("a) OR (b", '"a) OR (b"'),
        ("#AI OR cats", '"#AI OR cats"'),
        ("two\nlines\x00", '"two lines"'),
        ("🔥", '"🔥"'),
    ],
)
def test_names_cannot_act_as_operators(name: str, query: str) -> None:
    assert build(Topic(name, TopicKind.TRENDING), languages=(), retweets=True) == query


@pytest.mark.parametrize("name", ["@jack", "from:jack", "FROM: @jack"])
def test_users(name: str) -> None:
    assert build(Topic(name, TopicKind.USER)) == "from:jack lang:en -is:retweet"


@pytest.mark.parametrize("name", ["from:a OR b", "@", "@sixteen_letters_", "from:é"])
def test_no_users(name: str) -> None:
    with pytest.raises(ConfigurationError):
        build(Topic(name, TopicKind.USER))


def test_languages() -> None:
    topic = Topic("cats", TopicKind.KEYWORD)
    assert build(topic, languages=("en", "zh-CN")) == '"cats" (lang:en OR lang:zh-CN) -is:retweet'
    with pytest.raises(ConfigurationError):
        build(topic, languages=("en OR x",))


@pytest.mark.parametrize("name", ["", '""', "!!!", "\x00", "—"])
def test_nothing_to_search(name: str) -> None:
    with pytest.raises(ConfigurationError):
        build(Topic(name, TopicKind.TRENDING))


def test_too_long() -> None:
    with pytest.raises(ConfigurationError, match="512"):
        build(Topic("x" * 600, TopicKind.TRENDING))


@given(st.text(max_size=80) | st.text(alphabet='"\\ORfrom:()-#$ a1', max_size=30))
def test_whatever_the_name_the_query_has_one_subject(name: str) -> None:
    try:
        query = build(Topic(name, TopicKind.TRENDING))
    except ConfigurationError:
        return
    assert QUERY.fullmatch(query)
    assert len(query) <= MAX_QUERY
