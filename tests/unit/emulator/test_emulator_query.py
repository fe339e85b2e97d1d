import contextlib

import pytest
from emulator_stage import make_post
from hypothesis import given
from hypothesis import strategies as st

from trendvane.emulator import words as read
from trendvane.emulator.query.nodes import Document, topic_key
from trendvane.emulator.query.parser import QueryError, Topics, parse


def hit(query: str, text: str, *, stream: bool = False, topics: Topics | None = None, **changes) -> bool:
    post = make_post(text, **changes)
    doc = Document(post, read.words(text, fold=not stream), fold=not stream)
    return parse(query, topics or Topics(), stream=stream).matches(doc)


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("tea", "I like TEA.", True),
        ("tea", "steam", False),
        ("tea", "#tea time", True),
        ("tea pot", "pot of tea", True),
        ('"tea pot"', "pot of tea", False),
        ('"tea pot"', "my tea-pot broke", True),
        ("#tea", "tea", False),
        ("#tea", "a #Tea!", True),
        ("#tea", "#teatime", False),
        ("@bob", "hi @Bob", True),
        ("$ORVO", "buy $orvo now", True),
        ("tea OR coffee", "coffee", True),
        ("tea coffee OR milk", "tea", False),
        ("tea coffee OR milk", "milk", True),
        ("(tea OR coffee) milk", "coffee with milk", True),
        ("tea -milk", "tea with milk", False),
        ("tea -milk", "tea", True),
        ('tea -"cold milk"', "tea cold milk", False),
        ("tea has:hashtags", "tea #now", True),
        ("tea has:mentions", "tea", False),
        ("tea lang:en", "tea", True),
        ("tea lang:ja", "tea", False),
        ("from:ann_lee", "anything", True),
        ("from:42", "anything", True),
        ("from:bob", "anything", False),
        ("tea -is:nullcast", "tea", True),
        ("🔥", "so good 🔥🔥", True),
        ("最高", "今日は最高だった", True),
        ("tom", "tom&amp;jerry", True),
        ("min_likes:5", "tea", False),
        ("it's", "IT'S fine", True),
    ],
)
def test_matches(query: str, text: str, *, expected: bool) -> None:
    assert hit(query, text) is expected


def test_search_folds_diacritics_and_the_stream_does_not() -> None:
    assert hit("cafe", "un café")
    assert hit("café", "un cafe")
    assert not hit("cafe", "un café", stream=True)
    assert hit("café", "un café", stream=True)


def test_references() -> None:
    refs = (("quoted", 7), ("replied_to", 8))
    assert hit("tea is:quote is:reply", "tea", refs=refs)
    assert hit("quotes_of_tweet_id:7", "tea", refs=refs)
    assert hit("in_reply_to_tweet_id:8", "tea", refs=refs)
    assert not hit("tea is:retweet", "tea", refs=refs)
    assert hit("to:bob", "@Bob tea", refs=refs, reply_to=5)
    assert hit("conversation_id:99", "tea", conversation=99)
    assert hit('url:"shop.example"', "tea", urls=(("https://t.co/x", "https://shop.example/1"),))


@pytest.mark.parametrize("value", ["sample:100", '"tea pot"~3', "bio:cook OR tea"])
def test_stream_only_operators(value: str) -> None:
    parse(f"tea {value}", Topics(), stream=True)
    with pytest.raises(QueryError):
        parse(f"tea {value}", Topics())


@pytest.mark.parametrize(
    "query",
    [
        "",
        "   ",
        "(tea",
        "tea)",
        "()",
        "tea OR",
        "OR tea",
        "-(tea milk)",
        "tea -",
        '"tea',
        "lang:en",
        "-tea",
        "is:retweet has:links",
        "is:nullcast tea",
        "min_faves:5",
        "foo:bar",
        "is:funny tea",
        "has:jokes tea",
        "conversation_id:abc",
        "tea and milk",
        "tea or milk",
        "tea " * 201,
    ],
)
def test_refuses(query: str) -> None:
    with pytest.raises(QueryError):
        parse(query, Topics())


def test_a_topics_name_finds_its_posts_whatever_they_say() -> None:
    topics = Topics(("Salt and Silver", "#Teapots"))
    for query in ('"Salt and Silver"', '"salt AND silver" lang:en'):
        post = make_post("no such words", topics=("Salt and Silver",))
        doc = Document(post, read.words(post.text, fold=True), fold=True)
        assert parse(query, topics).matches(doc)
    for query in ("#Teapots", "teapots", "#teapots -is:retweet"):
        post = make_post("nothing", topics=("#Teapots",))
        assert parse(query, topics).matches(Document(post, ("nothing",), fold=True))


def test_an_exclusive_topic_ignores_the_text() -> None:
    post = make_post("apple pie", topics=("google",))
    doc = Document(post, ("apple", "pie"), fold=True)
    assert not parse("apple", Topics(("apple", "google"), exclusive=True)).matches(doc)
    assert parse("apple", Topics(("apple", "google"))).matches(doc)
    assert parse("pie", Topics(("apple", "google"), exclusive=True)).matches(doc)


def test_words_of_a_topic_in_a_row_mean_the_topic() -> None:
    topics = Topics(("Nova Reyes",), exclusive=True)
    doc = Document(make_post("x", topics=("Nova Reyes",)), ("x",), fold=True)
    assert parse("nova reyes lang:en", topics).matches(doc)
    assert not parse("reyes nova", topics).matches(doc)


def test_covers_use_the_rarest_postings() -> None:
    sizes = {"tea": 100, "milk": 2, "#now": 5}
    size = lambda key: sizes.get(key, 0)  # noqa: E731
    assert parse("tea milk -sugar lang:en", Topics()).cover(size) == ("milk",)
    assert parse("milk OR #now", Topics()).cover(size) == ("milk", "#now")
    assert parse("milk OR 🔥", Topics()).cover(size) is None
    assert parse("Teapots", Topics(("Teapots",), exclusive=True)).cover(size) == (topic_key("Teapots"),)


PIECES = [
    "tea",
    "OR",
    "(",
    ")",
    "-",
    '"',
    "#t",
    "@u",
    "$C",
    "from:ann",
    "is:reply",
    "lang:en",
    "🔥",
    "最高",
    ":",
    "~2",
    '"a_b"',
    "",
]


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join)))
def test_any_text_is_a_query_or_a_query_error(query: str) -> None:
    doc = Document(make_post("tea 🔥 #t"), ("tea", "t"), fold=True)
    for stream in (False, True):
        with contextlib.suppress(QueryError):
            node = parse(query, Topics(("Salt and Silver", "#t")), stream=stream)
            node.matches(doc)
            node.cover(len)
