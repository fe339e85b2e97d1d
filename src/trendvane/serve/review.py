"""``/v1/review``: tweets for people to label, and what they say of them. The page ``review.html`` is on it.

What the model and the LLM said is told only in the answer to a label: whoever has read it first agrees with
it too often, and then neither accuracy nor agreement means anything.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from fastapi import APIRouter, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from trendvane.domain.sentiment import LABELS
from trendvane.domain.snowflake import MAX_ID
from trendvane.serve.bodies import json_body
from trendvane.serve.predict import Probabilities
from trendvane.serve.problems import documented
from trendvane.serve.snapshot import stamp
from trendvane.warehouse import review

if TYPE_CHECKING:
    from trendvane.serve.ports import Ports
    from trendvane.warehouse.engine import Warehouse

MAX_NAME = 40  # characters
_MAX_BODY = 2048  # bytes; the largest sensible one has a tenth of it
# A colon would make a person look like "llm:model" or "file:name".
_NAME = re.compile(rf"[\w.@-](?:[\w .@-]{{0,{MAX_NAME - 2}}}[\w.@-])?")
_ADVICE = f"1 to {MAX_NAME} letters, digits, spaces, and . @ _ - between them"

TweetId = Annotated[str, Path(pattern=r"^[0-9]{1,19}$", description="The tweet's id.")]
Labeller = Annotated[str, Query(description=f"Who labels: {_ADVICE}.", max_length=4 * MAX_NAME)]
ModeName = Annotated[
    Literal["uncertain", "random"],
    Query(description="Which first: those the model doubts (for training), or as chance has it."),
]


class ReviewTweet(BaseModel):
    """A tweet to be labelled, without a word of what others said of it."""

    id: str
    text: str
    topic: str
    lang: str
    created_at: str | None
    source: str


class ReviewTweets(BaseModel):
    """The next tweets of a mode; empty when all are labelled."""

    mode: Literal["uncertain", "random"]
    tweets: list[ReviewTweet]


class ModelSaid(BaseModel):
    """The champion's answer; without one, the newest."""

    label: str
    score: float
    probabilities: Probabilities
    model_version: str


class OtherSaid(BaseModel):
    """What an LLM or a file said; the label is null when it abstained."""

    labeller: str
    kind: str
    label: str | None
    share: float


class Reviewed(BaseModel):
    """A label as it was stored, and what others said."""

    id: str
    label: str | None
    at_random: bool = Field(description="Whether it counts towards measured accuracy.")
    model: ModelSaid | None
    others: list[OtherSaid]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")
    label: Literal["negative", "neutral", "positive"] | None = Field(description="Null: cannot tell.")
    labeller: str = Field(description=f"{_ADVICE}.", max_length=4 * MAX_NAME)
    mode: Literal["uncertain", "random"]


def build_router(ports: Ports, warehouse: Warehouse) -> APIRouter:
    """The endpoints, on ``warehouse``."""
    router = APIRouter(tags=["review"])
    body = {"required": True, "content": {"application/json": {"schema": _Body.model_json_schema()}}}

    @router.get("/v1/review/next", summary="Tweets for people to label", responses=documented(422, 503))
    def following(
        mode: ModeName, labeller: Labeller, limit: Annotated[int, Query(ge=1, le=50)] = 20
    ) -> ReviewTweets:
        return _following(ports, warehouse, checked_name(labeller), mode, limit)

    @router.put(
        "/v1/review/{tweet_id}",
        summary="What a person says of a tweet",
        response_model=Reviewed,
        responses=documented(400, 403, 404, 408, 409, 413, 415, 422, 503),
        openapi_extra={"requestBody": body},
    )
    async def put(tweet_id: TweetId, request: Request) -> Reviewed:
        given = read_answer(known_id(tweet_id), await json_body(request, _MAX_BODY))
        return await run_in_threadpool(_store, ports, warehouse, given)

    @router.delete(
        "/v1/review/{tweet_id}",
        summary="Withdraw one's own label",
        status_code=204,
        response_class=Response,
        responses=documented(403, 404, 422, 503),
    )
    def withdraw(tweet_id: TweetId, labeller: Labeller) -> None:
        with warehouse.begin() as connection:
            found = review.withdraw(connection, known_id(tweet_id), checked_name(labeller))
        if not found:
            raise HTTPException(404, "There is no such label.")

    return router


