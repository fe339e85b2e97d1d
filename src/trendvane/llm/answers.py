"""From the bytes of an answer to a vote. Nothing that a server sends makes this fail."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from trendvane.domain.sentiment import LABELS
from trendvane.llm.prompt import UNSURE

_FENCE = re.compile(r"^\s*```(?:json)?\s*(.*?)\s*```\s*$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Vote:
    """One answer.

    Attributes:
        label: Class index; None for an abstention.
        reason: Why there is no label: ``unsure`` (the model said so), ``refusal``, ``filtered``, ``cut``,
            ``not_json`` or ``unknown_label``. Empty when there is one.
    """

    label: int | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What one request gave; tokens are None when the server did not count them."""

    vote: Vote
    tokens_in: int | None
    tokens_out: int | None


def read(body: bytes) -> Reply | None:
    """Read the body of a successful response.

    Returns:
        None when it is no chat completion at all, such as an error page of a proxy or half an answer: worth
        asking again.
    """
    try:
        answer = json.loads(body)
        choice = answer["choices"][0]
        message = choice["message"]
        content, refusal = message.get("content"), message.get("refusal")
        ended = choice.get("finish_reason")
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None
    usage = answer.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    return Reply(
        vote_of(content, refusal, ended), _count(counts, "prompt_tokens"), _count(counts, "completion_tokens")
    )


def vote_of(content: object, refusal: object = None, ended: object = "stop") -> Vote:
    """The vote in a message; an answer that is whole counts even if the server cut what came after it."""
    label = _label(content)
    if isinstance(label, str) and label in LABELS and not refusal:
        return Vote(LABELS.index(label))
    if refusal:
        return Vote(None, "refusal")
    if ended == "content_filter":
        return Vote(None, "filtered")
    if label == UNSURE:
        return Vote(None, UNSURE)
    if ended == "length":
        return Vote(None, "cut")
    return Vote(None, "not_json" if label is None else "unknown_label")


def _label(content: object) -> Any:
    """What stands under ``label``, in lower case; None when the content is no JSON object.

    Servers that ignore the schema often wrap the object in a fence.
    """
    if not isinstance(content, str):
        return None
    fenced = _FENCE.match(content)
    try:
        found = json.loads(fenced.group(1) if fenced else content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    label = found.get("label", "")
    return label.strip().lower() if isinstance(label, str) else ""


def _count(usage: dict[str, Any], name: str) -> int | None:
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
