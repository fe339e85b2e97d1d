import pytest
from hypothesis import given
from hypothesis import strategies as st

from trendvane.domain.text import MODEL_LIMIT, STORED_LIMIT, clean, fingerprints, prepare

# Anything a JSON string can hold: lone surrogates and NUL too.
ANYTHING = st.text(st.characters(), max_size=300)
WORDS = st.lists(st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=12), min_size=4, max_size=30)


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("Tom &amp; Jerry", "Tom & Jerry"),
        ("see https://t.co/Ab1 now", "see http now"),
        ("see WWW.example.org", "see http"),
        ("hi @Some_One!", "hi @user!"),
        ("mail me at me@example.org", "mail me at me@example.org"),
        ("a\n\n b\tc", "a b c"),
        ("nul\x00and\ud83dlone", "nul and lone"),
        ("#TeamUSA won in 2016", "# Team USA won in 2016"),
        ("noooooo", "nooo"),
        ("you’re “great”", 'you\'re "great"'),
        ("𝐁𝐨𝐥𝐝", "Bold"),
        ("", ""),
    ],
)
def test_prepares(raw, read):
    assert prepare(raw) == read


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("😂😂😂", "haha"),
        ("I ❤️ it 👍🏽", "I heart it great"),
        ("🦖", "t rex"),
        ("fine :)", "fine smile"),
        ("well :-(", "well sad"),
        ("ok ;) <3 </3", "ok wink heart broken heart"),
        ("10:30 at http://a.b/c:)", "10:30 at http"),
        ("🇺🇸", ""),
    ],
)
def test_speaks_signs(raw, read):
    assert prepare(raw) == read


@given(ANYTHING)
def test_any_string_can_be_prepared(text):
    read = prepare(text)
    read.encode()
    assert "\x00" not in read
    assert len(read) <= MODEL_LIMIT
    assert read == " ".join(read.split())


def test_the_longest_input_stays_small():
    assert len(prepare("ab " * 1_000_000)) <= MODEL_LIMIT
    assert len(prepare("\ufdfa" * 100_000)) <= MODEL_LIMIT  # one sign that NFKC makes eighteen
    assert len(clean("&amp;" * 1_000_000)) <= STORED_LIMIT


@given(ANYTHING)
def test_whatever_is_stored_fits_the_database(text):
    stored = clean(text)
    stored.encode()
    assert "\x00" not in stored
    assert len(stored) <= STORED_LIMIT


def test_cleaning_keeps_what_people_read():
    assert clean(" one\ntwo &lt;3 \ud83d\x00") == "one\ntwo <3 \ufffd\ufffd"


@given(ANYTHING)
def test_fingerprints_are_few_signed_and_stable(text):
    keys = fingerprints(text)
    assert keys == fingerprints(text)
    assert len(keys) <= 2
    assert all(-(2**63) <= key < 2**63 for key in keys)


@given(WORDS)
def test_copies_share_their_keys(words):
    text = "x" + " ".join(words)
    keys = fingerprints(text)
    for copy in (
        f"RT @someone: {text}",
        f"{text.upper()}!!! https://t.co/abc",
        f".@news {text} 😂😂",
        text.replace(" ", " \n 7 "),
    ):
        assert fingerprints(copy) == keys


@pytest.mark.parametrize(
    "text", ["", "lol", "so true", "so so true 😂😂", "@a @b @c @d https://a.b", "1 2 3 4 5"]
)
def test_short_texts_never_cluster(text):
    assert fingerprints(text) == ()


def test_a_small_edit_keeps_one_key():
    one = "The ministry published yesterday evening the complete electricity regulations for a winter"
    other = "Ministry published yesterday evening the complete electricity regulations for this winter"
    assert set(fingerprints(one)) & set(fingerprints(other))


def test_different_messages_share_nothing():
    texts = [
        "I love how this team plays tonight",
        "I hate how this team plays tonight",
        "Tickets for the concert in Leeds are sold out again",
        "Nobody told us that the concert in Leeds was cancelled",
    ]
    keys = [key for text in texts for key in fingerprints(text)]
    assert len(keys) == len(set(keys))


def test_scripts_without_spaces_have_a_key():
    text = "これはとても長い日本語の文章で空白がありません"
    assert len(fingerprints(text)) == 1
    assert fingerprints(text) == fingerprints(text + " 😂 https://t.co/x")


def test_keys_do_not_depend_on_the_process():
    # blake2b, not hash(): a key is stored and compared for years.
    assert fingerprints("the quick brown fox jumps") == (fingerprints("THE QUICK, BROWN FOX JUMPS.")[0],)
    assert fingerprints("the quick brown fox jumps") == (-7413287084136464255,)
