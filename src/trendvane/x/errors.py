"""What an answer of X means: one table.

Matching goes by status, the last segment of the problem's ``type`` (X uses two host names for the same
problem), and the title. The first row that fits decides, so special rows stand above general ones. Bodies
come as problem documents, as the old ``{"errors": [{"code": 88}]}`` form, as ``{"code", "message"}``, or as
a page of HTML.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from trendvane.domain.errors import (
    CursorTooOldError,
    RateLimitedError,
    SourceRefusedError,
    SourceUnavailableError,
    TrendvaneError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from trendvane.x.wire import Reply

# A window lasts 15 minutes; a reset further away than that is a clock that differs from ours.
MAX_WAIT = 16 * 60.0
_DEFAULT_WAIT = 60.0
_JITTER = 5.0
_OK = range(200, 300)
_QUOTED = 200


@dataclass(frozen=True, slots=True)
class Problem:
    """An answer that is not the data asked for.

    Attributes:
        kind: Stable code, safe as a metric label.
        error: What to raise.
    """

    kind: str
    error: TrendvaneError


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the rows of the table look at."""

    status: int
    segment: str
    title: str
    issue: str
    detail: str
    old_cursor: bool
    retry_at: float


@dataclass(frozen=True, slots=True)
class _Row:
    statuses: range | tuple[int, ...]
    kind: str
    make: Callable[[_Facts], TrendvaneError]
    segment: str = ""
    title: str = ""
    issue: str = ""
    old_cursor: bool = False

    def fits(self, facts: _Facts) -> bool:
        return (
            facts.status in self.statuses
            and self.segment in {"", facts.segment}
            and self.title.casefold() in facts.title
            and self.issue in {"", facts.issue}
            and (facts.old_cursor or not self.old_cursor)
        )


class MalformedRequestError(SourceRefusedError):
    """X cannot answer this one request; others may well pass."""


def _malformed(remedy: str) -> Callable[[_Facts], TrendvaneError]:
    return lambda f: MalformedRequestError(
        f"X cannot read the request ({f.status}): {f.detail}.", remedy=remedy
    )


def _refused(remedy: str) -> Callable[[_Facts], TrendvaneError]:
    return lambda f: SourceRefusedError(f"X refused the request ({f.status}): {f.detail}.", remedy=remedy)


def _wait(f: _Facts) -> TrendvaneError:
    return RateLimitedError("X asks to wait: the rate limit is used up.", retry_at=f.retry_at)


def _unavailable(f: _Facts) -> TrendvaneError:
    return SourceUnavailableError(f"X did not answer usefully ({f.status}): {f.detail}.")


def _too_old(f: _Facts) -> TrendvaneError:
    return CursorTooOldError(f"The search cursor has left X's seven-day window: {f.detail}.")


