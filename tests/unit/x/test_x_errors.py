from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trendvane.domain.errors import (
    CursorTooOldError,
    RateLimitedError,
    SourceRefusedError,
    SourceUnavailableError,
    TrendvaneError,
)
from trendvane.x.errors import MAX_WAIT, MalformedRequestError, classify, require_json
from trendvane.x.wire import Reply

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
P = "https://api.x.com/2/problems/"
OLD = "https://api.twitter.com/2/problems/"


def reply(status: int, body: Any = b"", **headers: str) -> Reply:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, content, NOW)


TOO_OLD = {
    "errors": [
        {
            "parameters": {"since_id": ["2087867603335160198"]},
            "message": "'since_id' must be a tweet id created after 2026-08-19T08:41Z. Please use "
            "a 'since_id' that is larger than 2089996193672200192",
        }
    ],
    "title": "Invalid Request",
    "type": OLD + "invalid-request",
}
MAX_RESULTS = {
    "errors": [
        {"parameters": {"max_results": ["5"]}, "message": "The max_results query parameter value [5] is not"}
    ],
    "type": P + "invalid-request",
}
CREDITS = {"account_id": 2051096097834344448, "title": "CreditsDepleted", "type": OLD + "credits"}
ENROLLED = {"title": "Client Forbidden", "reason": "client-not-enrolled", "type": P + "client-forbidden"}
CAPPED = {"title": "UsageCapExceeded", "period": "Monthly", "type": OLD + "usage-capped"}
CONNECTIONS = {
    "title": "ConnectionException",
    "connection_issue": "TooManyConnections",
    "type": P + "streaming-connection",
}
HTML = b"<html><body>Something is technically wrong</body></html>"

TABLE = [
    (400, TOO_OLD, "cursor_too_old", CursorTooOldError),
    (400, MAX_RESULTS, "invalid_request", MalformedRequestError),
    (400, HTML, "invalid_request", MalformedRequestError),
    (
        401,
        {"title": "Unauthorized", "type": "about:blank", "status": 401},
        "unauthorized",
        SourceRefusedError,
    ),
    (402, CREDITS, "credits_depleted", SourceRefusedError),
    (403, ENROLLED, "client_forbidden", SourceRefusedError),
    (
        403,
        {"title": "Unsupported Authentication", "type": P + "x"},
        "unsupported_authentication",
        SourceRefusedError,
    ),
    (403, {"type": OLD + "unsupported-authentication"}, "unsupported_authentication", SourceRefusedError),
    (403, {"title": "SpendCapReached"}, "spend_cap_reached", SourceRefusedError),
    (403, HTML, "forbidden", SourceRefusedError),
    (404, b"", "not_found", MalformedRequestError),
    (408, b"", "unavailable", SourceUnavailableError),
    (409, {"title": "ConnectionException"}, "no_rules", SourceRefusedError),
    (414, b"", "invalid_request", MalformedRequestError),
    (418, b"", "refused", SourceRefusedError),
    (
        429,
        {"title": "Too Many Requests", "type": "about:blank", "status": 429},
        "rate_limited",
        RateLimitedError,
    ),
    (429, {"errors": [{"code": 88, "message": "Rate limit exceeded"}]}, "rate_limited", RateLimitedError),
    (429, {"code": 88, "message": "Rate limit exceeded"}, "rate_limited", RateLimitedError),
    (429, HTML, "rate_limited", RateLimitedError),
    (429, CAPPED, "usage_capped", SourceRefusedError),
    (429, {"title": "UsageCapExceeded"}, "usage_capped", SourceRefusedError),
    (429, CONNECTIONS, "too_many_connections", RateLimitedError),
    (429, {"connection_issue": "ProvisioningSubscription"}, "provisioning", RateLimitedError),
    (
        429,
        {"connection_issue": "RuleConfigurationIssue", "type": P + "streaming-connection"},
        "rules_invalid",
        SourceRefusedError,
    ),
    (429, {"connection_issue": "RulesInvalidIssue"}, "rules_invalid", SourceRefusedError),
    (
        503,
        {"title": "Service Unavailable", "type": "about:blank", "status": 503},
        "unavailable",
        SourceUnavailableError,
    ),
    (502, HTML, "unavailable", SourceUnavailableError),
    (302, b"", "unavailable", SourceUnavailableError),
]


@pytest.mark.parametrize(("status", "body", "kind", "error"), TABLE)
def test_table(status: int, body: Any, kind: str, error: type[TrendvaneError]) -> None:
    problem = classify(reply(status, body))
    assert problem is not None
    assert problem.kind == kind
    assert type(problem.error) is error


@pytest.mark.parametrize("host", ["https://api.twitter.com", "https://api.x.com", ""])
def test_the_host_of_a_problem_does_not_matter(host: str) -> None:
    problem = classify(reply(429, {"type": f"{host}/2/problems/usage-capped"}))
    assert problem is not None
    assert problem.kind == "usage_capped"


@pytest.mark.parametrize("status", [200, 201, 204])
def test_success_is_no_problem(status: int) -> None:
    assert classify(reply(status, HTML)) is None


@pytest.mark.parametrize(
    ("reset", "wait"),
    [
        ("100", 100.0),
        ("-5", 1.0),
        ("99999", MAX_WAIT),
        (None, 60.0),
        ("nan", 60.0),
        ("soon", 60.0),
        ("inf", 60.0),
    ],
)
def test_the_wait_is_bounded(reset: str | None, wait: float) -> None:
    now = NOW.timestamp()
    header = (
        {}
        if reset is None
        else {"x_rate_limit_reset": str(now + float(reset)) if reset[-1].isdigit() else reset}
    )
    problem = classify(reply(429, b"", **header))
    assert problem is not None
    assert isinstance(problem.error, RateLimitedError)
    assert problem.error.retry_at - now == pytest.approx(wait)
    later = classify(reply(429, b"", **header), jitter=0.5)
    assert later is not None
    assert isinstance(later.error, RateLimitedError)
    assert later.error.retry_at == pytest.approx(problem.error.retry_at + 2.5)


def test_an_echoed_token_is_not_repeated() -> None:
    problem = classify(reply(401, {"detail": "x" * 190 + " bad token s3cr3t-s3cr3t"}), secret="s3cr3t-s3cr3t")
    assert problem is not None
    assert "s3cr3t" not in str(problem.error)


@given(st.integers(100, 999), st.binary(max_size=100), st.text(max_size=20))
def test_every_answer_is_classified(status: int, body: bytes, reset: str) -> None:
    problem = classify(reply(status, body, x_rate_limit_reset=reset))
    assert (problem is None) is (200 <= status < 300)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["errors", "type", "title", "message", "parameters", "since_id"]), inner
        )
    ),
    max_leaves=6,
)


@given(st.sampled_from([400, 401, 402, 403, 409, 429, 500]), json_values)
def test_every_json_answer_is_classified(status: int, body: Any) -> None:
    assert classify(reply(status, body)) is not None


def test_html_with_status_200_is_no_answer() -> None:
    assert require_json(reply(200, {"data": []})) == {"data": []}
    with pytest.raises(SourceUnavailableError, match="200, but 56 bytes of 'text/html' are not JSON"):
        require_json(reply(200, HTML, content_type="text/html"))
