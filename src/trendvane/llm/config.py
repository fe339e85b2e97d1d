"""What a labeller needs to know of its endpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class LlmConfig:
    """An endpoint that speaks OpenAI's protocol, and how it is asked.

    Attributes:
        base_url: Such as ``https://api.openai.com/v1``.
        model: Name of the model there.
        micros_in: Price of a token sent, in millionths of a dollar; the same number as dollars a million.
        micros_out: Price of a token received.
        dollars_per_month: Spent at most, by all processes together.
        backend: ``chat`` for chat completions, ``choice`` for ``/v1/systemone`` of ``transformers serve``.
        api_key: Never shown.
        votes: Times a text is asked about, at most; 1 for ``choice``, whose answer is always the same.
        min_share: Share of the votes that a label needs.
        concurrency: Requests in flight.
        per_minute: Requests started in a minute, at most.
        temperature: Of the answers; above 0, or all votes are the same one.
        max_tokens: An answer's, at most; a model that thinks aloud needs more.
        timeout: Seconds for one request.
        attempts: Times one request is sent before it is given up.
    """

    base_url: str
    model: str
    micros_in: float
    micros_out: float
    dollars_per_month: float
    backend: Literal["chat", "choice"] = "chat"
    api_key: str = field(default="", repr=False)
    votes: int = 3
    min_share: float = 0.6
    concurrency: int = 4
    per_minute: float = 300.0
    temperature: float = 1.0
    max_tokens: int = 64
    timeout: float = 60.0
    attempts: int = 5
