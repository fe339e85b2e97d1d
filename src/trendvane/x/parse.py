"""What X answered, read with tolerance: as many tweets as can be had, and a reason for each that cannot.

Pure: bytes in, values out. Nothing here raises; a body that is not JSON is one bad row of the page as a
    whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from trendvane.domain.tweet import BadRow, Tweet
from trendvane.x import rows, salvage

_MAX_NAME = 280


@dataclass(frozen=True, slots=True)
class PartialError:
    """Something X could not give although the request succeeded.

    Attributes:
        kind: Last segment of the problem's type, such as ``resource-not-found``.
        resource_id: What it is about, as X wrote it.
    """

    kind: str
    resource_id: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page of tweets.

    Attributes:
        tweets: In the order of the page.
        bad: Rows, or the page, that could not be read.
        newest_id: ``meta.newest_id``, or the largest id read when ``meta`` lacks it; None on an empty page.
        oldest_id: The same for the smallest.
        next_token: Opaque; None on the last page.
        result_count: ``meta.result_count``; None when absent.
        errors: What came beside the data.
        complete: Whether the body was one whole JSON document with ``data`` or ``meta``: only then is it
            known that nothing is missing.
        billable_posts: Every tweet object in the page by id, included ones too.
        billable_users: Every user object in the page by id.
    """

    tweets: list[Tweet] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)
    newest_id: int | None = None
    oldest_id: int | None = None
    next_token: str | None = None
    result_count: int | None = None
    errors: tuple[PartialError, ...] = ()
    complete: bool = False
    billable_posts: frozenset[int] = frozenset()
    billable_users: frozenset[str] = frozenset()

    @property
    def ids(self) -> set[int]:
        """Ids of ``data``, those of rows that could not be used included."""
        return {tweet.tweet_id for tweet in self.tweets} | {
            b.tweet_id for b in self.bad if b.tweet_id is not None
        }


def read_page(body: bytes, endpoint: str = "search") -> Page:
    """Read a body.

    Args:
        body: As received.
        endpoint: ``search`` for a page or a lookup; ``stream`` for one JSON document a line.
    """
    if endpoint == "stream":
        return _merge([_read(line) for line in body.split(b"\n") if line.strip()])
    return _read(body)


def read_trends(document: Any) -> list[str]:
    """Names of trends in their order, from either trends endpoint; entries without a name are left out."""
    data = document.get("data") if isinstance(document, dict) else None
    names = [e.get("trend_name") for e in data if isinstance(e, dict)] if isinstance(data, list) else []
    plain = [rows.storable(" ".join(name.split())) for name in names if isinstance(name, str)]
    return [name for name in plain if 0 < len(name) <= _MAX_NAME]


def read_counts(document: Any) -> int | None:
    """Total of a counts reply, in either dialect; None when there is none."""
    meta = document.get("meta") if isinstance(document, dict) else None
    if not isinstance(meta, dict):
        return None
    total = meta.get("total_tweet_count", meta.get("total_post_count"))
    return _count(total)


def _read(body: bytes) -> Page:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _salvage(body)
    return _page(document, complete=True)


def _page(document: Any, *, complete: bool) -> Page:
    if type(document) is not dict:
        return Page(bad=[BadRow("not_an_object", rows.quote(document))])
    data = document.get("data")
    if type(data) is dict:
        data = [data]
    elif type(data) is not list:
        data, complete = ([], complete and data is None and type(document.get("meta")) is dict)
    included = rows.included_texts(document) if "includes" in document else {}
    tweets, bad = _rows(data, included)
    meta = document.get("meta")
    meta = meta if type(meta) is dict else {}
    ids = [tweet.tweet_id for tweet in tweets]
    token = meta.get("next_token")
    return Page(
        tweets,
        bad,
        rows.read_id(meta.get("newest_id")) or max(ids, default=None),
        rows.read_id(meta.get("oldest_id")) or min(ids, default=None),
        token if type(token) is str and token else None,
        _count(meta.get("result_count")),
        _errors(document.get("errors")),
        complete,
        frozenset(ids).union(included, (b.tweet_id for b in bad if b.tweet_id is not None)),
        _users(document.get("includes")),
    )


def _rows(data: list[Any], included: dict[int, str]) -> tuple[list[Tweet], list[BadRow]]:
    tweets: list[Tweet] = []
    bad: list[BadRow] = []
    read = rows.read_row
    for index, row in enumerate(data):
        result = read(row, index, included)
        if type(result) is Tweet:
            tweets.append(result)
        elif type(result) is BadRow:
            bad.append(result)
    return tweets, bad


def _salvage(body: bytes) -> Page:
    text = body.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    try:
        return _page(salvage.whole(text), complete=True)
    except ValueError:
        pieces = salvage.pieces(text)
    if pieces is None:
        return Page(bad=[BadRow("not_json", rows.quote(text))])
    found, meta = pieces
    bad = [
        BadRow("row_truncated" if row.cut else "row_not_json", rows.quote(row.text), None, index)
        for index, row in enumerate(found)
        if isinstance(row, salvage.Broken)
    ]
    broken = {row.index for row in bad}
    data = [None if isinstance(row, salvage.Broken) else row for row in found]
    page = _page({"data": data, "meta": meta}, complete=meta is not None)
    bad += [row for row in page.bad if row.index not in broken]
    if meta is None:
        bad.append(BadRow("page_truncated", f"{len(page.tweets)} rows could be read"))
    return replace(page, bad=bad)


def _merge(pages: list[Page]) -> Page:
    """One page out of several lines; positions count through all of them."""
    tweets = [tweet for page in pages for tweet in page.tweets]
    bad = [replace(row, index=line) for line, page in enumerate(pages) for row in page.bad]
    ids = [tweet.tweet_id for tweet in tweets]
    return Page(
        tweets,
        bad,
        max(ids, default=None),
        min(ids, default=None),
        errors=tuple(error for page in pages for error in page.errors),
        complete=bool(pages) and all(page.complete for page in pages),
        billable_posts=frozenset[int]().union(*(page.billable_posts for page in pages)),
        billable_users=frozenset[str]().union(*(page.billable_users for page in pages)),
    )


def _errors(value: Any) -> tuple[PartialError, ...]:
    if not value or type(value) is not list:
        return ()
    return tuple(
        PartialError(
            str(error.get("type", "")).rsplit("/", 1)[-1][:64], str(error.get("resource_id", ""))[:64]
        )
        for error in value
        if type(error) is dict
    )


def _users(includes: Any) -> frozenset[str]:
    users = includes.get("users") if type(includes) is dict else None
    if not users or type(users) is not list:
        return frozenset()
    return frozenset(str(user.get("id")) for user in users if type(user) is dict)


def _count(value: Any) -> int | None:
    """A count, which X writes as a number or as digits, depending on the version of its schema."""
    if type(value) is str and value.isdecimal() and value.isascii() and len(value) <= rows.ID_DIGITS:
        value = int(value)
    return value if type(value) is int and value >= 0 else None
