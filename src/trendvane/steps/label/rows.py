"""Rows of a CSV, of which each may be broken without taking a neighbour with it."""

from __future__ import annotations

import csv
from collections import deque
from typing import TYPE_CHECKING

from trendvane.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_NEEDED = ("tweet_id", "label")
_WANTED = (*_NEEDED, "labeller")
# Lines. A quotation mark that is never closed must not swallow the rest of the file.
_LONGEST = 100


def rows(file: Iterable[str], path: Path) -> Iterator[tuple[int, Mapping[str, str] | None]]:
    """Each row's line, counted from 1, with its ``tweet_id``, ``label`` and perhaps ``labeller``.

    A row that cannot be read is None. A quoted field may span lines, but where a mark is not closed, only the
    line with the mark is lost.

    Raises:
        ConfigurationError: The header lacks a column.
    """
    lines = _Lines(file)
    header = [name.strip().lower() for name in lines.record() or []]
    if not set(_NEEDED) <= set(header):
        raise ConfigurationError(
            f"{path} has no columns tweet_id and label.", remedy="Write tweet_id,label in its first line."
        )
    lines.width = len(header)
    while lines.more():
        number = lines.number
        fields = lines.record()
        if fields is None:
            yield number, None
        elif fields:
            named = dict(zip(header, fields, strict=False))
            whole = all(name in named for name in _NEEDED)
            yield number, {n: named[n].strip() for n in _WANTED if n in named} if whole else None


class _Lines:
    """Lines of a file, with those read ahead while looking for the end of a record."""

    def __init__(self, file: Iterable[str]) -> None:
        self._source = iter(file)
        self._ahead: deque[str] = deque()
        self.number = 1
        self.width = 0

    def more(self) -> bool:
        """Whether a line is left."""
        return bool(self._ahead) or self._read()

    def record(self) -> list[str] | None:
        """Fields of the next record, none for an empty line; None when its first line is broken."""
        fields, taken = self._try()
        for _ in range(min(taken, len(self._ahead))):
            self._ahead.popleft()
        self.number += taken
        return fields

    def _try(self) -> tuple[list[str] | None, int]:
        """Fields and how many lines they take."""
        text = ""
        for count in range(1, _LONGEST + 1):
            if len(self._ahead) < count and not self._read():
                break
            text += self._ahead[count - 1]
            try:
                fields = next(csv.reader([text], strict=True), [])
            except csv.Error as error:
                if "unexpected end" not in str(error):
                    break
                continue
            fits = not self.width or (len(fields) == self.width if count > 1 else len(fields) <= self.width)
            return (fields if fits else None), (count if fits else 1)
        return None, 1

    def _read(self) -> bool:
        line = next(self._source, None)
        if line is not None:
            self._ahead.append(line)
        return line is not None
