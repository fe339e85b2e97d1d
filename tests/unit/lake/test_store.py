from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from trendvane.domain.errors import ConfigurationError, CorruptObjectError
from trendvane.lake import store

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 1, 5, 12, 59, tzinfo=UTC)
DATA = b"sealed bytes"
KEY = store.key_for(AT, "0123456789abcdef", hashlib.sha256(DATA).hexdigest())


@pytest.fixture(params=["folder", "memory"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> store.Lake:
    return store.open("memory://" if request.param == "memory" else str(tmp_path / "lake"))


def test_a_key_says_hour_topic_and_hash() -> None:
    assert KEY.startswith("raw/v1/dt=2026-01-05/hh=12/0123456789abcdef/")
    assert store.sha256_of(KEY) == hashlib.sha256(DATA).hexdigest()


def test_what_was_put_comes_back(lake: store.Lake) -> None:
    lake.put(KEY, DATA)
    lake.put(KEY, DATA)
    assert lake.get(KEY) == DATA
    assert list(lake.list()) == [(KEY, len(DATA))]
    assert list(lake.list(after=KEY)) == []


def test_bytes_under_a_wrong_name_are_refused(lake: store.Lake) -> None:
    with pytest.raises(CorruptObjectError):
        lake.put(KEY, b"other bytes")
    assert list(lake.list()) == []


def test_an_object_that_is_not_there_is_an_error_and_its_deletion_is_not(lake: store.Lake) -> None:
    with pytest.raises(CorruptObjectError, match="not in the lake"):
        lake.get(KEY)
    lake.delete(KEY)
    lake.put(KEY, DATA)
    lake.delete(KEY)
    assert list(lake.list()) == []


def test_altered_bytes_are_noticed_and_mended_by_the_next_put(tmp_path: Path) -> None:
    lake = store.open(str(tmp_path))
    lake.put(KEY, DATA)
    (tmp_path / KEY).write_bytes(b"")  # what a power cut leaves of a file that was never synced
    with pytest.raises(CorruptObjectError, match="do not match"):
        lake.get(KEY)
    lake.put(KEY, DATA)
    assert lake.get(KEY) == DATA


def test_half_written_files_are_not_listed(tmp_path: Path) -> None:
    lake = store.open(f"file://{tmp_path}")
    lake.put(KEY, DATA)
    (tmp_path / KEY).with_name(".tmp.1.a").write_bytes(b"half")
    assert [key for key, _ in lake.list()] == [KEY]


@pytest.mark.parametrize("url", ["s3://bucket", "az://", "gopher://x"])
def test_other_places_are_refused_with_a_remedy(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        store.open(url)
    assert "az://container" in caught.value.remedy


def test_azure_opens_without_the_environment() -> None:
    store.open("az://lake", config={"account_name": "devstoreaccount1", "use_emulator": True})
