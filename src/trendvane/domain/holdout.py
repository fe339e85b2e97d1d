"""Which labelled tweets are kept for judging models, and are trained on by none.

The rule looks at the wording alone, so that every machine, every file and every model agree on it without
having to share a list: a model that was shipped last year has not seen this year's test rows either.
"""

from __future__ import annotations

from hashlib import blake2b

from trendvane.domain.text import fingerprints, prepare

ONE_IN = 20


def held_out(text: str) -> bool:
    """Whether a tweet of this wording belongs to the one twentieth that only ever judges.

    Copies of one message share their first fingerprint and so fall on one side. A copy that was edited has
    another one: whoever trains must also drop the rows that share any fingerprint with a row kept here.
    """
    keys = fingerprints(text)
    return (keys[0] if keys else _short(text)) % ONE_IN == 0


def _short(text: str) -> int:
    """A key for texts too short to have a fingerprint: the very words, as the model reads them."""
    words = " ".join(prepare(text).casefold().split())
    return int.from_bytes(blake2b(words.encode(), digest_size=8).digest())
