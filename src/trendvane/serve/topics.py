"""Topics as JSON: all of them, one in full, several side by side. The page is built on these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query

from trendvane.serve.estimator import ModelEstimator
from trendvane.serve.exports import exports_router
from trendvane.serve.live import Broadcaster, LiveOptions, live_router
from trendvane.serve.problems import documented
from trendvane.serve.questions import TopicId, WindowName, checked_topic_id, checked_topic_ids, checked_window
from trendvane.serve.snapshot import PageOptions, Snapshots
from trendvane.serve.snapshot_estimates import Estimates
from trendvane.serve.snapshot_topic import TopicViews
from trendvane.serve.snapshot_truth import TruthBook

if TYPE_CHECKING:
    from trendvane.serve.ports import Ports
    from trendvane.serve.snapshot_estimates import Estimator


@dataclass(frozen=True, slots=True)
class PageParts:
    """What is wired together for the page; tests replace the estimator and the pace."""

    estimator: Estimator | None = None
    options: PageOptions | None = None
    live: LiveOptions | None = None


def build_router(ports: Ports, parts: PageParts | None = None) -> APIRouter:
    """Every read-only endpoint: ``/v1/topics...``, exports and ``/v1/live``.

    Args:
        ports: The systems; its warehouse must be there.
        parts: Replacements for tests and benchmarks.

    Raises:
        ValueError: There is no warehouse to read.
    """
    if ports.warehouse is None:
        raise ValueError("The page needs a warehouse.")
    parts = parts or PageParts()
    options = parts.options or PageOptions(demo=ports.config.demo)
    estimates = Estimates(parts.estimator or ModelEstimator(ports.holder, options.level))
    truth = TruthBook(ports.config.demo_truth_url, ports.now) if ports.config.demo_truth_url else None
    snapshots = Snapshots(ports.warehouse, estimates, options, ports.now, truth)
    views = TopicViews(ports.warehouse, snapshots, estimates, ports.now)
    broadcaster = Broadcaster(
        snapshots.fingerprint,
        lambda window: snapshots.overview(checked_window(window)),
        ports.draining,
        parts.live or LiveOptions(),
    )
    router = APIRouter()
    router.include_router(live_router(broadcaster))
    router.include_router(exports_router(ports.warehouse, estimates, ports.now))
    router.include_router(_topics_router(snapshots, views))
    return router


def _topics_router(snapshots: Snapshots, views: TopicViews) -> APIRouter:
    """Plain functions, not coroutines: FastAPI runs them in threads, where blocking reads belong."""
    router = APIRouter(tags=["topics"])

    @router.get("/v1/topics", summary="Topics of a window, loudest first", responses=documented(422, 503))
    def topics(window: WindowName = "1h", limit: Annotated[int, Query(ge=1, le=200)] = 60) -> dict[str, Any]:
        return snapshots.overview(checked_window(window), limit)

    @router.get(
        "/v1/topics/compare", summary="Two to four topics side by side", responses=documented(404, 422, 503)
    )
    def compare(
        ids: Annotated[str, Query(description="Topic ids, separated by commas.", max_length=200)],
        window: WindowName = "24h",
    ) -> dict[str, Any]:
        found = views.compare(checked_topic_ids(ids), checked_window(window))
        if not found["topics"]:
            raise HTTPException(404, "None of these topics is known.")
        return found

    @router.get(
        "/v1/topics/{topic_id}",
        summary="One topic: shares, series, examples, provenance",
        responses=documented(404, 422, 503),
    )
    def topic(
        topic_id: TopicId,
        window: WindowName = "24h",
        examples: Annotated[Literal["newest", "confident"], Query(description="Which examples.")] = "newest",
    ) -> dict[str, Any]:
        found = views.topic(
            checked_topic_id(topic_id), checked_window(window), confident=examples == "confident"
        )
        if found is None:
            raise HTTPException(404, "There is no such topic.")
        return found

    return router