def known_id(tweet_id: str) -> int:
    """The id as a number, or a 404 for one that no tweet can have."""
    number = int(tweet_id)
    if number > MAX_ID:
        raise HTTPException(404, "There is no such tweet here.")
    return number


def checked_name(name: object) -> str:
    """A person's name, composed (NFC) and without space around it, or a 422."""
    text = unicodedata.normalize("NFC", name).strip() if isinstance(name, str) else ""
    if not _NAME.fullmatch(text) or "  " in text:
        raise HTTPException(422, f"The labeller's name must have {_ADVICE}.")
    return text


def read_answer(tweet_id: int, body: dict[str, Any]) -> review.Answer:
    """Check what a person sent.

    Raises:
        HTTPException: 422 with a reason that does not repeat the input.
    """
    if body.keys() != {"label", "labeller", "mode"}:
        raise HTTPException(422, "Give label, labeller and mode, and nothing else.")
    label, mode = body["label"], body["mode"]
    if label is not None and label not in LABELS:
        raise HTTPException(422, f"The label must be one of {', '.join(LABELS)}, or null.")
    if not (isinstance(mode, str) and mode in review.SAMPLE_OF):
        raise HTTPException(422, "The mode must be uncertain or random.")
    place = None if label is None else LABELS.index(label)
    return review.Answer(tweet_id, checked_name(body["labeller"]), place, cast("review.Mode", mode))


def _version(ports: Ports) -> str | None:
    engine = ports.holder.current
    return None if engine is None else engine.version


def _following(
    ports: Ports, warehouse: Warehouse, labeller: str, mode: review.Mode, limit: int
) -> ReviewTweets:
    wanted = review.Wanted(
        mode=mode,
        labeller=labeller,
        version=_version(ports),
        allow_x=ports.config.allow_x_content,
        limit=limit,
    )
    with warehouse.begin() as connection:
        found = review.candidates(connection, wanted, now=ports.now())
    tweets = [
        ReviewTweet(
            id=str(tweet.tweet_id),
            text=tweet.text,
            topic=tweet.topic,
            lang=tweet.lang,
            created_at=stamp(tweet.created_at),
            source=tweet.source,
        )
        for tweet in found
    ]
    return ReviewTweets(mode=mode, tweets=tweets)


def _store(ports: Ports, warehouse: Warehouse, given: review.Answer) -> Reviewed:
    with warehouse.begin() as connection:
        kept = review.sampled(connection, given.tweet_id)
        _may_label(kept, given, allow_x=ports.config.allow_x_content)
        if not review.answer(connection, given, now=ports.now()):
            raise HTTPException(404, "There is no such tweet here.")
        model = review.said(connection, given.tweet_id, _version(ports))
        others = review.others(connection, given.tweet_id)
    return Reviewed(
        id=str(given.tweet_id),
        label=_name(given.label),
        at_random=given.mode == "random",
        model=None if model is None else _model_said(model),
        others=[
            OtherSaid(labeller=o.labeller, kind=o.kind, label=_name(o.label), share=o.share) for o in others
        ],
    )


def _may_label(kept: review.Sampled | None, given: review.Answer, *, allow_x: bool) -> None:
    if kept is None:
        raise HTTPException(404, "There is no such tweet here.")
    if kept.source == "x" and not allow_x:
        raise HTTPException(
            403, "Tweets of the real X may be labelled only with training.allow_x_content on."
        )
    if kept.sample != review.SAMPLE_OF[given.mode]:
        raise HTTPException(409, "This tweet is not in the sample that this mode labels.")


def _model_said(said: review.Said) -> ModelSaid:
    return ModelSaid(
        label=LABELS[said.label],
        score=said.p[said.label],
        probabilities=Probabilities(**dict(zip(LABELS, said.p, strict=True))),
        model_version=said.model_version,
    )


def _name(label: int | None) -> str | None:
    return None if label is None else LABELS[label]
