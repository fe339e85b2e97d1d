"""Story lines: how much people say about a topic and how they feel, minute by minute."""

from __future__ import annotations

import tomllib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

Lines = Mapping[str, Sequence[str]]
MOODS = ("negative", "neutral", "positive")


@dataclass(frozen=True, slots=True)
class Moment:
    """A keyframe; values between two are interpolated.

    Attributes:
        at_min: Minutes after the feed's start; negative is history.
        volume: Relative to the topic's usual volume of 1.
        mood: Shares of negative, neutral, positive; sums to 1.
        beat: What is happening: names extra lines people say just now, or empty.
    """

    at_min: float
    volume: float
    mood: tuple[float, float, float]
    beat: str


@dataclass(frozen=True, slots=True)
class Story:
    """Everything the generator knows about one topic.

    Attributes:
        name: The trend's name.
        tag: Hashtag used in texts, with ``#``.
        handle: Account people address.
        site: Host of the links.
        weight: Share of the total volume, relative to other topics.
        slots: Words by slot name.
        lines: Core sentences by mood.
        beats: Extra core sentences by beat and mood.
        moments: The story line, in order of time.
    """

    name: str
    tag: str
    handle: str
    site: str
    weight: float
    slots: Lines
    lines: Lines
    beats: Mapping[str, Lines]
    moments: tuple[Moment, ...]

    def at(self, minute: float) -> Moment:
        """The story at a minute; after its end the live part starts over, so a demo never runs dry."""
        last = self.moments[-1].at_min
        if minute > last:
            minute %= last
        i = bisect_right([m.at_min for m in self.moments], minute)
        before, after = self.moments[max(i - 1, 0)], self.moments[min(i, len(self.moments) - 1)]
        span = after.at_min - before.at_min
        share = (minute - before.at_min) / span if span > 0 else 0.0
        negative, neutral, positive = (
            a + (b - a) * share for a, b in zip(before.mood, after.mood, strict=True)
        )
        volume = before.volume + (after.volume - before.volume) * share
        return Moment(minute, max(volume, 0.0), (negative, neutral, positive), before.beat)

    @property
    def peak(self) -> float:
        """Largest volume of the story."""
        return max(m.volume for m in self.moments)


def _story(raw: Mapping[str, Any]) -> Story:
    moments = tuple(
        Moment(float(at), float(volume), (neg / 100, (100 - neg - pos) / 100, pos / 100), beat)
        for at, volume, neg, pos, beat in raw["moments"]
    )
    return Story(
        name=raw["name"],
        tag=raw["tag"],
        handle=raw["handle"],
        site=raw["site"],
        weight=float(raw["weight"]),
        slots=raw["slots"],
        lines=raw["lines"],
        beats=raw.get("beats", {}),
        moments=moments,
    )


@cache
def _table(name: str) -> dict[str, Any]:
    folder = resources.files("trendvane.emulator.synthetic") / "texts"
    return tomllib.loads((folder / name).read_text(encoding="utf-8"))


def stories() -> tuple[Story, ...]:
    """All stories, in a fixed order."""
    folder = resources.files("trendvane.emulator.synthetic") / "texts"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.startswith("topic_"))
    return tuple(_story(_table(name)) for name in names)


def common() -> dict[str, Any]:
    """Openers, reactions, emoji and spam that fit any topic."""
    return _table("common.toml")


def languages() -> dict[str, Any]:
    """Sentences in other languages, by language and mood."""
    return _table("languages.toml")
