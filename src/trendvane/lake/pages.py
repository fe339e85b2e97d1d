"""One raw page as bytes: a header line of JSON, then the body exactly as it came from the network."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from trendvane.domain.errors import CorruptObjectError
from trendvane.domain.page import RawPage

if TYPE_CHECKING:
    from pathlib import Path


def encode(page: RawPage) -> bytes:
    """Header as one line of JSON, then the body exactly as received."""
    header = header_of(page) | {"bytes": len(page.body), "sha256": hashlib.sha256(page.body).hexdigest()}
    return orjson.dumps(header) + b"\n" + page.body


def header_of(page: RawPage) -> dict[str, Any]:
    """Every field of ``page`` but its body."""
    return {
        "v": 1,
        "page_id": page.page_id,
        "topic": storable(page.topic),
        "topic_kind": page.topic_kind,
        "source": page.source,
        "endpoint": page.endpoint,
        "query": storable(page.query),
        "fetched_at": page.fetched_at.astimezone(UTC).isoformat(),
        "status": page.status,
        "content_type": storable(page.content_type),
    }


def read(path: Path) -> RawPage:
    """Read a spool file back.

    Raises:
        CorruptObjectError: It is torn or altered: header unreadable, length or hash of the body wrong.
    """
    head, newline, body = path.read_bytes().partition(b"\n")
    try:
        header: dict[str, Any] = orjson.loads(head) if newline else {}
        if len(body) != header["bytes"] or hashlib.sha256(body).hexdigest() != header["sha256"]:
            raise CorruptObjectError(f"Spool file {path.name} does not match its own header.")
        return page_of(header, body)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise CorruptObjectError(f"Spool file {path.name} has no readable header.") from error


def page_of(header: dict[str, Any], body: bytes) -> RawPage:
    """A page from the fields of its header; KeyError or ValueError when they are not all there."""
    return RawPage(
        page_id=header["page_id"],
        topic=header["topic"],
        topic_kind=header["topic_kind"],
        source=header["source"],
        endpoint=header["endpoint"],
        query=header["query"],
        fetched_at=datetime.fromisoformat(header["fetched_at"]),
        status=header["status"],
        content_type=header["content_type"],
        body=body,
    )


def storable(text: str) -> str:
    """``text`` with lone surrogates, which no UTF-8 file can hold, replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")
