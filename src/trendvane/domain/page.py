"""A raw page: exactly what X answered, and the question it answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class RawPage:
    """One HTTP response of X, before anybody reads it.

    Attributes:
        page_id: Unique, made when the response arrived (sortable: fetched time in ms, then random hex).
        topic: Name of the topic the request was made for.
        topic_kind: A ``TopicKind`` value.
        source: ``x`` for the real API, ``emulator`` for demo data, ``replay`` for a replayed CSV.
        endpoint: ``search`` or ``stream``.
        query: The query that was sent.
        fetched_at: When the response arrived, UTC.
        status: HTTP status.
        content_type: As sent, empty if absent.
        body: The bytes as received (decompressed), untouched.
    """

    page_id: str
    topic: str
    topic_kind: str
    source: str
    endpoint: str
    query: str
    fetched_at: datetime
    status: int
    content_type: str
    body: bytes
