"""Parts of a test set that a better average may hide: topics, languages, lengths, and hard wordings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

import numpy as np

from trendvane.domain.text import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

_SHORT, _LONG = 12, 22  # words; the quartiles of SemEval are 17 and 24, and tweets at large are shorter
_MAX_NAMED = 20  # topics, and languages: the largest of each

_NEGATION = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|neither|nor|nowhere|without|hardly|barely|cannot"
    r"|(?:ca|wo|do|does|did|is|are|was|were|has|have|had|should|could|would|ai|must|need)n['’]?t)\b",
    re.IGNORECASE,
)
# Nothing finds sarcasm surely; these are the marks people put on it themselves, and its commonest openings.
_SARCASM = re.compile(
    r"#(?:sarcasm|sarcastic|irony|ironic|not)\b|(?:^|\s)/s(?:$|\s)|\byeah,? right\b|\b(?:oh|just),? great\b"
    r"|\bthanks (?:for nothing|a lot)\b|\bjust what (?:i|we) needed\b|\bbig surprise\b|[🙄🙃😒]"
    r"|\b(?:love|great) how\b|\bas if\b|\bgood luck with that\b",
    re.IGNORECASE,
)
_EMOJI = re.compile(
    "[\u2600-\u27bf\u2b50\U0001f300-\U0001faff]|(?<!\\w)[:;=]['’]?-?[)(\\]\\[DpP/]|<3|\\^_*\\^"
)


class Row(Protocol):
    """The part of a labelled row that decides its slices."""

    @property
    def text(self) -> str:
        """As written."""

    @property
    def topic(self) -> str:
        """Empty when unknown."""

    @property
    def lang(self) -> str:
        """BCP 47, empty when unknown."""


def slices(rows: Sequence[Row], min_rows: int) -> Mapping[str, NDArray[np.intp]]:
    """Row numbers of each slice that holds at least ``min_rows`` rows, by a name such as ``topic=#budget``.

    A slice that holds every row is left out: it says what the whole says.
    """
    found = {name: np.flatnonzero([test(row) for row in rows]) for name, test in _TESTS.items()}
    for key, values in (("topic", [r.topic for r in rows]), ("lang", [r.lang for r in rows])):
        found |= _named(key, np.array(values, dtype=object))
    return {name: where for name, where in found.items() if min_rows <= len(where) < len(rows)}


def _named(key: str, values: NDArray[np.object_]) -> dict[str, NDArray[np.intp]]:
    sizes: dict[str, int] = {}
    for value in values:
        if value:
            sizes[value] = sizes.get(value, 0) + 1
    largest = sorted(sizes, key=lambda value: (-sizes[value], value))[:_MAX_NAMED]
    return {f"{key}={value}": np.flatnonzero(values == value) for value in largest}


def _words(row: Row) -> int:
    return len(prepare(row.text).split())


_TESTS: Mapping[str, Callable[[Row], bool]] = {
    "length=short": lambda row: _words(row) < _SHORT,
    "length=medium": lambda row: _SHORT <= _words(row) <= _LONG,
    "length=long": lambda row: _words(row) > _LONG,
    "emoji": lambda row: _EMOJI.search(row.text) is not None,
    "negation": lambda row: _NEGATION.search(row.text) is not None,
    "sarcasm markers": lambda row: _SARCASM.search(row.text) is not None,
}
