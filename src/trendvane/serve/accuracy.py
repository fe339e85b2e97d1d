"""``GET /v1/model/accuracy``: how often the model in use is right, by week and topic.

Measured on voices that chance chose to be labelled, and on no others.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from trendvane.domain.sentiment import LABELS
from trendvane.insight import accuracy
from trendvane.serve.problems import documented
from trendvane.serve.snapshot import stamp
from trendvane.serve.snapshot_estimates import interval_json
from trendvane.warehouse import label_rollups, topics

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from trendvane.domain.sentiment import Interval
    from trendvane.serve.ports import Ports
    from trendvane.warehouse.engine import Warehouse

LEVEL = 0.9
# Below this many labels the interval of an accuracy of 70 % is more than 25 points wide.
MIN_LABELS = 30
SPAN = timedelta(weeks=12)
_MOST_TOPICS = 50
_MOST_OTHERS = 10
NO_LABELS: label_rollups.Matrix = ((0, 0, 0), (0, 0, 0), (0, 0, 0))


class Bounded(BaseModel):
    """An estimate with its interval."""

    value: float
    low: float
    high: float


class Figures(BaseModel):
    """How often a model was right about some labelled voices."""

    labels: int = Field(description="Labelled voices.")
    right: int = Field(description="Of these, how many the model called as the label does.")
    too_few: bool = Field(description=f"Whether there are fewer than {MIN_LABELS}.")
    accuracy: Bounded | None
    average_recall: Bounded | None = Field(
        description="Mean of the three classes' recalls, once all are known."
    )
    recalls: dict[str, Bounded | None] = Field(description="By class: how much of it the model finds.")
    confusion: list[list[int]] = Field(description="Labels in rows, predictions in columns.")


class Week(Figures):
    """Tweets of one week."""

    week: str = Field(description="Its Monday, UTC.")


class TopicFigures(Figures):
    """Tweets on one topic; a voice with several topics counts in each."""

    id: str
    name: str


class VersionFigures(Figures):
    """What another model version would have said, where it scored the same tweets."""

    version: str


class ModelAccuracy(BaseModel):
    """The model in use against labels of voices that chance chose."""

    model_version: str | None = Field(description="Null while no model is loaded.")
    since: str
    level: float = Field(description="Coverage of the intervals.")
    min_labels: int
    overall: Figures
    weeks: list[Week] = Field(description="Oldest first; weeks without labels are left out.")
    topics: list[TopicFigures] = Field(description=f"At most {_MOST_TOPICS}, most labels first.")
    others: list[VersionFigures] = Field(
        description=f"Other model versions, at most {_MOST_OTHERS}, most labels first."
    )


def build_router(ports: Ports, warehouse: Warehouse) -> APIRouter:
    """The endpoint, on ``warehouse``."""
    router = APIRouter(tags=["service"])

    @router.get(
        "/v1/model/accuracy", summary="How often the model in use is right", responses=documented(503)
    )
    def model_accuracy() -> ModelAccuracy:
        engine = ports.holder.current
        return measured(warehouse, None if engine is None else engine.version, ports.now())

    return router


def measured(warehouse: Warehouse, version: str | None, now: datetime) -> ModelAccuracy:
    """Everything there is to say of ``version`` over the last ``SPAN``. Blocks."""
    since = now - SPAN
    names: dict[str, str] = {}
    weeks: list[label_rollups.Confusion] = []
    by_topic: list[label_rollups.Confusion] = []
    with warehouse.begin() as connection:
        versions = label_rollups.confusion(connection, since=since, by="version")
        if version is not None:
            weeks = label_rollups.confusion(connection, since=since, model_version=version)
            by_topic = label_rollups.confusion(connection, since=since, model_version=version, by="topic")
            by_topic = sorted(by_topic, key=lambda cell: -cell.n)[:_MOST_TOPICS]
            names = topics.names(connection, [cell.topic_id or "" for cell in by_topic])
    matrices = {cell.model_version: cell.matrix for cell in versions}
    others = sorted((cell for cell in versions if cell.model_version != version), key=lambda cell: -cell.n)
    return ModelAccuracy(
        model_version=version,
        since=stamp(since) or "",
        level=LEVEL,
        min_labels=MIN_LABELS,
        overall=Figures(**figures(matrices.get(version or "", NO_LABELS))),
        weeks=[Week(week=stamp(cell.week) or "", **figures(cell.matrix)) for cell in weeks],
        topics=[
            TopicFigures(
                id=cell.topic_id or "", name=names.get(cell.topic_id or "", ""), **figures(cell.matrix)
            )
            for cell in by_topic
        ],
        others=[
            VersionFigures(version=cell.model_version, **figures(cell.matrix))
            for cell in others[:_MOST_OTHERS]
        ],
    )


def figures(matrix: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Fields of ``Figures``, JSON-ready."""
    found = accuracy.interval(matrix, LEVEL)

    def bounded(interval: Interval | None) -> dict[str, float] | None:
        return None if interval is None else interval_json(interval)

    return {
        "labels": found.n,
        "right": found.right,
        "too_few": found.n < MIN_LABELS,
        "accuracy": bounded(found.accuracy),
        "average_recall": bounded(found.average_recall),
        "recalls": {label: bounded(recall) for label, recall in zip(LABELS, found.recalls, strict=True)},
        "confusion": [list(row) for row in matrix],
    }
