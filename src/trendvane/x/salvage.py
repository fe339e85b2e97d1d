"""Reading what a strict JSON reader refuses: cut off, NaN, half characters, one row gone wrong.

Slow and patient; only pages that ``orjson`` refuses come here.
"""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

_DATA = re.compile(r'"data"\s*:\s*\[')
# ``meta`` is flat. A tweet cannot forge one: inside a JSON string its quotes are escaped.
_META = re.compile(r'"meta"\s*:\s*(\{[^{}]*\})')
_SPACE = re.compile(r"[\s,]*")
# Whole strings first, so that a brace inside one is not counted.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)
_LONGEST_INT = 40  # far beyond any id; Python refuses thousands of digits
_DECODER = json.JSONDecoder(
    strict=False,
    parse_constant=lambda _: None,
    parse_int=lambda digits: int(digits) if len(digits) <= _LONGEST_INT else float(digits),
)


class Broken:
    """Stands for a row that cannot be read; ``cut`` when the page ends inside it."""

    def __init__(self, text: str, *, cut: bool) -> None:
        self.text = text[:200]
        self.cut = cut


def whole(text: str) -> Any:
    """The document, reading NaN as null and accepting lone surrogates and raw control characters.

    Raises:
        ValueError: It is not JSON even so.
    """
    try:
        return _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def pieces(text: str) -> tuple[list[Any], dict[str, Any] | None] | None:
    """What can be had of a page that is not JSON as a whole.

    Returns:
        The members of the first ``data`` array, in order, with ``Broken`` in the place of those that cannot
        be read; and ``meta``, or None when the page ends before the array or ``meta`` do. None when there
        is no array at all.
    """
    start = _DATA.search(text)
    if start is None:
        return None
    found: list[Any] = []
    position = _skip(text, start.end())
    while position < len(text) and text[position] != "]":
        try:
            row, end = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            end = _end_of_value(text, position)
            found.append(Broken(text[position:end], cut=end >= len(text)))
        else:
            found.append(row)
        position = _skip(text, end)
    return found, _meta(text[: start.start()] + text[position:]) if position < len(text) else None


def _meta(text: str) -> dict[str, Any] | None:
    for match in _META.finditer(text):
        with contextlib.suppress(ValueError):
            meta = _DECODER.decode(match.group(1))
            if isinstance(meta, dict):
                return meta
    return None


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _end_of_value(text: str, position: int) -> int:
    """Where an object that cannot be read ends: after its closing brace, or at the end of the page."""
    depth = 0
    for token in _TOKEN.finditer(text, position):
        mark = token.group()
        if mark in "{[":
            depth += 1
        elif mark in "}]":
            depth -= 1
            if depth <= 0:
                return token.end() if depth == 0 else token.start()
    return len(text)
