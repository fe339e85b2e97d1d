"""Take tweets out of raw pages, so that a replay of the lake brings nothing back.

Knows as little of X's format as it can: wherever a list holds an object with a forgotten ``id``, the object
goes; so does a retweet of it, which carries its text. What cannot be parsed cannot be cut, and is emptied
as a whole.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from trendvane.domain.page import RawPage

_NUMBERS = re.compile(rb"[0-9]+")
_REFERENCES = ("referenced_tweets", "referenced_posts")
_GONE = object()


def mentions(page: RawPage, ids: AbstractSet[bytes]) -> bool:
    """Whether one of ``ids`` (decimal digits) stands anywhere in the page. Fast; may be a false alarm."""
    return not ids.isdisjoint(_NUMBERS.findall(page.body))


def numbers(page: RawPage) -> set[int]:
    """Every number in the page that could be an id."""
    return {int(found) for found in _NUMBERS.findall(page.body) if 0 < len(found) <= 19}  # noqa: PLR2004


def erase(page: RawPage, ids: AbstractSet[bytes]) -> tuple[RawPage, set[int]]:
    """The page without the tweets ``ids``.

    Returns:
        The page (the same object when nothing had to go), and ids of retweets that went with their originals.
    """
    if not mentions(page, ids):
        return page, set()
    eraser = _Eraser({found.decode() for found in ids})
    if page.endpoint == "stream":
        lines = (eraser.document(line) for line in page.body.split(b"\n") if line.strip())
        body = b"\n".join(line for line in lines if line)
    else:
        body = eraser.document(page.body)
    if not eraser.changed:
        return page, set()
    return replace(page, body=body), eraser.companions


class _Eraser:
    def __init__(self, ids: AbstractSet[str]) -> None:
        self._ids = ids
        self.changed = False
        self.companions: set[int] = set()

    def document(self, body: bytes) -> bytes:
        try:
            kept = self._walk(orjson.loads(body))
        except orjson.JSONDecodeError:
            self.changed = True
            return b""
        return b"" if kept is _GONE else orjson.dumps(kept)

    def _walk(self, value: Any) -> Any:
        if isinstance(value, list):
            walked = [self._walk(item) for item in value]
            return [item for item in walked if item is not _GONE]
        if isinstance(value, dict):
            if self._must_go(value):
                self.changed = True
                return _GONE
            kept = {key: self._walk(item) for key, item in value.items() if not self._is_pointer(item)}
            return {key: item for key, item in kept.items() if item is not _GONE}
        return value

    def _must_go(self, row: dict[str, Any]) -> bool:
        # Tweets have a text; a reference to a tweet has a type and must stay with the tweet that quotes it.
        if str(row.get("id")) in self._ids and "type" not in row:
            return True
        for name in _REFERENCES:
            references = row.get(name)
            for reference in references if isinstance(references, list) else ():
                if isinstance(reference, dict) and self._is_retweet(reference):
                    if str(row.get("id", "")).isdecimal():
                        self.companions.add(int(row["id"]))
                    return True
        return False

    def _is_retweet(self, reference: dict[str, Any]) -> bool:
        return reference.get("type") in {"retweeted", "reposted"} and str(reference.get("id")) in self._ids

    def _is_pointer(self, value: Any) -> bool:
        """``newest_id`` and the like: an id that is a plain value."""
        if isinstance(value, str) and value in self._ids:
            self.changed = True
            return True
        return False
