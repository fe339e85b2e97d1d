"""Feed (a): a crowd that talks about stories, in one deterministic sequence of events."""

from __future__ import annotations

import heapq
import html
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from trendvane.domain.errors import ConfigurationError
from trendvane.emulator.post import Deletion, Event, IdMint, Kind, Post
from trendvane.emulator.synthetic.composer import Composer, Draft
from trendvane.emulator.synthetic.grammar import chance
from trendvane.emulator.synthetic.people import Crowd, Person
from trendvane.emulator.synthetic.story import Moment, Story, common, languages, stories

if TYPE_CHECKING:
    from trendvane.emulator.config import EmulatorConfig

# Shares of what is published; the rest is people's own words.
_RETWEET, _COPY, _QUOTE, _REPLY = 0.16, 0.04, 0.05, 0.10
_SPAM_BURST = 0.003  # starts of bursts per tweet; a burst is about ten posts
_EDITED, _DELETED = 0.012, 0.012
_RETWEET_CUT = 140
_RECENT = 80

Action = Callable[[int], Event | None]


class SyntheticFeed:
    """Invents tweets. The sequence depends on seed, start and rates alone, not on when it is asked.

    Args:
        config: Seed, rates, history and choice of topics.
        start_ms: Virtual time at which history ends and live begins.

    Raises:
        ConfigurationError: A topic name that no story has.
    """

    exclusive = False

    def __init__(self, config: EmulatorConfig, start_ms: int) -> None:
        self._stories = _chosen(config.topics)
        self.topics: tuple[str, ...] = tuple(story.name for story in self._stories)
        self._config = config
        self._start_ms = start_ms
        self._rng = random.Random(f"feed-{config.seed}")
        self._composer = Composer(common(), languages(), self._rng)
        self._crowd = Crowd(config.seed, start_ms)
        self._mint = IdMint()
        self._recent = {story.name: deque[Post](maxlen=_RECENT) for story in self._stories}
        self._pending: list[tuple[int, int, Action]] = []
        self._queued = 0
        self._unit = _mean_volume(self._stories)
        self._ceiling = sum(s.weight * s.peak for s in self._stories) / self._unit
        self._next_ms = float(start_ms - config.history_hours * 3_600_000)
        self._second = (-1, [0.0])
        self._step()

    def until(self, now_ms: int) -> Iterator[Event]:
        """Events that are due, in order of time."""
        while True:
            if self._pending and self._pending[0][0] <= min(self._next_ms, now_ms):
                at_ms, _, action = heapq.heappop(self._pending)
                event = action(at_ms)
            elif self._next_ms <= now_ms:
                at_ms = int(self._next_ms)
                event = self._arrival(at_ms)
                self._step()
            else:
                return
            if event is not None:
                yield event

    def _rate(self, at_ms: float) -> float:
        return self._config.rate if at_ms >= self._start_ms else self._config.history_rate

    def _step(self) -> None:
        # Thinning: candidates at the highest possible rate, kept in proportion to the present one.
        while True:
            rate = max(self._rate(self._next_ms) * self._ceiling, 1e-9)
            self._next_ms += self._rng.expovariate(rate) * 1000
            if self._rng.random() * self._ceiling <= sum(self._volumes(self._next_ms)):
                return

    def _volumes(self, at_ms: float) -> list[float]:
        second = int(at_ms) // 1000
        if self._second[0] != second:
            minute = (second * 1000 - self._start_ms) / 60_000
            self._second = (second, [s.weight * s.at(minute).volume / self._unit for s in self._stories])
        return self._second[1]

    def _arrival(self, at_ms: int) -> Event | None:
        rng = self._rng
        volumes = self._volumes(at_ms)
        story = rng.choices(self._stories, volumes if any(volumes) else None)[0]
        moment = story.at((at_ms - self._start_ms) / 60_000)
        recent = self._recent[story.name]
        roll = rng.random()
        if chance(rng, _SPAM_BURST):
            self._burst(story, at_ms)
        if recent and roll < _RETWEET:
            return self._retweet(story, at_ms)
        if recent and roll < _RETWEET + _COPY:
            return self._copy(story, at_ms)
        return self._own(story, moment, at_ms)

    def _own(self, story: Story, moment: Moment, at_ms: int) -> Post:
        rng, recent = self._rng, self._recent[story.name]
        person = self._crowd.pick(rng)
        roll = rng.random()
        target = rng.choice(recent) if recent else None
        if target is not None and roll < _QUOTE:
            address = f"https://x.com/{target.author.username}/status/{target.id}"
            post = self._post(story, person, self._composer.quote(story, moment, address), at_ms)
            post = replace(post, refs=(("quoted", target.id),))
        else:
            draft = self._composer.organic(story, moment, person)
            post = self._post(story, person, draft, at_ms)
            if (
                target is not None
                and roll < _QUOTE + _REPLY
                and not post.note
                and target.author != person.user
            ):
                post = _as_reply(post, target)
        recent.append(post)
        self._fate(post, at_ms)
        return post

    def _post(
        self, story: Story, person: Person, draft: Draft, at_ms: int, kind: Kind = Kind.ORGANIC
    ) -> Post:
        post_id = self._mint.mint(at_ms, self._rng.getrandbits(22))
        reach = 1 + person.user.followers**0.35
        return Post(
            id=post_id,
            author=person.user,
            text=draft.text,
            lang=draft.lang,
            topics=(story.name,),
            kind=kind,
            label=draft.label,
            urls=draft.urls,
            history=(post_id,),
            note=draft.note,
            heat=min((self._rng.paretovariate(1.2) - 1) * reach / 4, 90_000.0),
        )

    def _fate(self, post: Post, at_ms: int) -> None:
        rng = self._rng
        if chance(rng, _EDITED) and not post.note:
            self._later(at_ms + rng.randrange(20_000, 900_000), lambda at: self._edit(post, at))
        if chance(rng, _DELETED):
            self._later(at_ms + rng.randrange(45_000, 3_600_000), lambda at: Deletion(at, post.id))

    def _later(self, at_ms: int, action: Action) -> None:
        self._queued += 1
        heapq.heappush(self._pending, (at_ms, self._queued, action))

    def _edit(self, post: Post, at_ms: int) -> Post:
        new_id = self._mint.mint(at_ms, self._rng.getrandbits(22))
        text = post.text + self._rng.choice((".", " 😅", " edit: typo", " (sorry, typo)", " !"))
        return replace(
            post, id=new_id, text=text, kind=Kind.EDIT, history=(*post.history, new_id), conversation=post.id
        )

    def _retweet(self, story: Story, at_ms: int) -> Post:
        original = self._rng.choice(self._recent[story.name])
        person = self._crowd.pick(self._rng)
        body = f"RT @{original.author.username}: {html.unescape(original.note or original.text)}"
        body = body if len(body) <= _RETWEET_CUT else body[: _RETWEET_CUT - 1] + "…"
        draft = Draft(html.escape(body, quote=False), original.lang, original.label or 0, original.urls)
        post = self._post(story, person, draft, at_ms, Kind.RETWEET)
        return replace(post, label=original.label, refs=(("retweeted", original.id),), heat=0.0)

    def _copy(self, story: Story, at_ms: int) -> Post:
        source = self._rng.choice(self._recent[story.name])
        text = self._composer.copied(source.text)
        draft = Draft(text, source.lang, source.label or 0, source.urls, source.note)
        post = self._post(story, self._crowd.pick(self._rng), draft, at_ms, Kind.COPY)
        self._fate(post, at_ms)
        return replace(post, label=source.label)

    def _burst(self, story: Story, at_ms: int) -> None:
        rng = self._rng
        accounts = [self._crowd.pick(rng) for _ in range(3)]
        draft = self._composer.spam(story)
        for _ in range(rng.randint(5, 14)):
            # Mostly one text over and over, sometimes a fresh one.
            text = draft if chance(rng, 0.7) else self._composer.spam(story)
            self._later(at_ms + rng.randrange(1_000, 90_000), self._spam(story, rng.choice(accounts), text))

    def _spam(self, story: Story, person: Person, draft: Draft) -> Action:
        def publish(at_ms: int) -> Post:
            post = self._post(story, person, draft, at_ms, Kind.SPAM)
            if chance(self._rng, 0.3):
                gone = at_ms + self._rng.randrange(60_000, 1_800_000)
                self._later(gone, lambda at: Deletion(at, post.id, "suspended"))
            return post

        return publish


def _chosen(names: tuple[str, ...]) -> tuple[Story, ...]:
    known = {story.name.casefold(): story for story in stories()}
    unknown = [name for name in names if name.casefold() not in known]
    if unknown:
        listing = ", ".join(story.name for story in known.values())
        raise ConfigurationError(
            f"There is no story about {', '.join(unknown)}.", remedy=f"Choose from: {listing}."
        )
    return tuple(known[name.casefold()] for name in names) if names else tuple(known.values())


def _mean_volume(chosen: tuple[Story, ...]) -> float:
    # Over the live part, so that ``rate`` is what a long demo sees on average.
    total = 0.0
    for story in chosen:
        minutes = int(story.moments[-1].at_min)
        total += story.weight * sum(story.at(m).volume for m in range(minutes)) / minutes
    return total


def _as_reply(post: Post, target: Post) -> Post:
    text = f"@{target.author.username} {post.text}"
    conversation = target.conversation or target.id
    return replace(
        post,
        text=text,
        refs=(("replied_to", target.id),),
        reply_to=target.author.id,
        conversation=conversation,
    )
