"""Which labelled tweets are kept for judging models, and are trained on by none.

The rule looks at the wording alone, so that every machine, every file and every model agree on it without
having to share a list: a model that was shipped last year has not seen this year's test rows either.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple

from trendvane.domain.text import fingerprints, prepare

ONE_IN = 20
_HALF = 1 << 63


def held_out(text: str) -> bool:
    """Whether a tweet of this wording belongs to the one twentieth that only ever judges.

    Copies of one message share their first fingerprint and so fall on one side. A copy that was edited has
    another one: whoever trains must also drop the rows that share any fingerprint with a row kept here.
    """
    return wording(text).held_out


class Wording(NamedTuple):
    """What is looked at when rows are kept apart.

    Attributes:
        keys: Signed 64-bit keys, at least one; two texts that share one are copies of one message.
        held_out: See ``held_out``.
    """

    keys: tuple[int, ...]
    held_out: bool


def wording(text: str) -> Wording:
    """The fingerprints of a text, or one key of the very words where it is too short to have any."""
    keys = fingerprints(text)
    if keys:
        return Wording(keys, keys[0] % ONE_IN == 0)
    short = _short(text)
    return Wording((short - _HALF,), short % ONE_IN == 0)


def _short(text: str) -> int:
    """A key for texts too short to have a fingerprint: the very words, as the model reads them."""
    words = " ".join(prepare(text).casefold().split())
    return int.from_bytes(blake2b(words.encode(), digest_size=8).digest())
