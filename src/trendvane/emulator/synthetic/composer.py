"""From a story, a mood and a person to the text of one tweet."""

from __future__ import annotations

import html
import string
import zlib
from collections import ChainMap, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trendvane.domain.text import fingerprints
from trendvane.emulator.synthetic.grammar import chance, expand, ways
from trendvane.emulator.synthetic.story import MOODS, Moment, Story
from trendvane.emulator.synthetic.voice import speak

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from trendvane.emulator.synthetic.people import Person

CUT = 280
_REMEMBERED = 60_000
_ATTEMPTS = 12
_MANY = 400  # ways to fill a line beyond which it needs no more weight
_LANGUAGES = (("en", 0.78), ("es", 0.07), ("ja", 0.05), ("pt", 0.04), ("fr", 0.03), ("de", 0.03))
_PATHS = ["live", "news", "watch", "update", "thread", "photos", "recap", "review", "explainer", "timeline"]
_BASE62 = string.ascii_letters + string.digits
# Words that keep their capital after an opener that ends with a comma.
_PROPER = ("I ", "I'", "VAR", "TicketPeak", "T ")


@dataclass(frozen=True, slots=True)
class Draft:
    """A text before it becomes a post. ``text`` is escaped; ``note`` holds the whole when it was too long."""

    text: str
    lang: str
    label: int
    urls: tuple[tuple[str, str], ...] = ()
    note: str = ""


