"""Pages of invented tweets, a model that knows no doubt, and a pipeline in a box."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from trendvane.domain import snowflake
from trendvane.domain.page import RawPage
from trendvane.lake import store
from trendvane.lake.disk import Disk
from trendvane.lake.spool import Spool
from trendvane.steps.audit import AuditReport, audit
from trendvane.steps.push import PushConfig, PushReport, push
from trendvane.steps.score import ScoreConfig, ScoreReport, score
from trendvane.steps.stage import StageConfig, StageReport, stage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trendvane.warehouse.embedded import EmbeddedServer
    from trendvane.warehouse.engine import Warehouse

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
BASE = snowflake.floor(int(START.timestamp() * 1000))
STAGE = StageConfig(hash_key=b"a key for tests")


def tweet_id(number: int) -> int:
    """The number-th id; two ids a millisecond, so a minute holds many."""
    return BASE + number * (1 << 21)


def row(number: int, text: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "id": str(tweet_id(number)),
        "text": text or f"invented opinion {'abcdefghij'[number % 10] * 3} {_words(number)} of somebody",
        "lang": "en",
        "author_id": str(1000 + number % 7),
        **more,
    }


def page(
    number: int, rows: Sequence[Any], topic: str = "#a", *, at: datetime = START, body: bytes | None = None
) -> RawPage:
    content = json.dumps({"data": list(rows), "meta": {"result_count": len(rows)}}).encode()
    return RawPage(
        page_id=f"{int(at.timestamp() * 1000)}-{number:08x}",
        topic=topic,
        topic_kind="hashtag",
        source="emulator",
        endpoint="search",
        query=topic,
        fetched_at=at,
        status=200,
        content_type="application/json",
        body=content if body is None else body,
    )


def _words(number: int) -> str:
    """Different letters for different numbers: fingerprints do not look at digits."""
    letters = [chr(ord("a") + int(digit)) for digit in f"{number:06d}"]
    return " ".join(letter * 2 + other for letter, other in zip(letters, reversed(letters), strict=True))


class Model:
    """Says positive, unless the text names another class."""

    version = "fake-1"
    languages = frozenset({"en"})

    def predict(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        rows = [
            (0.7, 0.2, 0.1) if "bad" in text else (0.1, 0.8, 0.1) if "plain" in text else (0.1, 0.2, 0.7)
            for text in texts
        ]
        return np.array(rows, dtype=np.float32).reshape(-1, 3)


@dataclass
class Pipeline:
    """Spool, lake and warehouse with the steps on them; the clock stands still unless moved."""

    root: Path
    warehouse: Warehouse
    model: Any = field(default_factory=Model)
    disk: Disk = field(default_factory=Disk)
    at: datetime = START + timedelta(hours=2)

    def __post_init__(self) -> None:
        self.spool = Spool(self.root / "spool", disk=self.disk)
        self.lake = store.open(str(self.root / "lake"), disk=self.disk)

    def now(self) -> datetime:
        return self.at

    def push(self) -> PushReport:
        return push(self.spool, self.lake, self.warehouse, PushConfig(), now=self.now)

    def stage(self, config: StageConfig = STAGE, limit: int = 100) -> StageReport:
        return stage(self.lake, self.warehouse, config, now=self.now, limit=limit)

    def score(self, batch: int = 64, limit: int = 100_000) -> ScoreReport:
        return score(self.warehouse, self.model, ScoreConfig(batch=batch), now=self.now, limit=limit)

    def audit(self, expected: Sequence[int] = ()) -> AuditReport:
        return audit(self.spool, self.lake, self.warehouse, expected=expected)

    def take(self, *pages: RawPage) -> None:
        """Save, push and stage."""
        for each in pages:
            self.spool.save(each)
        self.push()
        self.stage()

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with self.warehouse.begin() as connection:
            return [tuple(found) for found in connection.execute(sa.text(statement))]

    def value(self, statement: str) -> Any:
        return self.rows(statement)[0][0]

    def execute(self, statement: str) -> None:
        with self.warehouse.begin() as connection:
            connection.execute(sa.text(statement))


def database_url(server: EmbeddedServer, name: str) -> str:
    """URL of one database of ``server``."""
    return sa.make_url(server.url).set(database=name).render_as_string(hide_password=False)


class FatefulLake:
    """Dies when the named method is called."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.dies_at = ""

    def __getattr__(self, name: str) -> Any:
        if name == self.dies_at:
            raise ConnectionError(name)
        return getattr(self._real, name)
