"""Endpoints for those who run the server: is it alive, is it ready, which model, which figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from trendvane.domain.errors import StorageUnavailableError
from trendvane.domain.sentiment import LABELS
from trendvane.serve.problems import documented

if TYPE_CHECKING:
    from trendvane.model.package import ModelPackage
    from trendvane.serve.metrics import Metrics
    from trendvane.serve.ports import Ports


class Readiness(BaseModel):
    """Whether to send requests here."""

    ready: bool
    reasons: list[str] = Field(description="Why not; empty when ready.")


class ModelCard(BaseModel):
    """The model in use, as its package describes it."""

    name: str
    version: str = Field(description="Name and version; the model_version of every prediction.")
    labels: list[str]
    languages: list[str]
    text_version: int
    max_length: int = Field(description="Word pieces read of a text; the rest is cut.")
    temperature: float
    confusion: list[list[int]] = Field(description="Counts on the frozen test set, truth in rows.")
    metrics: dict[str, Any]
    encoder: dict[str, Any]
    sha256: dict[str, str]
    trouble: str = Field(description="Why a newer package is not in use; empty when the newest is.")


def build_router(ports: Ports, metrics: Metrics) -> APIRouter:
    """``/livez``, ``/readyz``, ``/metrics``, ``/v1/model``."""
    router = APIRouter(tags=["service"])

    @router.get("/livez", summary="The process answers")
    async def livez() -> dict[str, str]:
        return {"status": "ok"}

    # Not async: the question to the warehouse may take its time, and must not take the loop's.
    @router.get(
        "/readyz",
        summary="Model and warehouse answer",
        response_model=Readiness,
        responses={503: {"model": Readiness, "description": "Not ready"}},
    )
    def readyz() -> Response:
        reasons = why_not_ready(ports)
        return JSONResponse({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)

    @router.get("/metrics", summary="Figures for Prometheus", include_in_schema=False)
    def figures() -> Response:
        return Response(generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    @router.get("/v1/model", summary="The model in use", responses=documented(503))
    async def model() -> ModelCard:
        return _model_card(ports.holder.require().package, ports.holder.state.trouble)

    return router


def _model_card(package: ModelPackage, trouble: str) -> ModelCard:
    return ModelCard(
        name=package.name,
        version=package.identity,
        labels=list(LABELS),
        languages=list(package.languages),
        text_version=package.text_version,
        max_length=package.max_length,
        temperature=package.temperature,
        confusion=[list(row) for row in package.confusion],
        metrics=dict(package.metrics),
        encoder=dict(package.encoder),
        sha256=dict(package.sha256),
        trouble=trouble,
    )


def why_not_ready(ports: Ports) -> list[str]:
    """Reasons to send no requests here; empty when ready."""
    reasons = []
    if ports.draining.is_set():
        reasons.append("The server is stopping.")
    if ports.holder.current is None:
        reasons.append(f"No model is loaded. {ports.holder.state.trouble}".strip())
    if ports.warehouse is not None:
        try:
            with ports.warehouse.begin() as connection:
                connection.execute(sa.text("SELECT 1"))
        except StorageUnavailableError as error:
            reasons.append(str(error))
    return reasons
