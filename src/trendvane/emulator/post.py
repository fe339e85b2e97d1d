"""What the feeds publish: posts, their authors, and deletions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from trendvane.domain import snowflake

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Kind(StrEnum):
    """How a post came to be; only ``ORGANIC`` counts as one person's own words."""

    ORGANIC = "organic"
    RETWEET = "retweet"
    COPY = "copy"
    SPAM = "spam"
    EDIT = "edit"


@dataclass(frozen=True, slots=True)
class User:
    """An account. ``id`` may be old and short or a snowflake, as on X."""

    id: int
    username: str
    name: str
    created_ms: int
    followers: int
    verified: bool


@dataclass(frozen=True, slots=True)
class Post:
    """One version of one tweet.

    Attributes:
        id: Snowflake on the virtual clock.
        text: As on the wire: HTML-escaped, cut near 280 characters when ``note`` holds more.
        topics: Topics it belongs to, whether or not the text names them.
        label: True ``Sentiment`` value, None when nobody knows.
        urls: Pairs of t.co address and expanded address, in order of appearance.
        refs: Pairs of reference type (``retweeted``, ``quoted``, ``replied_to``) and id.
        history: Ids of the edit chain, oldest first, ending with this post.
        note: Full text when longer than ``text``, else empty. HTML-escaped too.
        reply_to: Author id of the post answered.
        heat: How popular it will become, in likes.
        original_id: Id in the replayed file; never shown under ``/2``.
    """

    id: int
    author: User
    text: str
    lang: str
    topics: tuple[str, ...]
    kind: Kind
    label: int | None
    urls: tuple[tuple[str, str], ...] = ()
    refs: tuple[tuple[str, int], ...] = ()
    history: tuple[int, ...] = ()
    note: str = ""
    reply_to: int | None = None
    conversation: int | None = None
    heat: float = 0.0
    original_id: int | None = None

    @property
    def created_ms(self) -> int:
        """Unix milliseconds of publication."""
        return snowflake.to_ms(self.id)

    def ref(self, kind: str) -> int | None:
        """Id this post refers to in that way, if any."""
        return next((target for name, target in self.refs if name == kind), None)


@dataclass(frozen=True, slots=True)
class Deletion:
    """From ``at_ms`` on, the whole edit chain of ``post_id`` is gone."""

    at_ms: int
    post_id: int
    reason: str = "deleted"


Event = Post | Deletion


class Feed(Protocol):
    """The one seam of the emulator: tweets are invented or replayed behind it."""

    @property
    def topics(self) -> Sequence[str]:
        """Names, as they appear among the trends."""
        ...

    @property
    def exclusive(self) -> bool:
        """Whether a search for a topic's name finds the topic's posts only, even if other texts name it."""
        ...

    def until(self, now_ms: int) -> Iterator[Event]:
        """Events not yet handed out whose time is at most ``now_ms``, in order of time."""
        ...


class IdMint:
    """Snowflakes that strictly grow, whatever the millisecond."""

    def __init__(self) -> None:
        self._last = 0

    def mint(self, unix_ms: int, low_bits: int) -> int:
        """Id made at ``unix_ms``; ``low_bits`` stands for X's worker and sequence (22 bits)."""
        self._last = max(self._last + 1, snowflake.floor(unix_ms) | (low_bits & 0x3FFFFF))
        return self._last