_CONSOLE = _refused("See the project's page in the developer console.")
_PACKAGE = _refused("Move the app to the pay-per-use package.")
_WRONG_TOKEN = _refused("Use an app-only bearer token.")
_SPENDING = _refused("Raise the spending limit in the developer console.")
_CAPPED = _refused("Wait for the next billing cycle.")
_BAD_RULES = _refused("Check the rules of the stream.")
_TABLE: tuple[_Row, ...] = (
    _Row((400,), "cursor_too_old", _too_old, old_cursor=True),
    _Row((400,), "invalid_request", _malformed("Check the query and the settings of the request.")),
    _Row((401,), "unauthorized", _refused("Check the bearer token.")),
    _Row((402,), "credits_depleted", _refused("Buy credits in the developer console, or wait for a grant.")),
    _Row((403,), "client_forbidden", _PACKAGE, segment="client-forbidden"),
    _Row((403,), "unsupported_authentication", _WRONG_TOKEN, segment="unsupported-authentication"),
    _Row((403,), "unsupported_authentication", _WRONG_TOKEN, title="Unsupported Authentication"),
    _Row((403,), "spend_cap_reached", _SPENDING, segment="spend-cap-reached"),
    _Row((403,), "spend_cap_reached", _SPENDING, title="SpendCapReached"),
    _Row((403,), "forbidden", _CONSOLE),
    _Row((404,), "not_found", _malformed("Check the address of X.")),
    _Row((408, 425), "unavailable", _unavailable),
    _Row((409,), "no_rules", _refused("Add a rule before opening the stream.")),
    _Row((429,), "usage_capped", _CAPPED, segment="usage-capped"),
    _Row((429,), "usage_capped", _CAPPED, title="UsageCapExceeded"),
    _Row((429,), "rules_invalid", _BAD_RULES, issue="RuleConfigurationIssue"),
    _Row((429,), "rules_invalid", _BAD_RULES, issue="RulesInvalidIssue"),
    _Row((429,), "provisioning", _wait, issue="ProvisioningSubscription"),
    _Row((429,), "too_many_connections", _wait, issue="TooManyConnections"),
    _Row((429,), "too_many_connections", _wait, segment="streaming-connection"),
    _Row((429,), "rate_limited", _wait),
    _Row((413, 414, 422, 431), "invalid_request", _malformed("Shorten the query.")),
    _Row(range(400, 500), "refused", _CONSOLE),
    _Row(range(1000), "unavailable", _unavailable),
)


def classify(reply: Reply, *, jitter: float = 0.0, secret: str = "") -> Problem | None:
    """Say what is wrong with a reply; ``None`` when its status is 2xx.

    Args:
        reply: Any reply.
        jitter: In [0, 1); spreads the moment at which waiting callers come back.
        secret: Never repeated in a message, even if X should echo it.
    """
    if reply.status in _OK:
        return None
    facts = _facts(reply, jitter, secret)
    row = next(row for row in _TABLE if row.fits(facts))
    return Problem(row.kind, row.make(facts))


def require_json(reply: Reply) -> Any:
    """Read the JSON document of a successful reply.

    Raises:
        SourceUnavailableError: The body is a page of HTML, cut off, or not JSON for another reason.
    """
    try:
        return orjson.loads(reply.body)
    except orjson.JSONDecodeError as error:
        raise SourceUnavailableError(
            f"X answered {reply.status}, but {len(reply.body)} bytes of "
            f"{_printable(reply.content_type, 40)!r} are not JSON.",
        ) from error


def _facts(reply: Reply, jitter: float, secret: str) -> _Facts:
    try:
        body = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        body = None
    doc: dict[str, Any] = body if isinstance(body, dict) else {}
    errors = doc.get("errors")
    first = next((e for e in errors if isinstance(e, dict)), {}) if isinstance(errors, list) else {}
    message = (
        first.get("message")
        or doc.get("detail")
        or doc.get("message")
        or doc.get("title")
        or "no explanation"
    )
    message = message if isinstance(message, str) else "no explanation"
    # The secret goes before the text is cut, or half of it might stay.
    detail = _printable(message.replace(secret, "***") if secret else message, _QUOTED)
    parameters = first.get("parameters")
    old = isinstance(parameters, dict) and "since_id" in parameters and "created after" in message
    return _Facts(
        status=reply.status,
        segment=_text(doc.get("type")).rsplit("/", 1)[-1],
        title=_text(doc.get("title")).casefold(),
        issue=_text(doc.get("connection_issue")),
        detail=detail.rstrip("."),
        old_cursor=old,
        retry_at=_retry_at(reply, jitter),
    )


def _retry_at(reply: Reply, jitter: float) -> float:
    now = reply.received_at.timestamp()
    try:
        reset = float(reply.headers.get("x-rate-limit-reset", ""))
    except ValueError:
        reset = math.nan
    if not math.isfinite(reset) or reset <= 0:
        reset = now + _DEFAULT_WAIT
    return min(max(reset, now + 1), now + MAX_WAIT) + jitter * _JITTER


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _printable(text: str, limit: int) -> str:
    return "".join(c if c.isprintable() else " " for c in text[:limit])
