from __future__ import annotations

import base64
import dataclasses
import hashlib
from datetime import UTC, datetime

import orjson
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from trendvane.domain.errors import CorruptObjectError
from trendvane.domain.page import RawPage
from trendvane.lake import objects

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
PAGES = st.builds(
    RawPage,
    page_id=st.from_regex(r"[0-9]{13}-[0-9a-f]{8}", fullmatch=True),
    topic=TEXT,
    topic_kind=st.sampled_from(["trending", "hashtag"]),
    source=st.sampled_from(["x", "emulator"]),
    endpoint=st.sampled_from(["search", "stream"]),
    query=TEXT,
    fetched_at=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    status=st.integers(100, 599),
    content_type=TEXT,
    body=st.binary(max_size=300) | TEXT.map(str.encode),
)


def sample(**changes: object) -> RawPage:
    page = RawPage(
        page_id="1-a",
        topic="#a",
        topic_kind="hashtag",
        source="x",
        endpoint="search",
        query="#a",
        fetched_at=datetime(2026, 1, 5, tzinfo=UTC),
        status=200,
        content_type="application/json",
        body=b"{}\n" * 1000,
    )
    return dataclasses.replace(page, **changes)  # type: ignore[arg-type]


@given(st.lists(PAGES, max_size=6, unique_by=lambda page: page.page_id))
def test_every_byte_comes_back(pages: list[RawPage]) -> None:
    found = list(objects.decode(objects.encode(pages)))
    assert found == sorted(pages, key=lambda page: page.page_id)


@given(st.lists(PAGES, max_size=4, unique_by=lambda page: page.page_id))
def test_the_order_of_pages_does_not_change_the_bytes(pages: list[RawPage]) -> None:
    assert objects.encode(pages) == objects.encode(list(reversed(pages)))


@given(st.binary(max_size=200))
def test_foreign_bytes_are_corrupt_and_nothing_else(data: bytes) -> None:
    with pytest.raises(CorruptObjectError):
        list(objects.decode(data))


@given(st.data())
def test_a_cut_or_altered_object_is_never_taken_for_whole(data: st.DataObject) -> None:
    whole = objects.encode([sample()])
    digest = hashlib.sha256(whole).hexdigest()
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with pytest.raises(CorruptObjectError):
        list(objects.decode(cut, sha256=digest))
    if len(cut) < len(whole) - 4:  # the last four bytes are Zstandard's own checksum
        with pytest.raises(CorruptObjectError):
            list(objects.decode(cut))
    position = data.draw(st.integers(0, len(whole) - 1))
    altered = whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :]
    with pytest.raises(CorruptObjectError):
        list(objects.decode(altered, sha256=digest))


def test_a_bomb_is_refused_before_it_unfolds() -> None:
    bomb = zstandard.ZstdCompressor().compress(bytes(50_000_000))
    assert len(bomb) < 10_000
    with pytest.raises(CorruptObjectError, match="claims 50000000"):
        next(objects.decode(bomb, max_bytes=1_000_000))


@pytest.mark.parametrize(
    "line",
    [b"{}", b"[]", b"null", b'{"v":1}', b"\xff", b'{"page_id": "1"', orjson.dumps({"body_b64": "*"})],
)
def test_a_line_that_is_no_page_is_corrupt(line: bytes) -> None:
    with pytest.raises(CorruptObjectError):
        list(objects.decode(zstandard.ZstdCompressor().compress(line + b"\n")))


def test_text_is_stored_as_text_and_bytes_as_base64() -> None:
    data = objects.encode([sample(body="é".encode()), sample(page_id="2-a", body=b"\xff")])
    text, binary = (orjson.loads(line) for line in zstandard.decompress(data).splitlines())
    assert text["body"] == "é"
    assert base64.b64decode(binary["body_b64"]) == b"\xff"
    assert text["v"] == 1


def test_a_topic_with_half_a_character_can_be_stored() -> None:
    (page,) = objects.decode(objects.encode([sample(topic="#\ud83d")]))
    assert page.topic == "#?"
