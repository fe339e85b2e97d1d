"""Feed (b): a CSV of tweets, moved onto the virtual clock."""

from __future__ import annotations

import csv
import html
import re
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from trendvane.domain import snowflake
from trendvane.domain.errors import ConfigurationError
from trendvane.domain.sentiment import LABELS
from trendvane.emulator.post import Event, IdMint, Kind, Post, User

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from trendvane.emulator.config import Replay

REQUIRED = ("tweet_id", "topic", "created_at", "text")
_TCO = re.compile(r"https?://\S+")
_REMEDY = (
    "It needs a header line and the columns tweet_id, topic, created_at, text, and optionally label, lang."
)


@dataclass(slots=True)
class _Row:
    created_ms: int
    tweet_id: int
    topics: list[str]
    text: str
    label: int | None
    lang: str


class ReplayFeed:
    """Publishes the rows of a CSV in their order, with ids of the virtual clock.

    Args:
        replay: File and pace.
        start_ms: Virtual time of the first tweet, Unix milliseconds.
        seed: For the low bits of the ids and for the invented authors.

    Raises:
        ConfigurationError: The file is missing, empty, or a row cannot be read; says which line.
    """

    exclusive = True

    def __init__(self, replay: Replay, start_ms: int, seed: int) -> None:
        rows = _read(replay.path)
        self.topics: tuple[str, ...] = tuple(dict.fromkeys(topic for row in rows for topic in row.topics))
        self._start_ms = start_ms
        self._seed = seed
        self._rows = rows
        self._due = _due(rows, replay, start_ms)
        self._next = 0
        self._mint = IdMint()

    def until(self, now_ms: int) -> Iterator[Event]:
        """Rows that are due, in the order of the file's times."""
        while self._next < len(self._rows) and self._due[self._next] <= now_ms:
            i = self._next
            self._next += 1
            yield self._post(self._rows[i], self._due[i])

    def _post(self, row: _Row, due_ms: int) -> Post:
        post_id = self._mint.mint(due_ms, zlib.crc32(f"{self._seed}-{row.tweet_id}".encode()))
        return Post(
            id=post_id,
            author=_author(row, self._start_ms),
            # The client unescapes once and then holds exactly the file's text.
            text=html.escape(row.text, quote=False),
            lang=row.lang,
            topics=tuple(row.topics),
            kind=Kind.ORGANIC,
            label=row.label,
            urls=tuple((url, url) for url in dict.fromkeys(_TCO.findall(html.escape(row.text, quote=False)))),
            history=(post_id,),
            heat=float(row.tweet_id % 50),
            original_id=row.tweet_id,
        )


def _due(rows: list[_Row], replay: Replay, start_ms: int) -> list[int]:
    first, span = rows[0].created_ms, max(rows[-1].created_ms - rows[0].created_ms, 1)
    factor = 1 / replay.speed if replay.spread_s is None else replay.spread_s * 1000 / span
    return [start_ms + int((row.created_ms - first) * factor) for row in rows]


def _author(row: _Row, start_ms: int) -> User:
    # The file names no authors; each tweet gets its own, so that nobody is counted as one voice by accident.
    number = zlib.crc32(str(row.tweet_id).encode())
    return User(
        10_000 + number,
        f"replay_{number % 10**8}",
        f"Replayed {number % 10**4}",
        start_ms,
        number % 900,
        False,
    )


def _read(path: Path) -> list[_Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in REQUIRED if name not in (reader.fieldnames or ())]
            if missing:
                raise ConfigurationError(f"{path} lacks the column {', '.join(missing)}.", remedy=_REMEDY)
            rows = _merge(_row(path, reader.line_num, record) for record in reader)
    except OSError as error:
        raise ConfigurationError(
            f"Cannot read {path}: {error.strerror}.", remedy="Check the path."
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(f"{path} is not a UTF-8 CSV: {error}.", remedy=_REMEDY) from error
    if not rows:
        raise ConfigurationError(f"{path} holds no tweets.", remedy=_REMEDY)
    return sorted(rows, key=lambda row: (row.created_ms, row.tweet_id))


def _merge(rows: Iterator[_Row]) -> list[_Row]:
    # One tweet may be listed once per topic.
    merged: dict[int, _Row] = {}
    for row in rows:
        known = merged.setdefault(row.tweet_id, row)
        if row.topics[0] not in known.topics:
            known.topics.append(row.topics[0])
    return list(merged.values())


def _row(path: Path, line: int, record: Mapping[str, str | None]) -> _Row:
    def bad(what: str) -> ConfigurationError:
        return ConfigurationError(f"{path}, line {line}: {what}.", remedy=_REMEDY)

    if any(record[name] is None for name in REQUIRED) or None in record:
        raise bad("the number of columns differs from the header")
    raw_id, topic, text = (str(record[name]).strip() for name in ("tweet_id", "topic", "text"))
    if not re.fullmatch(r"[0-9]{1,19}", raw_id) or int(raw_id) > snowflake.MAX_ID:
        raise bad(f"tweet_id {raw_id[:40]!r} is not an id")
    if not topic:
        raise bad("topic is empty")
    created_ms = _time(str(record["created_at"]).strip(), int(raw_id))
    if created_ms is None:
        raise bad(f"created_at {str(record['created_at'])[:40]!r} is not an ISO 8601 time")
    label = str(record.get("label") or "").strip().lower()
    # Other labels ("irrelevant") mean that the file does not know the sentiment.
    known = LABELS.index(label) if label in LABELS else None
    return _Row(created_ms, int(raw_id), [topic], text, known, str(record.get("lang") or "").strip() or "en")


def _time(raw: str, tweet_id: int) -> int | None:
    if not raw:  # the id knows
        return snowflake.to_ms(tweet_id)
    try:
        moment = datetime.fromisoformat(raw)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)
