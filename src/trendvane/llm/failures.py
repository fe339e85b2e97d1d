"""What the official client raises, as what it means: try again, never try again, or an abstention.

Messages name the host and the status. What the server wrote is quoted only where it helps to mend a setting,
and never the key.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from trendvane.domain.errors import LabellerRefusedError

if TYPE_CHECKING:
    import openai

    from trendvane.llm.config import LlmConfig

_AGAIN = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
_NO_CREDIT = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
_FILTERED = frozenset({"content_filter", "content_policy_violation"})
_QUOTED = 200
_REMEDIES: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "Check TRENDVANE_LABEL__API_KEY.",
    HTTPStatus.FORBIDDEN: "The key may not use this model; check TRENDVANE_LABEL__API_KEY and the account.",
    HTTPStatus.NOT_FOUND: "Check TRENDVANE_LABEL__BASE_URL (many end in /v1) and TRENDVANE_LABEL__MODEL.",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a request gave no answer, though another might.

    Attributes:
        reason: ``rate_limited``, ``server_error``, ``timeout``, ``connection`` or ``broken_answer``.
        billed: Whether the answer may have been produced, and is to be paid for.
        retry_after: Seconds the server asked to wait, if it did.
    """

    reason: str
    billed: bool
    retry_after: float | None = None


def lost(error: openai.APIConnectionError) -> Trouble:
    """A request whose answer never came."""
    import openai  # noqa: PLC0415  takes a second to import

    return Trouble("timeout" if isinstance(error, openai.APITimeoutError) else "connection", billed=True)


def refused(error: openai.APIStatusError, config: LlmConfig) -> Trouble | None:
    """A request that was answered with an error status.

    Returns:
        Trouble that may pass, or None when the server's filter objects to this text alone.

    Raises:
        LabellerRefusedError: It will not pass.
    """
    status = error.status_code
    said = {str(error.code), str(error.type)}
    if said & _FILTERED:
        return None
    if status == HTTPStatus.TOO_MANY_REQUESTS and said & _NO_CREDIT:
        raise LabellerRefusedError(
            f"The account at {host(config)} has no credit left.", remedy="Add credit there."
        ) from None
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Trouble("rate_limited", billed=False, retry_after=retry_after(error.response.headers))
    if status in _AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Trouble("server_error", billed=False, retry_after=retry_after(error.response.headers))
    # From None: the client's error quotes the server, and the server may quote the key.
    raise LabellerRefusedError(
        f"{host(config)} refuses model {config.model!r} with status {status}{_quote(error, config)}.",
        remedy=_REMEDIES.get(status, "Check the settings of the section `label`."),
    ) from None


def host(config: LlmConfig) -> str:
    """Where the endpoint is, without what a URL may hold besides."""
    parts = urlsplit(config.base_url)
    return parts.netloc.rpartition("@")[2] or "the endpoint"


def retry_after(headers: Any) -> float | None:
    """Seconds of ``Retry-After``, or of the finer ``retry-after-ms``; dates are not read."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    return None


def _quote(error: openai.APIStatusError, config: LlmConfig) -> str:
    # Where the key is at fault, servers repeat it, in part or in full.
    if error.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return ""
    body = error.body
    said = str(body.get("message") or body.get("detail") or "") if isinstance(body, dict) else ""
    if config.api_key:
        said = said.replace(config.api_key, "...")
    line = " ".join(said.split())[:_QUOTED].rstrip(".")
    return f": {line}" if line else ""
