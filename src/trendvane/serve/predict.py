"""``POST /v1/predict``: 1 to 32 texts in, a label and three probabilities for each out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeGuard

import orjson
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, create_model
from starlette.exceptions import HTTPException
from starlette.responses import Response

from trendvane.domain.errors import OverloadedError
from trendvane.domain.sentiment import LABELS
from trendvane.serve.bodies import read_json
from trendvane.serve.problems import documented

if TYPE_CHECKING:
    from trendvane.model.batcher import Prediction
    from trendvane.serve.metrics import Metrics
    from trendvane.serve.ports import Ports, ServeConfig

_MAX_ID = 64  # characters of an id
_DIGITS = 6  # beyond, a float32 has nothing to say


class Probabilities(BaseModel):
    """Of the three classes; they sum to 1."""

    negative: float
    neutral: float
    positive: float


class TextPrediction(BaseModel):
    """What the model says of one text."""

    id: str | None = Field(None, description="As given in the request; absent when none were.")
    label: Literal["negative", "neutral", "positive"]
    score: float = Field(description="Probability of the label.")
    probabilities: Probabilities
    model_version: str


class Predictions(BaseModel):
    """One prediction per text, in the order of the request."""

    predictions: list[TextPrediction]


@dataclass(frozen=True, slots=True)
class Question:
    """A request that was found good."""

    texts: list[str]
    ids: list[str] | None


def build_router(ports: Ports, metrics: Metrics) -> APIRouter:
    """The endpoint, on ``ports.batcher``."""
    router = APIRouter(tags=["predict"])

    @router.post(
        "/v1/predict",
        summary="Sentiment of 1 to 32 texts",
        response_model=Predictions,
        responses=documented(400, 403, 408, 413, 415, 422, 429, 503),
        openapi_extra={"requestBody": _documented_body(ports.config)},
    )
    async def predict(request: Request) -> Response:
        question = read_question(request.headers.get("content-type", ""), await _body(request), ports.config)
        started = time.perf_counter()
        try:
            prediction = await ports.batcher.predict(question.texts, ports.config.deadline_s)
        except OverloadedError:
            metrics.refused.inc()
            raise
        metrics.predict_duration.observe(time.perf_counter() - started)
        rows = answer(question, prediction)
        for row in rows:
            metrics.predictions.labels(row["label"]).inc()
        return Response(orjson.dumps({"predictions": rows}), media_type="application/json")

    return router


async def _body(request: Request) -> bytes:
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise HTTPException(415, "Compressed bodies are not taken.")
    return await request.body()


def read_question(content_type: str, body: bytes, config: ServeConfig) -> Question:
    """Check a request.

    Raises:
        HTTPException: 400, 415 or 422 with a reason that does not repeat the input.
    """
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "Send application/json.")
    value = read_json(body)
    if not value.keys() <= {"texts", "ids"}:
        raise HTTPException(422, "Only the keys texts and ids are known.")
    texts, ids = value.get("texts"), value.get("ids")
    if not _is_strings(texts) or not 1 <= len(texts) <= config.max_texts:
        raise HTTPException(422, f"texts must be a list of 1 to {config.max_texts} strings.")
    if not all(1 <= len(text) <= config.max_chars and "\0" not in text for text in texts):
        raise HTTPException(422, f"A text must have 1 to {config.max_chars} characters, NUL not among them.")
    if ids is not None and not (
        _is_strings(ids) and len(ids) == len(texts) and all(1 <= len(i) <= _MAX_ID for i in ids)
    ):
        raise HTTPException(422, f"ids must be as many strings as texts, of 1 to {_MAX_ID} characters.")
    return Question(texts, ids)


def answer(question: Question, prediction: Prediction) -> list[dict[str, Any]]:
    """Rows of the response."""
    rows: list[dict[str, Any]] = []
    for index, p in enumerate(prediction.p.tolist()):
        best = max(range(len(LABELS)), key=p.__getitem__)
        row: dict[str, Any] = {} if question.ids is None else {"id": question.ids[index]}
        rows.append(
            row
            | {
                "label": LABELS[best],
                "score": round(p[best], _DIGITS),
                "probabilities": {label: round(v, _DIGITS) for label, v in zip(LABELS, p, strict=True)},
                "model_version": prediction.version,
            }
        )
    return rows


def _is_strings(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _documented_body(config: ServeConfig) -> dict[str, Any]:
    text = Annotated[str, Field(min_length=1, max_length=config.max_chars, pattern=r"^[^\x00]+$")]
    name = Annotated[str, Field(min_length=1, max_length=_MAX_ID)]
    fields: dict[str, Any] = {
        "texts": (list[text], Field(min_length=1, max_length=config.max_texts)),
        "ids": (list[name] | None, Field(None, description="As many as texts; handed back.")),
    }
    made = create_model("PredictRequest", __config__=ConfigDict(extra="forbid"), **fields)
    schema = made.model_json_schema()
    return {"required": True, "content": {"application/json": {"schema": schema}}}
