"""One text preparation for labelling, training, scoring and serving.

Three readings of the same tweet: what the model sees (``prepare``), what people see (``clean``) and what two
copies of one message have in common (``fingerprints``). A change to ``prepare`` needs a new ``TEXT_VERSION``
and a new model, because a model only understands the text it was trained on.
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache
from hashlib import blake2b
from struct import Struct

TEXT_VERSION = 1

STORED_LIMIT = 25_000  # characters; X's longest post
MODEL_LIMIT = 1_000  # characters; 128 word pieces of ordinary text end well before
_RAW_LIMIT = 4 * STORED_LIMIT  # an entity is longer than what it stands for

_UNSAFE = re.compile("[\x00\ud800-\udfff]")
_URL = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_MENTION = re.compile(r"(?<![\w.])@\w+")
_LONG = re.compile(r"(.)\1{3,}")
_HASHTAG = re.compile(r"#(\w+)")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[0-9])(?=[A-Za-z])|_")
_QUOTES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "`": "'"})
# Arrows to dingbats, enclosed signs, and the planes where emoji live; joined runs are read sign by sign.
_SIGNS = re.compile(
    "[\u2190-\u2bff\u3030\u303d\u3297\u3299\u200d\ufe0e\ufe0f\U0001f000-\U0001faff\U000e0020-\U000e007f]+"
)

# What the commonest signs say, in words that labelled tweets also use; the rest go by their Unicode name.
_SPOKEN = {
    "smile": "🙂😊☺😀😃😄😁😆😸😺🤗",
    "haha": "😂🤣😹",
    "love": "😍🥰😘😻💕💖💗💘💝💞💓😚💑",
    "heart": "❤💙💚💛💜🧡🖤🤍🤎♥",
    "broken heart": "💔",
    "wink": "😉😜😝😛🤪",
    "sad": "😢😞😔☹🙁😟😥😿🥺😓😪😩😫😖😣",
    "crying": "😭",
    "angry": "😡😠🤬👿😤",
    "disgusting": "🤢🤮💩",
    "annoyed": "🙄😒😑😐",
    "shocked": "😱😨😰😳😮😲",
    "cool": "😎",
    "thinking": "🤔",
    "great": "👍💯👌🔥",
    "bad": "👎",
    "congratulations": "🎉🎊🥳👏🙌🏆",
    "thank you": "🙏",
    "clown": "🤡",
}
_WORDS = {sign: word for word, signs in _SPOKEN.items() for sign in signs}
_SILENT = (
    "emoji modifier",
    "variation selector",
    "regional indicator",
    "zero width",
    "tag ",
    "box ",
    "cancel tag",
)
_EMOTICONS = (
    (re.compile(r"(?<!\w)(?:[:=]['’]?-?[)\]D]+|\(:|\^_*\^|x[dD]+)(?!\w)"), " smile "),
    (re.compile(r"(?<!\w);-?[)\]D]+|(?<!\w)[:;]-?[pP](?!\w)"), " wink "),
    (re.compile(r"(?<!\w)[:=]['’]?-?[(\[]+|(?<!\w)\)[:=](?!\w)|(?<!\w):-?/(?!/)|(?<!\w)D:(?!\w)"), " sad "),
    (re.compile(r"</3+"), " broken heart "),
    (re.compile(r"(?:<|&lt;)3+"), " heart "),
)

_MIN_WORDS = 4  # "so true" must not make one cluster of a thousand people
_MIN_UNSPACED = 16  # letters, for scripts that put no space between words
_LONG_WORD = 6  # letters; the words that say what a message is about
_MIN_LONG_WORDS = 5
_MAX_LONG_WORDS = 8
# Of UTF-8: ASCII letters in lower case, what is not ASCII as it is, all else a space.
_FOLD = bytes(c if c > 127 else ord(chr(c).lower()) if chr(c).isalpha() else 32 for c in range(256))  # noqa: PLR2004
_LINK = re.compile(r"http\S+")
_ADDRESSED = re.compile(r"@\S*")
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_SIGNED = Struct(">q")
_APOSTROPHES = re.compile("['’‘`]")


def prepare(text: str) -> str:
    """What the model reads: one line of at most ``MODEL_LIMIT`` characters.

    Links become ``http``, mentions ``@user``, emoji and emoticons words, hashtags their words; whitespace,
    quotation marks and drawn-out letters are folded. Any string will do, lone surrogates and NUL included.
    """
    text = _UNSAFE.sub(" ", text[: 4 * MODEL_LIMIT])
    if "&" in text:
        text = html.unescape(text)
    text = _URL.sub(" http ", text)
    text = _MENTION.sub("@user", text)
    for pattern, word in _EMOTICONS:
        text = pattern.sub(word, text)
    if not text.isascii():
        # Signs first: NFKC would turn some of them, such as an enclosed letter, into bare letters.
        text = unicodedata.normalize("NFKC", _SIGNS.sub(_speak, text).translate(_QUOTES))
    if "#" in text:
        text = _HASHTAG.sub(_open_hashtag, text)
    text = _LONG.sub(r"\1\1\1", text)
    return " ".join(text.split())[:MODEL_LIMIT].rstrip()


def clean(text: str) -> str:
    """What is stored and shown: unescaped once, storable in PostgreSQL, at most ``STORED_LIMIT`` characters.

    NUL and lone surrogates become U+FFFD; line breaks stay.
    """
    text = text[:_RAW_LIMIT]
    if "&" in text:
        text = html.unescape(text)
    if "\x00" in text or not text.isascii():
        text = _UNSAFE.sub("\ufffd", text)
    return text.strip()[:STORED_LIMIT]


def fingerprints(text: str) -> tuple[int, ...]:
    """Signed 64-bit keys; two texts that share one are copies of one message.

    The first key hashes every word, the second the longest distinct words (five to eight of them, or there is
    no second key), which survive a small edit. Case, links, mentions, a leading ``RT``, digits, punctuation
    and emoji count for nothing. Short texts have no key: many people write the same three words on their own.
    """
    if "http" in text:
        text = _LINK.sub(" ", text)
    if "@" in text:
        text = _ADDRESSED.sub(" ", text)
    if not text.isascii():
        text = _FOREIGN.sub(_fold_foreign, text)
    words = text.encode().translate(_FOLD, b"'`").split()
    if words and words[0] == b"rt":
        del words[0]
    joined = b" ".join(words)
    if len(words) < _MIN_WORDS:
        unspaced = not joined.isascii() and len(joined.decode()) >= _MIN_UNSPACED
        return (_key(joined),) if unspaced else ()
    long_words = sorted({word for word in words if len(word) >= _LONG_WORD})
    if len(long_words) < _MIN_LONG_WORDS:
        return (_key(joined),)
    if len(long_words) > _MAX_LONG_WORDS:
        long_words = sorted(long_words, key=len)[-_MAX_LONG_WORDS:]
    # A line feed is in no word list: the two kinds of key cannot be mistaken for each other.
    return _key(joined), _key(b"\n".join(long_words))


def _fold_foreign(match: re.Match[str]) -> str:
    return _letters(match.group())


@lru_cache(maxsize=4096)
def _letters(run: str) -> str:
    """Letters of a run without ASCII, in lower case; a space for each other character.

    Kept, because most runs are one of a few emoji, dashes or accented letters.
    """
    run = _APOSTROPHES.sub("", run.lower())
    return "".join([c if c.isalnum() and not c.isdecimal() else " " for c in run])


def _key(data: bytes) -> int:
    key: int = _SIGNED.unpack(blake2b(data, digest_size=8).digest())[0]
    return key


@lru_cache(maxsize=4096)
def _spoken(sign: str) -> str:
    if sign in _WORDS:
        return _WORDS[sign]
    name = unicodedata.name(sign, "").lower()
    # Skin tones, variation selectors, flags' letters and box drawing carry no opinion.
    return "" if name.startswith(_SILENT) else name.replace("-", " ")


def _speak(match: re.Match[str]) -> str:
    words = dict.fromkeys(_spoken(sign) for sign in match.group())
    return f" {' '.join(words)} "


def _open_hashtag(match: re.Match[str]) -> str:
    return "# " + _CAMEL.sub(" ", match.group(1))
