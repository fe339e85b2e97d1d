"""Read labelled tweets from a CSV that somebody else made.

A damaged row costs itself and nothing else: an unclosed quotation mark, which would swallow the rows after
it, is given up as soon as what follows does not fit, and reading goes on with the next line.
"""

from __future__ import annotations

import csv
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from trendvane.domain.errors import ConfigurationError
from trendvane.domain.sentiment import LABELS
from trendvane.steps.curate.raw import BROKEN, MISSING_LABEL, UNDECODABLE, UNKNOWN_LABEL, Raw

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

NEEDED = ("tweet_id", "text", "label")
_OPTIONAL = ("topic", "lang", "author")
_CLASSES = {**{name: i for i, name in enumerate(LABELS)}, **{str(i): i for i in range(len(LABELS))}}
_LINE_LIMIT = 1 << 20  # bytes
_LINES_A_ROW = 200
_ENOUGH = 20  # rows; an encoding is not judged by fewer
_UTF8 = "Save it as CSV in UTF-8, with commas and a first row of names: tweet_id,text,label."


class _Columns(NamedTuple):
    """Where each column is; -1 for one that is not there."""

    width: int
    needed: tuple[int, ...]
    optional: tuple[int, ...]


def read(path: Path) -> Iterator[Raw | str]:
    """Rows of a file, one at a time; for one that cannot be used, the reason why.

    Needs the columns ``tweet_id``, ``text``, ``label`` (a name or an index of a class), takes ``topic``,
    ``lang`` and ``author``, and ignores others.

    Raises:
        ConfigurationError: The file is not there, is no CSV in UTF-8, or has other columns or labels.
    """
    try:
        with path.open("rb") as file:
            yield from _File(path, file).rows()
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror}.", remedy="Check its name, and who may read it."
        ) from error


class _File:
    """A CSV while it is read."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._labeller = f"file:{path.name}"
        self._lines = iter(lambda: file.readline(_LINE_LIMIT), b"")
        self._again: deque[bytes] = deque()
        self._decoded = self._undecoded = 0  # lines beyond ASCII
        self._columns = self._header()

    def rows(self) -> Iterator[Raw | str]:
        """Every row."""
        while (cells := self._record()) is not None:
            if isinstance(cells, str):
                yield cells
            elif cells:
                yield self._raw(cells)
        if self._undecoded >= _ENOUGH and not self._decoded:
            raise ConfigurationError(f"{self._path} is not in UTF-8.", remedy=_UTF8)

    def _header(self) -> _Columns:
        cells = self._record()
        if not isinstance(cells, list) or "\x00" in "".join(cells):
            raise ConfigurationError(f"{self._path} is not a CSV in UTF-8.", remedy=_UTF8)
        names = [cell.strip().removeprefix("\ufeff").lower() for cell in cells]
        lacking = [name for name in NEEDED if name not in names]
        if lacking:
            raise ConfigurationError(
                f"{self._path} lacks {', '.join(lacking)}; it has {', '.join(names)[:200] or 'nothing'}.",
                remedy=_UTF8,
            )
        place = {name: names.index(name) if name in names else -1 for name in (*NEEDED, *_OPTIONAL)}
        return _Columns(
            len(names), tuple(place[name] for name in NEEDED), tuple(place[name] for name in _OPTIONAL)
        )

    def _record(self) -> list[str] | str | None:
        """Cells of the next row; a reason when it is broken; None at the end."""
        first = self._next()
        if first is None:
            return None
        text = self._decode(first)
        if text is None:
            return UNDECODABLE
        if '"' not in text:
            return text.rstrip("\r\n").split(",") if text.strip() else []
        return self._quoted(text)

    def _quoted(self, text: str) -> list[str] | str:
        """A row with quotation marks, which may go on over several lines."""
        taken: list[bytes] = []
        while True:
            try:
                return next(csv.reader([text], strict=True))
            except csv.Error as error:
                line = self._next() if "unexpected end" in str(error) else None
            if line is None or len(taken) == _LINES_A_ROW:
                return self._give_up(taken, line)
            taken.append(line)
            more = self._decode(line)
            if more is None:
                return self._give_up(taken, None)
            text += more

    def _give_up(self, taken: list[bytes], line: bytes | None) -> str:
        """Only the first line is lost; the others are read again, as rows of their own."""
        self._again.extendleft(reversed([*taken, *([line] if line is not None else [])]))
        return BROKEN

    def _next(self) -> bytes | None:
        return self._again.popleft() if self._again else next(self._lines, None)

    def _decode(self, line: bytes) -> str | None:
        try:
            text = line.decode()
        except UnicodeDecodeError:
            self._undecoded += 1
            return None
        self._decoded += not text.isascii()
        return text

    def _raw(self, cells: list[str]) -> Raw | str:
        columns = self._columns
        if len(cells) != columns.width:
            return BROKEN
        tweet_id, text, label = (cells[i] for i in columns.needed)
        topic, lang, author = (cells[i].strip() if i >= 0 else "" for i in columns.optional)
        index = _CLASSES.get(label.strip().lower())
        if index is None:
            return self._refuse(label.strip())
        # Some SemEval files double their escaped quotation marks.
        text = text.replace('\\""', '"')
        return Raw(tweet_id.strip(), text, index, topic, lang, author, "", "file", "file", self._labeller)

    def _refuse(self, label: str) -> str:
        if label.startswith("-") and label[1:].isdecimal():
            raise ConfigurationError(
                f"{self._path} has the label {label}: its labels are on another scale.",
                remedy=f"Write {', '.join(LABELS)}, or 0, 1, 2 in this order.",
            )
        return UNKNOWN_LABEL if label else MISSING_LABEL
