"""The two ways of asking: by a chat, or by a choice whose probabilities are read off the model.

``Chat`` is OpenAI's own chat completion with a JSON schema. ``Choice`` is ``POST /v1/systemone`` of
``transformers serve``: a local model never writes a word; the probabilities of the answers' letters are its
answer, in one pass and the same each time.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from trendvane.domain.sentiment import LABELS
from trendvane.domain.text import prepare
from trendvane.llm import answers, prompt
from trendvane.llm.answers import Reply, Vote

if TYPE_CHECKING:
    import openai

    from trendvane.llm.config import LlmConfig

_QUESTION = "sentiment"


class Asking(Protocol):
    """One way of asking; its methods know nothing of money, patience or votes."""

    def contents(self, text: str) -> list[str]:
        """What is sent and paid for by the token."""
        ...

    def send(self, client: openai.OpenAI, text: str) -> bytes:
        """Ask, and return the body of the answer; raises what the client raises."""
        ...

    def read(self, body: bytes) -> Reply | None:
        """The vote in an answer; None when it is no answer at all."""
        ...


def asking(config: LlmConfig) -> Asking:
    """The way of asking that ``config`` names."""
    return Choice(config) if config.backend == "choice" else Chat(config)


class Chat:
    """Structured output of a chat completion."""

    def __init__(self, config: LlmConfig) -> None:
        self._config = config

    def contents(self, text: str) -> list[str]:
        """Both messages, and the schema, which servers put into the prompt."""
        return [*(message["content"] for message in prompt.messages(text)), prompt.SCHEMA_TEXT]

    def send(self, client: openai.OpenAI, text: str) -> bytes:
        """The body is read by us: the client's own reading fails in many ways on what is no completion."""
        create: Any = client.chat.completions.with_raw_response.create
        response = create(
            model=self._config.model,
            messages=prompt.messages(text),
            response_format=prompt.RESPONSE_FORMAT,
            temperature=self._config.temperature,
            max_completion_tokens=self._config.max_tokens,
        )
        body: bytes = response.content
        return body

    def read(self, body: bytes) -> Reply | None:
        """The label in the JSON that the model wrote."""
        return answers.read(body)


class Choice:
    """A choice among the classes and ``unsure``; a label needs ``min_share`` of the probability."""

    def __init__(self, config: LlmConfig) -> None:
        self._config = config

    def contents(self, text: str) -> list[str]:
        """The tweet and the criteria."""
        return [prepare(text), json.dumps(prompt.CRITERIA), prompt.INSTRUCTIONS]

    def send(self, client: openai.OpenAI, text: str) -> bytes:
        """One question about one tweet."""
        import httpx2  # noqa: PLC0415  with the client

        question = {"type": "choice", "instructions": prompt.INSTRUCTIONS, "criteria": prompt.CRITERIA}
        body = {"model": self._config.model, "state": prepare(text), "questions": {_QUESTION: question}}
        return client.post("/systemone", cast_to=httpx2.Response, body=body).content

    def read(self, body: bytes) -> Reply | None:
        """The likeliest class, if it is likely enough."""
        try:
            answer = json.loads(body)
            p = answer["answers"][_QUESTION]["probabilities"]
            values = {name: float(p[name]) for name in (*LABELS, prompt.UNSURE)}
        except (ValueError, TypeError, LookupError, RecursionError):
            return None
        best = max(values, key=lambda name: values[name])
        usage = answer.get("usage")
        sent = usage.get("input_tokens") if isinstance(usage, dict) else None
        tokens_in = sent if isinstance(sent, int) and sent >= 0 else None
        if best == prompt.UNSURE:
            vote = Vote(None, prompt.UNSURE)
        elif values[best] < self._config.min_share:
            vote = Vote(None, "doubtful")
        else:
            vote = Vote(LABELS.index(best))
        return Reply(vote, tokens_in, 0)
