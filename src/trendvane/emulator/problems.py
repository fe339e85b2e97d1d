"""X's error bodies, as observed. ``type`` shows either host; clients must look at its last segment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

LEGACY_HOST = "https://api.twitter.com"
CURRENT_HOST = "https://api.x.com"
# Raw number beyond 2**53 on purpose: X sends it so, and readers that use doubles change it.
ACCOUNT_ID = 2_051_096_097_834_344_448


@dataclass
class ProblemError(Exception):
    """A reply that is not 200; ``slug`` is completed to a type URI with the reply's host."""

    status: int
    body: dict[str, Any]
    slug: str = "about:blank"
    headers: Mapping[str, str] = field(default_factory=dict)

    def payload(self, host: str) -> dict[str, Any]:
        """The body with its ``type``."""
        return {**self.body, "type": type_uri(self.slug, host)}


def type_uri(slug: str, host: str) -> str:
    """``about:blank`` or ``{host}/2/problems/{slug}``."""
    return slug if slug == "about:blank" else f"{host}/2/problems/{slug}"


def invalid(parameter: str, value: str, message: str) -> ProblemError:
    """400 in the form of the live API."""
    error = {"parameters": {parameter: [value]}, "message": message}
    detail = "One or more parameters to your request was invalid."
    return ProblemError(
        400, {"errors": [error], "title": "Invalid Request", "detail": detail}, "invalid-request"
    )


def unauthorized() -> ProblemError:
    """401: no token or a wrong one."""
    return ProblemError(401, {"title": "Unauthorized", "status": 401, "detail": "Unauthorized"})


def credits_depleted() -> ProblemError:
    """402: does not clear by waiting."""
    detail = f"Your enrolled account [{ACCOUNT_ID}] does not have any credits to fulfill this request."
    return ProblemError(
        402, {"account_id": ACCOUNT_ID, "title": "CreditsDepleted", "detail": detail}, "credits"
    )


def forbidden() -> ProblemError:
    """403: the app has no plan that includes this."""
    body = {
        "client_id": "29000000",
        "title": "Client Forbidden",
        "reason": "client-not-enrolled",
        "required_enrollment": "Appropriate Level of API Access",
        "registration_url": "https://developer.x.com/en/docs/projects/overview",
        "detail": "When authenticating requests to the Twitter API v2 endpoints, you must use keys and "
        "tokens from a Twitter developer App that is attached to a Project.",
    }
    return ProblemError(403, body, "client-forbidden")


def wrong_token_kind(path: str) -> ProblemError:
    """403: app-only token where a user's is needed."""
    detail = (
        "Authenticating with OAuth 2.0 Application-Only is forbidden for this endpoint. "
        "Supported authentication types are [OAuth 1.0a User Context, OAuth 2.0 User Context]."
    )
    body = {"title": "Unsupported Authentication", "detail": detail, "status": 403, "instance": path}
    return ProblemError(403, body, "unsupported-authentication")


def not_found() -> ProblemError:
    """404: no such route."""
    return ProblemError(404, {"title": "Not Found", "detail": "Not Found", "status": 404})


def conflict(detail: str) -> ProblemError:
    """409: a stream without rules."""
    body = {"title": "ConnectionException", "detail": detail, "connection_issue": "RuleConfigurationIssue"}
    return ProblemError(409, body, "streaming-connection")


def too_many_requests() -> ProblemError:
    """429 that clears at ``x-rate-limit-reset``."""
    return ProblemError(429, {"title": "Too Many Requests", "detail": "Too Many Requests", "status": 429})


def usage_capped() -> ProblemError:
    """429 that does not clear before the billing cycle ends."""
    body = {
        "account_id": ACCOUNT_ID,
        "product_name": "standard-basic",
        "title": "UsageCapExceeded",
        "period": "Monthly",
        "scope": "Product",
        "detail": "Usage cap exceeded: Monthly product cap",
    }
    return ProblemError(429, body, "usage-capped")


def too_many_connections() -> ProblemError:
    """429 of the stream: the old connection still counts."""
    body = {
        "title": "ConnectionException",
        "detail": "This stream is currently at the maximum allowed connection limit.",
        "connection_issue": "TooManyConnections",
    }
    return ProblemError(429, body, "streaming-connection")


def unavailable() -> ProblemError:
    """503 with a JSON body."""
    return ProblemError(503, {"title": "Service Unavailable", "detail": "Service Unavailable", "status": 503})


def missing_tweet(tweet_id: str, parameter: str, host: str, *, section: str = "") -> dict[str, Any]:
    """Entry of ``errors`` for a post that is gone; ``section`` is ``includes`` for references."""
    error: dict[str, Any] = {
        "value": tweet_id,
        "detail": f"Could not find tweet with {parameter}: [{tweet_id}].",
        "title": "Not Found Error",
        "resource_type": "tweet",
        "parameter": parameter,
        "resource_id": tweet_id,
        "type": type_uri("resource-not-found", host),
    }
    # 2.167 knows no ``section`` on this problem; it adds no closed schema either, so it may be said.
    return {**error, "section": section} if section else error


def not_authorized(tweet_id: str, host: str) -> dict[str, Any]:
    """Entry of ``errors`` for a referenced post of a protected account."""
    return {
        "resource_id": tweet_id,
        "resource_type": "tweet",
        "parameter": "referenced_tweets.id",
        "value": tweet_id,
        "section": "includes",
        "title": "Authorization Error",
        "detail": f"Sorry, you are not authorized to see the Tweet with referenced_tweets.id: [{tweet_id}].",
        "type": type_uri("not-authorized-for-resource", host),
    }
