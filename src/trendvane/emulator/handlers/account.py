"""Usage, credits, connections, compliance jobs: what an operator looks at."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from trendvane.emulator.clock import iso
from trendvane.emulator.handlers.rules import APP_ID, json_object
from trendvane.emulator.hub import ENDPOINT, Connection
from trendvane.emulator.params import Params
from trendvane.emulator.problems import ProblemError, forbidden, invalid, missing_tweet
from trendvane.emulator.render import Dialect
from trendvane.emulator.world import Call, Reply, World

if TYPE_CHECKING:
    from trendvane.emulator.compliance import Job

_PROJECT_ID = "1467325353344933888"
_JOB_FIELDS = frozenset({"compliance_job.fields"})
_NAME_LENGTH = 64


def usage(world: World, call: Call) -> Reply:
    """``GET /2/usage/tweets``: numbers are strings in the current vocabulary."""
    call.params.only(frozenset({"days", "usage.fields"}))
    days = call.params.integer("days", 1, 90, 7)
    current = Dialect(world.config.dialect) is Dialect.CURRENT

    def number(value: int) -> Any:
        return str(value) if current else value

    today = world.clock.now().date()
    dates = [(today - timedelta(days=back)).isoformat() for back in reversed(range(days))]
    rows = [
        {"date": f"{date}T00:00:00.000Z", "usage": number(len(world.ledger.days[date].posts))}
        for date in dates
        if date in world.ledger.days
    ]
    data: dict[str, Any] = {
        "project_id": _PROJECT_ID,
        "project_cap": number(world.ledger.post_cap),
        "project_usage": number(world.ledger.posts_this_month()),
        "cap_reset_day": 1,
        "daily_project_usage": {"project_id": _PROJECT_ID if current else int(_PROJECT_ID), "usage": rows},
        "daily_client_app_usage": [{"client_app_id": APP_ID, "usage_result_count": len(rows), "usage": rows}],
    }
    return Reply({"data": data})


def credits_left(world: World, call: Call) -> Reply:
    """``GET /2/usage/credits``: the balance in dollars."""
    call.params.only(frozenset())
    balance = round(world.ledger.balance_usd, 4)
    return Reply(
        {"data": {"total_balance": balance, "prepaid_balance": balance, "free_balance": 0, "free_grants": []}}
    )


def _shown(connection: Connection) -> dict[str, Any]:
    out: dict[str, Any] = {
        "id": connection.id,
        "endpoint_name": ENDPOINT.removeprefix("/2/"),
        "client_ip": connection.client_ip,
        "connected_at": iso(connection.connected_ms),
    }
    if connection.disconnected_ms is not None:
        out |= {"disconnected_at": iso(connection.disconnected_ms), "disconnect_reason": connection.reason}
    return out


def connections(world: World, call: Call) -> Reply:
    """``GET /2/connections``."""
    call.params.only(
        frozenset({"status", "endpoints", "max_results", "pagination_token", "connection.fields"})
    )
    status = call.params.choice("status", ("active", "inactive", "all"), "active")
    size = call.params.integer("max_results", 1, 100, 10)
    found = world.hub.active() if status != "inactive" else []
    if status != "active":
        found = [*found, *reversed(world.hub.past())]
    rows = [_shown(connection) for connection in found[:size]]
    meta = {"result_count": len(rows)}
    return Reply({"data": rows, "meta": meta} if rows else {"meta": meta})


def kill(world: World, call: Call) -> Reply:
    """``DELETE /2/connections``."""
    names = json_object(call.body).get("uuids")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise invalid("uuids", "", "'uuids' must be a list of strings")
    return Reply({"data": world.hub.kill(names, world.clock.now_ms())})


def kill_all(world: World, call: Call) -> Reply:
    """``DELETE /2/connections/all``: the cure for TooManyConnections."""
    call.params.only(frozenset())
    names = [connection.id for connection in world.hub.active()]
    return Reply({"data": world.hub.kill(names, world.clock.now_ms())})


def jobs_create(world: World, call: Call) -> Reply:
    """``POST /2/compliance/jobs``."""
    call.params.only(_JOB_FIELDS)
    body = json_object(call.body)
    kind, name = body.get("type"), body.get("name", "")
    if kind not in ("tweets", "users"):
        raise invalid("type", str(kind), "'type' must be one of [tweets,users]")
    if not isinstance(name, str) or len(name) > _NAME_LENGTH:
        raise invalid("name", str(name), "'name' must be a string of at most 64 characters")
    now = world.clock.now_ms()
    job = world.jobs.create(kind, name, now, resumable=body.get("resumable") is True)
    return Reply({"data": world.jobs.shown(job, now, call.base_url)})


def jobs_list(world: World, call: Call) -> Reply:
    """``GET /2/compliance/jobs``."""
    call.params.only(_JOB_FIELDS | {"type", "status"})
    if "type" not in call.params:
        raise invalid("type", "", "'type' is required")
    kind = call.params.choice("type", ("tweets", "users"), "tweets")
    status = None
    if "status" in call.params:
        status = call.params.choice("status", ("created", "in_progress", "failed", "complete"), "created")
    now = world.clock.now_ms()
    rows = [world.jobs.shown(job, now, call.base_url) for job in world.jobs.list(kind, status, now)]
    meta = {"result_count": len(rows)}
    return Reply({"data": rows, "meta": meta} if rows else {"meta": meta})


def jobs_get(world: World, call: Call) -> Reply:
    """``GET /2/compliance/jobs/{id}``."""
    call.params.only(_JOB_FIELDS)
    job = find_job(world, call.path["id"])
    return Reply({"data": world.jobs.shown(job, world.clock.now_ms(), call.base_url)})


def find_job(world: World, raw: str) -> Job:
    """The job with that id.

    Raises:
        ProblemError: 404.
    """
    job_id = Params({"id": [raw]}).post_id("id")
    job = world.jobs.get(job_id or 0)
    if job is None:
        problem = missing_tweet(raw, "id", "")
        detail = f"Could not find compliance job with id: [{raw}]."
        body = {key: problem[key] for key in ("value", "title", "parameter", "resource_id")}
        raise ProblemError(
            404, body | {"detail": detail, "resource_type": "compliance_job"}, "resource-not-found"
        )
    return job


def enterprise(_world: World, _call: Call) -> Reply:
    """Compliance and sample streams exist, but not on this plan."""
    raise forbidden()
