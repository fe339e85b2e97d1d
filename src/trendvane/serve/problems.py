"""Errors as ``application/problem+json`` (RFC 9457): what happened, and what can be done about it.

No answer repeats what the client sent: an error page that echoes is a way to make this host say things.
"""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from trendvane.domain.errors import ModelPackageError, OverloadedError, RetryableError, TrendvaneError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI
    from starlette.requests import Request

MEDIA_TYPE = "application/problem+json"
_SOON = "5"  # seconds until a store or a model may be back


class Problem(BaseModel):
    """Body of every answer from 400 up."""

    type: str = Field("about:blank", description="Always about:blank; the status says it.")
    title: str = Field(description="Name of the status.")
    status: int = Field(description="The HTTP status, again.")
    detail: str = Field(description="What happened.")
    remedy: str = Field("", description="What can be done about it.")


def problem(
    status: int, detail: str, *, remedy: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """An answer that says what went wrong."""
    title = HTTPStatus(status).phrase
    body = Problem(title=title, status=status, detail=detail, remedy=remedy)
    return Response(
        orjson.dumps(body.model_dump()), status, media_type=MEDIA_TYPE, headers=dict(headers or {})
    )


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI descriptions of problems with these statuses."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
        }
        for status in statuses
    }


def from_error(error: TrendvaneError) -> Response:
    """429 when overloaded, 503 while something we need is away, otherwise 500."""
    if isinstance(error, OverloadedError):
        headers = {"Retry-After": str(math.ceil(error.retry_after))}
        remedy = "Wait as long as Retry-After says, or send fewer texts at a time."
        return problem(429, error.message, remedy=error.remedy or remedy, headers=headers)
    if isinstance(error, RetryableError | ModelPackageError):
        return problem(503, error.message, remedy=error.remedy, headers={"Retry-After": _SOON})
    return problem(500, "The server cannot answer this.", remedy="Read the server's log.")


def install(app: FastAPI) -> None:
    """Answer every exception of ``app`` with a problem."""

    async def expected(_request: Request, error: Exception) -> Response:
        assert isinstance(error, TrendvaneError)
        return from_error(error)

    async def http(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return problem(error.status_code, str(error.detail), headers=error.headers)

    async def invalid(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        # Places are ours for declared parameters; messages may quote the input, so only the kind is told.
        faults = [f"{fault['loc'][0]} {fault['loc'][-1]}: {fault['type']}" for fault in error.errors()]
        return problem(422, f"Not understood: {'; '.join(faults)}.", remedy="Compare with /openapi.json.")

    app.add_exception_handler(TrendvaneError, expected)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