class Composer:
    """Writes texts; refuses to write the same text twice about one topic.

    Args:
        common: Openers, reactions, emoji, spam.
        foreign: Sentences in other languages.
        rng: Shared with the feed, so that one seed decides everything.
    """

    def __init__(self, common: Mapping[str, Any], foreign: Mapping[str, Any], rng: random.Random) -> None:
        self._common = common
        self._foreign = foreign
        self._rng = rng
        self._seen: set[int] = set()
        self._capacities: dict[str, float] = {}
        self._order: deque[int] = deque()

    def organic(self, story: Story, moment: Moment, person: Person) -> Draft:
        """One person's own words."""
        lang = self._language()
        label = self._rng.choices(range(3), moment.mood)[0]
        for _ in range(_ATTEMPTS):
            draft = (
                self._english(story, moment, person, label)
                if lang == "en"
                else self._other(story, lang, label)
            )
            if self._is_new(draft):
                break
        return draft

    def quote(self, story: Story, moment: Moment, address: str) -> Draft:
        """A remark above somebody else's post."""
        label = self._rng.choices(range(3), moment.mood)[0]
        for _ in range(_ATTEMPTS):
            draft = self._remark(story, label, address)
            if self._is_new(draft):
                break
        return draft

    def _remark(self, story: Story, label: int, address: str) -> Draft:
        remark = self._rng.choice(self._common["quote"][MOODS[label]])
        reaction = expand(
            self._rng.choice(self._common["reaction"][MOODS[label]]), self._slots(story), self._rng
        )
        short = self._short_url()
        shapes = (f"{remark} {story.tag}", f"{remark}. {reaction}", reaction, f"{reaction} {story.tag}")
        text = f"{self._rng.choice(shapes)} {short}"
        return Draft(html.escape(text, quote=False), "en", label, ((short, address),))

    def spam(self, story: Story) -> Draft:
        """What nobody wants to read."""
        spam = self._common["spam"]
        short = self._short_url()
        slots = ChainMap({"url": [short]}, dict(spam), dict(self._slots(story)))
        text = expand(self._rng.choice(spam["lines"]), slots, self._rng)
        target = f"https://win-{self._rng.randrange(10**6):06d}.example/{self._rng.randrange(999)}"
        return Draft(html.escape(text, quote=False), "en", 1, ((short, target),))

    def copied(self, text: str) -> str:
        """A near-duplicate of an escaped text: passed on with a small change."""
        copy = self._common["copy"]
        changed = f"{self._rng.choice(copy['before'])}{text}{self._rng.choice(copy['after'])}"
        if changed == text and chance(self._rng, 0.5):
            changed = text.replace(".", "", 1) if "." in text else text + "."
        return changed if len(changed) <= CUT else text

    def _language(self) -> str:
        names, weights = zip(*_LANGUAGES, strict=True)
        return str(self._rng.choices(names, weights)[0])

    def _slots(self, story: Story) -> Mapping[str, Sequence[str]]:
        own = {"name": [story.name], "tag": [story.tag], "handle": ["@" + story.handle]}
        return ChainMap(own, dict(story.slots), dict(self._common["slots"]))

    def _english(self, story: Story, moment: Moment, person: Person, label: int) -> Draft:
        rng = self._rng
        long_post = chance(rng, 0.012)
        sentences = [self._core(story, moment, label)]
        if long_post:
            sentences += [self._core(story, moment, label) for _ in range(rng.randint(2, 4))]
        extra = sum(rng.random() < chance for chance in (person.chatty, person.chatty * 0.35))
        reactions = rng.sample(self._common["reaction"][MOODS[label]], extra + 2 * long_post)
        sentences += [expand(line, self._slots(story), rng) for line in reactions]
        if len(sentences) > 1 and chance(rng, 0.2) and not long_post:
            sentences = [*sentences[1:], sentences[0]]
        text = " ".join(_sentence(s) for s in sentences)
        if chance(rng, 0.24):
            text = _open(rng.choice(self._common["opener"][MOODS[label]]), text)
        text = speak(text, person, rng)
        return self._decorated(story, person, label, text)

    def _core(self, story: Story, moment: Moment, label: int) -> str:
        lines = story.lines[MOODS[label]]
        if moment.beat and chance(self._rng, 0.45):
            lines = story.beats[moment.beat][MOODS[label]]
        slots = self._slots(story)
        # A line that can be filled in many ways is said more often than one that would only repeat itself.
        weights = [self._capacity(line, slots) for line in lines]
        return expand(self._rng.choices(lines, weights)[0], slots, self._rng)

    def _capacity(self, line: str, slots: Mapping[str, Sequence[str]]) -> float:
        known = self._capacities.get(line)
        if known is None:
            known = self._capacities[line] = min(ways(line, slots), _MANY) ** 0.5
        return known

    def _decorated(self, story: Story, person: Person, label: int, text: str) -> Draft:
        rng = self._rng
        if chance(rng, person.emoji):
            text += " " + rng.choice(self._common["emoji"][MOODS[label]]) * rng.choice((1, 1, 1, 2, 3))
        named = any(word.casefold() in text.casefold() for word in (story.name, story.tag, story.handle))
        if story.tag.casefold() not in text.casefold() and rng.random() < (person.tags if named else 0.9):
            text = f"{story.tag} {text}" if chance(rng, 0.12) else f"{text} {story.tag}"
        urls: tuple[tuple[str, str], ...] = ()
        if rng.random() < (0.22 if label == 1 else 0.05):
            target = f"https://{story.site}/{rng.choice(_PATHS)}/{rng.randrange(10**6)}"
            urls = ((self._short_url(), target),)
            text = f"{text} {urls[0][0]}"
        return _draft(text, "en", label, urls)

    def _other(self, story: Story, lang: str, label: int) -> Draft:
        table, rng = self._foreign[lang], self._rng
        slots = {"name": [story.name, story.name, story.tag], "where": table["where"]}
        core = expand(rng.choice(table[MOODS[label]]), slots, rng)
        space = "" if lang == "ja" else " "
        text = f"{rng.choice(table['opener'])}{space}{core}".strip() if chance(rng, 0.6) else core
        if chance(rng, 0.7):
            closer = expand(rng.choice(table[f"closer_{MOODS[label]}"]), slots, rng)
            text = f"{text}{'' if text[-1] in '?!？！' else '。' if lang == 'ja' else '.'}{space}{closer}"
        if chance(rng, 0.35):
            text += " " + rng.choice(self._common["emoji"][MOODS[label]]) * rng.choice((1, 1, 2))
        if story.tag not in text and chance(rng, 0.5):
            text = f"{text} {story.tag}"
        return _draft(text, lang, label, ())

    def _is_new(self, draft: Draft) -> bool:
        # Two people rarely choose the same words: what staging would fold into one voice is written again.
        text = html.unescape(draft.note or draft.text)
        keys = fingerprints(text) or (zlib.crc32(_without_links(draft).encode()),)
        if not self._seen.isdisjoint(keys):
            return False
        for key in keys:
            self._seen.add(key)
            self._order.append(key)
        while len(self._order) > _REMEMBERED:
            self._seen.discard(self._order.popleft())
        return True

    def _short_url(self) -> str:
        return "https://t.co/" + "".join(self._rng.choices(_BASE62, k=10))


def _without_links(draft: Draft) -> str:
    text = (draft.note or draft.text).casefold()
    for short, _ in draft.urls:
        text = text.replace(short.casefold(), "")
    return " ".join(text.split())


def _sentence(text: str) -> str:
    # Only proper sentences get a full stop; the voice may take it away again.
    if text[0].isalpha():
        text = text[0].upper() + text[1:]
    return text if text[-1] in ".!?…)" or not text[-1].isalnum() else text + "."


def _open(opener: str, text: str) -> str:
    ends_softly = opener[-1] not in ".!?:"
    if ends_softly and text[:1].isupper() and not text[1:2].isupper() and not text.startswith(_PROPER):
        text = text[0].lower() + text[1:]
    return f"{opener} {text}"


def _draft(text: str, lang: str, label: int, urls: tuple[tuple[str, str], ...]) -> Draft:
    if len(text) <= CUT:
        return Draft(html.escape(text, quote=False), lang, label, urls)
    short = text[: CUT - 1].rsplit(" ", 1)[0] + "…"
    return Draft(html.escape(short, quote=False), lang, label, urls, html.escape(text, quote=False))
