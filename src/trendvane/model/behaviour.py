"""What a model of opinion must be able to do, whatever its average says: minimum tests in pairs.

After CheckList (Ribeiro et al., ACL 2020): a negation must turn an opinion, the name of the thing must not
change it, an emoji must move it. Every sentence is written here; none is a tweet.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

NEGATIVE, POSITIVE = 0, 2
_MOVED = 0.1  # of net sentiment (positive - negative); int8 moves it by less than half of that


class Model(Protocol):
    """Anything that answers with probabilities."""

    def predict(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Rows (n x 3) in the order of ``LABELS``."""


@dataclass(frozen=True, slots=True)
class Case:
    """Two sentences and what the second must do.

    Attributes:
        base, changed: The sentences.
        expect: -1: net sentiment of ``changed`` is lower and no longer positive; 1: higher and no longer
            negative; 0: the same label.
    """

    base: str
    changed: str
    expect: int


_GOOD = (
    ("I {} like the new {}", "really", "do not"),
    ("the {1} is {0} good", "very", "not"),
    ("I am {} happy with the {}", "so", "not"),
    ("this {1} was {0} worth the money", "definitely", "not"),
    ("the {1} makes me {0} proud", "very", "anything but"),
    ("I would {} recommend the {}", "always", "never"),
    ("my friends {} enjoyed the {}", "all", "did not"),
    ("the {1} works {0}", "great", "not at all"),
)
_BAD = (
    ("the {1} is {0} bad", "very", "not"),
    ("I {} hate the {}", "really", "do not"),
    ("the {1} was {0} a disappointment", "such", "never"),
    ("the {1} is {0} terrible", "just", "not"),
    ("I {} regret the {}", "deeply", "do not"),
    ("the {1} was {0} awful", "really", "not"),
)
_THINGS = ("phone", "film", "update", "album", "match", "speech", "train", "coffee")
_NAMES = (
    ("Anna", "Kofi", "Mehmet", "Olena", "Priya", "John"),
    ("Berlin", "Lagos", "Madrid", "Osaka", "Boston", "Lima"),
    ("Acme", "Globex", "Initech", "Umbrella Cars", "Northwind", "Contoso"),
)
_ABOUT = (
    ("what {} said today made me really angry", "so proud of {} after that performance"),
    ("the weather in {} is terrible again", "having a wonderful time in {}"),
    ("the new {} app crashes all the time, awful", "just got my order from {}, love it"),
)
_PLAIN = (
    "{} will speak on tuesday at nine",
    "the train to {} leaves from platform four",
    "{} opens a new office in spring",
)
_SAID = (
    "just saw the new trailer",
    "so that was the final",
    "monday again",
    "they announced the tour dates",
    "watching the speech now",
    "got the results today",
    "the new phone is here",
    "dinner at my place",
)
_GLAD, _SAD = ("😍", "🎉", "😊", "❤️", ":)"), ("😡", "😭", "🤮", "👎", ":(")


def _negations() -> list[Case]:
    cases = []
    for forms, expect in ((_GOOD, -1), (_BAD, 1)):
        for (form, plain, negated), thing in product(forms, _THINGS):
            cases.append(Case(form.format(plain, thing), form.format(negated, thing), expect))
    return cases


def _entities() -> list[Case]:
    cases = []
    for names, opinions, plain in zip(_NAMES, _ABOUT, _PLAIN, strict=True):
        for form in (*opinions, plain):
            first, *others = (form.format(name) for name in names)
            cases += [Case(first, other, 0) for other in others]
    return cases


def _emoji() -> list[Case]:
    cases = [Case(said, f"{said} {sign}", 1) for said, sign in product(_SAID, _GLAD)]
    return cases + [Case(said, f"{said} {sign}", -1) for said, sign in product(_SAID, _SAD)]


def suites() -> Mapping[str, Sequence[Case]]:
    """Cases by what they test."""
    return {"negation": _negations(), "entity swap": _entities(), "emoji": _emoji()}


def passed(model: Model, cases: Sequence[Case]) -> NDArray[np.bool_]:
    """Whether each case (n) comes out as it must.

    Each sentence is asked alone: in company, scales of int8 activations would blur what is compared.
    """
    base = np.concatenate([model.predict([case.base]) for case in cases])
    changed = np.concatenate([model.predict([case.changed]) for case in cases])
    expect = np.array([case.expect for case in cases])
    moved = _net(changed) - _net(base)
    label = changed.argmax(axis=1)
    same = (expect == 0) & (label == base.argmax(axis=1))
    fell = (expect < 0) & (moved < -_MOVED) & (label != POSITIVE)
    rose = (expect > 0) & (moved > _MOVED) & (label != NEGATIVE)
    return np.asarray(same | fell | rose)


def rates(model: Model, tests: Mapping[str, Sequence[Case]] | None = None) -> dict[str, float]:
    """Share of the cases of each suite that come out as they must."""
    return {name: float(passed(model, cases).mean()) for name, cases in (tests or suites()).items()}


def _net(p: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(p[:, POSITIVE] - p[:, NEGATIVE])
