"""Audit: the conservation law, checked against the raw data itself.

    every fetched tweet = product + pending + dead letter + forgotten, or still waiting to be staged

Ids are read again from every spool page and lake object, by a reader of its own that shares no code with
staging, and looked up one by one. Memory stays flat: ids go to a temporary table object by object.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from trendvane.domain.errors import CorruptObjectError
from trendvane.lake import objects, pages
from trendvane.warehouse import auditing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy.engine import Connection

    from trendvane.domain.page import RawPage
    from trendvane.lake.spool import Spool
    from trendvane.lake.store import Lake
    from trendvane.warehouse.engine import Warehouse

_MOST_EXAMPLES = 20
_MAX_ID = 2**63 - 1
_SPOOL, _OUTSIDE = 0, -1


@dataclass(frozen=True, slots=True)
class AuditReport:
    """Where the tweets are.

    Attributes:
        places: Distinct tweets seen in the raw data, by the place they have reached.
        duplicates: Tweets twice in the product, or there without a scored staging row.
        wrong_rollups: Counts that differ from the rows they count.
        wrong_labels: Counts of labelled voices that differ from the rows they count.
        stray_topics: Topic rows without a tweet.
        unreadable: Lake objects that cannot be read and that no dead letter names; at most twenty.
        orphans: Objects in the lake without a row in the manifest: an upload that was interrupted.
        absent: Objects of the manifest that are not in the lake; at most twenty.
        unreadable_pages: Pages that are not JSON, whose ids are unknown here.
    """

    places: auditing.Places
    duplicates: int
    wrong_rollups: int
    wrong_labels: int
    stray_topics: int
    unreadable: tuple[str, ...]
    orphans: int
    absent: tuple[str, ...]
    unreadable_pages: int

    @property
    def balanced(self) -> bool:
        """Whether the law holds: nothing missing, nothing twice, every count right, every object readable.

        Orphans do not count: the next push finishes them.
        """
        wrong = self.duplicates + self.wrong_rollups + self.wrong_labels + self.stray_topics
        return not (self.places.missing or self.places.twice or wrong or self.unreadable or self.absent)


def audit(spool: Spool, lake: Lake, warehouse: Warehouse, *, expected: Iterable[int] = ()) -> AuditReport:
    """Check the conservation law. May run beside the other steps.

    Args:
        spool: Pages that wait.
        lake: Pages that were pushed.
        warehouse: What became of them.
        expected: Ids known to have been fetched by somebody outside, such as a test that made them.

    Raises:
        StorageUnavailableError: Lake or warehouse did not answer.
    """
    with warehouse.begin() as connection:
        auditing.begin(connection)
        auditing.see(connection, _OUTSIDE, expected)
        reader = _Reader()
        # In the order in which the data moves: what leaves a place after we looked is seen in the next one.
        for page in _spooled(spool):
            auditing.see(connection, _SPOOL, reader.ids(page))
        in_lake = [key for key, _ in lake.list()]
        broken = [
            key
            for number, key in enumerate(in_lake, start=1)
            if not _see_object(connection, lake, number, key, reader)
        ]
        named = auditing.manifest_keys(connection)
        excused = auditing.excused(connection, broken)
        return AuditReport(
            places=auditing.places(connection),
            duplicates=auditing.duplicates(connection),
            wrong_rollups=auditing.wrong_rollups(connection),
            wrong_labels=auditing.wrong_labels(connection),
            stray_topics=auditing.stray_topics(connection),
            unreadable=tuple(sorted(named.intersection(broken) - excused)[:_MOST_EXAMPLES]),
            orphans=len(set(in_lake) - named),
            absent=tuple(
                sorted(key for key in named - set(in_lake) if _is_absent(lake, key))[:_MOST_EXAMPLES]
            ),
            unreadable_pages=reader.unreadable,
        )


class _Reader:
    """Finds the ids of a page's tweets; knows nothing of what staging thinks of them."""

    def __init__(self) -> None:
        self.unreadable = 0

    def ids(self, page: RawPage) -> list[int]:
        """Ids of ``data``; none for a page that is not JSON, which is counted."""
        parts = page.body.split(b"\n") if page.endpoint == "stream" else [page.body]
        found: list[int] = []
        for part in parts:
            if not part.strip():
                continue
            try:
                document = orjson.loads(part)
            except orjson.JSONDecodeError:
                self.unreadable += 1
                continue
            found += _ids(document)
        return found


def _ids(document: Any) -> Iterator[int]:
    data = document.get("data") if isinstance(document, dict) else None
    for row in [data] if isinstance(data, dict) else data if isinstance(data, list) else ():
        value = row.get("id") if isinstance(row, dict) else None
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:  # noqa: PLR2004
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MAX_ID:
            yield value


def _see_object(connection: Connection, lake: Lake, number: int, key: str, reader: _Reader) -> bool:
    """Record the ids of one object; False when it cannot be read."""
    try:
        ids = [tweet_id for page in objects.decode(lake.get(key)) for tweet_id in reader.ids(page)]
    except CorruptObjectError:
        return False
    auditing.see(connection, number, ids, key)
    return True


def _spooled(spool: Spool) -> Iterator[RawPage]:
    for group in spool.groups():
        for path in spool.pages(group):
            try:
                yield pages.read(path)
            except (CorruptObjectError, FileNotFoundError):
                continue  # torn pages never held an acknowledged tweet; pushed ones are seen in the lake
    for path in spool.sealed():
        try:
            yield from objects.decode(path.read_bytes(), sha256=path.name.split(".")[2])
        except (CorruptObjectError, FileNotFoundError):
            continue


def _is_absent(lake: Lake, key: str) -> bool:
    """Whether an object is really not there; it may have been pushed after the lake was listed."""
    try:
        lake.get(key)
    except CorruptObjectError:
        return True
    return False
