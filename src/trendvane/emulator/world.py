"""Everything the handlers share: one clock, one feed, one index, one bill."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trendvane.domain import snowflake
from trendvane.emulator import words as read
from trendvane.emulator.clock import VirtualClock
from trendvane.emulator.compliance import Jobs
from trendvane.emulator.faults import FaultScript
from trendvane.emulator.hub import Hub
from trendvane.emulator.index import Index
from trendvane.emulator.ledger import Ledger
from trendvane.emulator.limits import RateLimiter
from trendvane.emulator.oracle import Oracle
from trendvane.emulator.post import Deletion, Feed, Post
from trendvane.emulator.query.nodes import Document
from trendvane.emulator.query.parser import Topics
from trendvane.emulator.replay import ReplayFeed
from trendvane.emulator.rules import RuleBook
from trendvane.emulator.synthetic.feed import SyntheticFeed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trendvane.emulator.config import EmulatorConfig
    from trendvane.emulator.params import Params
    from trendvane.emulator.render import View


@dataclass(frozen=True, slots=True)
class Call:
    """One request, already authenticated."""

    params: Params
    path: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    user_context: bool = False
    base_url: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """A handler's answer and what it bills."""

    payload: dict[str, Any]
    posts: tuple[int, ...] = ()
    users: tuple[int, ...] = ()
    flat_usd: float = 0.0


class World:
    """The emulated X.

    Args:
        config: What was asked for.
        wall: Unix seconds, as ``time.time``.

    Raises:
        ConfigurationError: The replay file or a topic name is wrong.
    """

    def __init__(self, config: EmulatorConfig, wall: Callable[[], float]) -> None:
        self.config = config
        self.clock = VirtualClock(config.start_ms, config.speed, wall, config.wall_start)
        self.feed: Feed = _feed(config, self.clock.start_ms)
        self.topics = Topics(tuple(self.feed.topics), exclusive=self.feed.exclusive)
        self.index = Index(config.max_posts)
        self.oracle = Oracle()
        self.rules = RuleBook(self.topics)
        self.hub = Hub(config.stream_connections, config.seed)
        self.ledger = Ledger(config.credits_usd, config.post_cap, self.clock.now_ms)
        self.limiter = RateLimiter(config.rate_limit_factor, wall)
        self.faults = FaultScript(config.faults, config.seed)
        self.jobs = Jobs(config.compliance_delay_s)
        self.rng = random.Random(f"spoil-{config.seed}")
        self.advance()

    def advance(self) -> None:
        """Publish whatever is due by now."""
        for event in self.feed.until(self.clock.now_ms()):
            if isinstance(event, Deletion):
                self.index.delete(event)
                continue
            self.index.add(event)
            self.oracle.add(event)
            if len(self.hub):
                self._stream(event)

    def elapsed_s(self) -> float:
        """Virtual seconds since the start."""
        return (self.clock.now_ms() - self.clock.start_ms) / 1000

    def visible_until(self) -> int:
        """Ids from here on are too young for search and counts."""
        return snowflake.floor(self.clock.now_ms() - round(self.config.index_lag_s * 1000))

    def _stream(self, post: Post) -> None:
        doc = self._stream_document(post)
        rules = self.rules.matching(doc)
        if not rules:
            return
        matching = [{"id": str(r.id)} | ({"tag": r.tag} if r.tag else {}) for r in rules]
        now = self.clock.now_ms()
        for connection in self.hub.active():
            payload: dict[str, Any] = {"data": connection.view.post(post, now)}
            includes = self.includes(connection.view, [post])[0]
            if includes:
                payload["includes"] = includes
            self.hub.offer(connection, payload | {"matching_rules": matching}, now)

    def _stream_document(self, post: Post) -> Document:
        quoted = self.index.get(post.ref("quoted") or 0)
        parent = self.index.get(post.ref("retweeted") or 0)
        return Document(
            post,
            read.words(post.note or post.text, fold=False),
            fold=False,
            quoted=read.words(quoted.note or quoted.text, fold=False) if quoted else (),
            parent_author=parent.author.username.casefold() if parent else "",
        )

    def includes(
        self, view: View, posts: list[Post]
    ) -> tuple[dict[str, Any], list[Post], list[int], list[int]]:
        """Expanded objects: JSON, referenced posts, user ids, and referenced ids that are gone."""
        found: dict[int, Post] = {}
        users: dict[int, dict[str, Any]] = {}
        gone: list[int] = []
        if view.dialect.references in view.expansions:
            for target in dict.fromkeys(target for post in posts for _, target in post.refs):
                original = self.index.get(target)
                if original is None:
                    gone.append(target)
                else:
                    found[target] = original
        authors = posts if "author_id" in view.expansions else []
        if "referenced_tweets.id.author_id" in view.expansions:
            authors = [*authors, *found.values()]
        for post in authors:
            users.setdefault(post.author.id, view.user(post.author))
        now = self.clock.now_ms()
        out: dict[str, Any] = {}
        if users:
            out["users"] = list(users.values())
        if found:
            out[view.dialect.posts] = [view.post(post, now) for post in found.values()]
        return out, list(found.values()), list(users), gone


def _feed(config: EmulatorConfig, start_ms: int) -> Feed:
    if config.replay is not None:
        return ReplayFeed(config.replay, start_ms, config.seed)
    return SyntheticFeed(config, start_ms)
