"""A lake object: pages of one topic and hour, one JSON line each, compressed with Zstandard.

    {"v":1,"page_id":...,"topic":...,...,"body":"as text"}       or "body_b64" where the body is not UTF-8

The same pages give the same bytes and so the same name: a push that was interrupted and repeated writes
nothing twice.
"""

from __future__ import annotations

import base64
import hashlib
import io
from typing import TYPE_CHECKING, Any

import orjson
import zstandard

from trendvane.domain.errors import CorruptObjectError
from trendvane.lake.pages import header_of, page_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from trendvane.domain.page import RawPage

SUFFIX = ".json.zst"
_LEVEL = 6
# Sealing stops at 8 MB of pages (settings), each at most 5 MB: what claims to be larger is not ours.
MAX_BYTES = 256 * 2**20
_MAX_WINDOW = 2**27


def encode(pages: Iterable[RawPage]) -> bytes:
    """Seal ``pages``, ordered by page id; deterministic for one version of Zstandard."""
    lines = [_line(page) for page in sorted(pages, key=lambda page: page.page_id)]
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True, write_content_size=True)
    return compressor.compress(b"".join(lines))


def decode(data: bytes, *, sha256: str = "", max_bytes: int = MAX_BYTES) -> Iterator[RawPage]:
    """Read pages back one at a time; memory is one page, whatever the object holds.

    Args:
        data: What :func:`encode` made.
        sha256: Expected hash in hex; empty when the reader of the bytes has checked it already.
        max_bytes: Most that is read once decompressed.

    Raises:
        CorruptObjectError: Other bytes than promised, not Zstandard, truncated, too large, or a line that
            is no page. Raised when the reading reaches the fault: pages before it have been given out.
    """
    if sha256 and hashlib.sha256(data).hexdigest() != sha256:
        raise CorruptObjectError(f"An object's bytes do not have the hash {sha256}.")
    try:
        size = zstandard.frame_content_size(data)
        if not 0 <= size <= max_bytes:
            raise CorruptObjectError(f"A lake object claims {size} bytes; at most {max_bytes} are read.")
        decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
        seen = 0
        with decompressor.stream_reader(data, read_across_frames=False) as raw:
            for line in io.BufferedReader(raw):
                seen += len(line)
                yield _page(line)
        if seen != size:
            raise CorruptObjectError(f"A lake object ends after {seen} of {size} bytes.")
    except zstandard.ZstdError as error:
        raise CorruptObjectError(f"A lake object cannot be decompressed: {error}.") from error


def _line(page: RawPage) -> bytes:
    fields = header_of(page)
    try:
        fields["body"] = page.body.decode("utf-8")
    except UnicodeDecodeError:
        fields["body_b64"] = base64.b64encode(page.body).decode("ascii")
    return orjson.dumps(fields) + b"\n"


def _page(line: bytes) -> RawPage:
    try:
        fields: dict[str, Any] = orjson.loads(line)
        encoded = fields.get("body_b64")
        body = fields["body"].encode() if encoded is None else base64.b64decode(encoded, validate=True)
        return page_of(fields, body)
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise CorruptObjectError(f"A line of a lake object is no page: {error!r:.200}.") from error
