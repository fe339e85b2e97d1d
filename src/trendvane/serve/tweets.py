"""``GET /v1/tweets/{id}``: a stored tweet, what the model says of it, and where it came from."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - pydantic reads the annotation
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from trendvane.domain.errors import StorageUnavailableError
from trendvane.domain.sentiment import LABELS
from trendvane.domain.snowflake import MAX_ID
from trendvane.serve.predict import Probabilities
from trendvane.serve.problems import documented
from trendvane.warehouse import lookup

if TYPE_CHECKING:
    from trendvane.serve.ports import Ports
    from trendvane.warehouse.lookup import Scored, StoredTweet

# A string, as in X's own API: JavaScript's numbers lose the last digits of an id.
TweetId = Annotated[str, Path(pattern=r"^[0-9]{1,19}$", description="The tweet's id.")]


class TweetPrediction(BaseModel):
    """The newest prediction of a tweet."""

    label: str
    score: float
    probabilities: Probabilities
    model_version: str
    processed_at: datetime


class TweetView(BaseModel):
    """A stored tweet."""

    id: str
    content: str
    created_at: datetime
    crawl_at: datetime
    lang: str
    topics: list[str] = Field(description="Ids of the topics it was found under.")
    type: str
    source: str = Field(description="x, emulator or replay.")
    raw_ref: str = Field(description="Lake object and page it was read from.")
    cluster_id: str = Field(description="First tweet that said the same.")
    prediction: TweetPrediction | None = Field(description="Null until the tweet is scored.")


def build_router(ports: Ports) -> APIRouter:
    """The endpoint, on ``ports.warehouse``."""
    router = APIRouter(tags=["tweets"])

    @router.get("/v1/tweets/{tweet_id}", summary="One tweet", responses=documented(404, 422, 503))
    def tweet(tweet_id: TweetId) -> TweetView:
        if ports.warehouse is None:
            raise StorageUnavailableError(
                "This server has no warehouse.", remedy="Start it with a warehouse to look up tweets."
            )
        number = int(tweet_id)
        found = None
        if number <= MAX_ID:
            with ports.warehouse.begin() as connection:
                found = lookup.find(connection, number)
        if found is None:
            raise HTTPException(404, "There is no such tweet here.")
        return _view(found)

    return router


def _view(tweet: StoredTweet) -> TweetView:
    return TweetView(
        id=str(tweet.tweet_id),
        content=tweet.content,
        created_at=tweet.created_at,
        crawl_at=tweet.crawl_at,
        lang=tweet.lang,
        topics=list(tweet.topic_ids),
        type=tweet.kind,
        source=tweet.source,
        raw_ref=tweet.raw_ref,
        cluster_id=str(tweet.cluster_id),
        prediction=None if tweet.scored is None else _prediction(tweet.scored),
    )


def _prediction(scored: Scored) -> TweetPrediction:
    return TweetPrediction(
        label=LABELS[scored.sentiment],
        score=scored.score,
        probabilities=Probabilities(**dict(zip(LABELS, scored.p, strict=True))),
        model_version=scored.model_version,
        processed_at=scored.processed_at,
    )
