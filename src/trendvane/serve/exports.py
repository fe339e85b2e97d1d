"""Numbers of a topic by the minute, with tweet ids, as CSV or Parquet.

No tweet text: X lets others have ids, not content, and who holds the ids can ask X for what still exists.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
from fastapi import APIRouter, HTTPException, Query, Response

from trendvane.domain.sentiment import LABELS
from trendvane.serve.problems import documented
from trendvane.serve.questions import TopicId, WindowName, checked_topic_id, checked_window
from trendvane.serve.snapshot import stamp
from trendvane.warehouse import reading, reading_tweets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from trendvane.serve.snapshot_estimates import Estimates
    from trendvane.warehouse.engine import Warehouse
    from trendvane.warehouse.reading import Minute, TopicRow

# X lets ids be passed on in bounded numbers; the newest ones are kept.
MAX_IDS = 50_000
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
Row = dict[str, Any]
WithIds = Annotated[bool, Query(description=f"Whether to list tweet ids, at most {MAX_IDS} in all.")]


def exports_router(warehouse: Warehouse, estimates: Estimates, now: Callable[[], datetime]) -> APIRouter:
    """``GET /v1/topics/{topic_id}/export.csv`` and ``.parquet``."""
    router = APIRouter(tags=["exports"], responses=documented(404, 422, 503))

    def rows(topic_id: str, window: str, ids: bool) -> list[Row]:  # noqa: FBT001 - as the query says it
        since = checked_window(window).since(now())
        with warehouse.begin() as connection:
            found = reading.topics_by_id(connection, [checked_topic_id(topic_id)], since)
            if not found:
                raise HTTPException(404, "There is no such topic.")
            minutes = reading.minutes(connection, topic_id, since)
            by_minute = (
                reading_tweets.ids_by_minute(connection, topic_id, since, limit=MAX_IDS) if ids else None
            )
        return export_rows(found[0], minutes, by_minute, estimates)

    @router.get("/v1/topics/{topic_id}/export.csv", summary="Numbers by the minute as CSV")
    def export_csv(topic_id: TopicId, window: WindowName = "24h", ids: WithIds = True) -> Response:  # noqa: FBT002 - a query parameter
        body = to_csv(rows(topic_id, window, ids), with_ids=ids)
        return _download(body, "text/csv; charset=utf-8", topic_id, window, "csv")

    @router.get("/v1/topics/{topic_id}/export.parquet", summary="Numbers by the minute as Parquet")
    def export_parquet(topic_id: TopicId, window: WindowName = "24h", ids: WithIds = True) -> Response:  # noqa: FBT002 - the same
        body = to_parquet(rows(topic_id, window, ids), with_ids=ids)
        return _download(body, "application/vnd.apache.parquet", topic_id, window, "parquet")

    return router


def export_rows(
    topic: TopicRow,
    minutes: Iterable[Minute],
    ids: dict[datetime, list[int]] | None,
    estimates: Estimates,
) -> list[Row]:
    """One row per minute and model version; ids stand in the first row of their minute."""
    left = dict(ids or {})
    rows: list[Row] = []
    for minute in minutes:
        counts, shares = minute.counts, estimates.of(minute.counts)
        row: Row = {
            "topic_id": topic.topic_id,
            "topic": topic.name,
            "source": topic.source,
            "minute": minute.minute,
            "model_version": minute.model_version,
            "tweets": counts.tweets,
            "voices": counts.voices,
            "predicted_negative": counts.negative,
            "predicted_neutral": counts.neutral,
            "predicted_positive": counts.positive,
        }
        for name in (*LABELS, "net"):
            interval = getattr(shares, name) if shares else None
            for part in ("value", "low", "high"):
                row[f"{name}_{part}"] = getattr(interval, part) if interval else None
        if ids is not None:
            row["tweet_ids"] = [str(tweet_id) for tweet_id in sorted(left.pop(minute.minute, []))]
        rows.append(row)
    return rows


def to_csv(rows: Sequence[Row], *, with_ids: bool) -> bytes:
    """UTF-8 with a header; ids separated by spaces; text cells cannot act as spreadsheet formulas."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, fieldnames=[field.name for field in _schema(with_ids=with_ids)])
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return out.getvalue().encode()


def to_parquet(rows: Sequence[Row], *, with_ids: bool) -> bytes:
    """One row group, zstd."""
    table = pa.Table.from_pylist(list(rows), schema=_schema(with_ids=with_ids))
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _schema(*, with_ids: bool) -> Any:
    fields = [
        ("topic_id", pa.string()),
        ("topic", pa.string()),
        ("source", pa.string()),
        ("minute", pa.timestamp("us", tz="UTC")),
        ("model_version", pa.string()),
        *((name, pa.int64()) for name in ("tweets", "voices")),
        *((f"predicted_{label}", pa.int64()) for label in LABELS),
        *((f"{name}_{part}", pa.float64()) for name in (*LABELS, "net") for part in ("value", "low", "high")),
    ]
    if with_ids:
        fields.append(("tweet_ids", pa.list_(pa.string())))
    return pa.schema(fields)


def _cell(value: object) -> object:
    """A cell as text. A leading apostrophe keeps spreadsheets from running what a stranger wrote."""
    if isinstance(value, list):
        return " ".join(value)
    if isinstance(value, float):
        return format(value, ".6g")
    if hasattr(value, "astimezone"):
        return stamp(value)  # type: ignore[arg-type]
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA_STARTS):
        return "'" + value
    return value


def _download(body: bytes, media_type: str, topic_id: str, window: str, ending: str) -> Response:
    # The file is named by id: a topic's own name is a stranger's text.
    name = f"trendvane-{topic_id}-{window}.{ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(body, media_type=media_type, headers=headers)
