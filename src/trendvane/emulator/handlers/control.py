"""``/emulator``: levers and truths that the real X does not offer. No token, no bill, no limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from trendvane.domain import snowflake
from trendvane.emulator.clock import iso
from trendvane.emulator.faults import KINDS, Fault
from trendvane.emulator.handlers.account import find_job
from trendvane.emulator.handlers.rules import json_object
from trendvane.emulator.params import Params
from trendvane.emulator.post import Deletion
from trendvane.emulator.problems import ProblemError, invalid, not_found
from trendvane.emulator.world import Call, World

_PAGE = 100_000


def health(world: World, _call: Call) -> dict[str, Any]:
    """Alive, and how much was published."""
    return {
        "status": "ok",
        "now_ms": world.clock.now_ms(),
        "now": iso(world.clock.now_ms()),
        "start_ms": world.clock.start_ms,
        "speed": world.config.speed,
        "published": len(world.oracle),
        "indexed": len(world.index),
        "deleted": len(world.index.deletions),
        "streams": len(world.hub),
        "spent_usd": round(world.ledger.spent_usd, 4),
        "feed": "replay" if world.config.replay else "synthetic",
        "topics": list(world.feed.topics),
    }


def truth(world: World, call: Call) -> dict[str, Any]:
    """Counts of true labels: organic English posts of one topic in a window of publication times."""
    topic = call.params.text("topic")
    if topic is None:
        return {"topics": {name: _shares(world, call, name) for name in world.feed.topics}}
    if topic not in world.feed.topics:
        raise not_found()
    return {"topic": topic, **_shares(world, call, topic)}


def _shares(world: World, call: Call, topic: str) -> dict[str, Any]:
    now = world.clock.now_ms()
    since, until = _moment(call, "since_ms", 0), _moment(call, "until_ms", now + 1)
    counts = world.oracle.shares(topic, since, until)
    total = sum(counts.values())
    shares = {name: count / total for name, count in counts.items()} if total else None
    return {"counts": counts, "n": total, "shares": shares, "since_ms": since, "until_ms": until}


def _moment(call: Call, name: str, default: int) -> int:
    raw = call.params.text(name)
    if raw is None:
        return default
    if not raw.isdecimal():
        raise invalid(name, raw, f"{name} must be Unix milliseconds")
    return int(raw)


def labels(world: World, call: Call) -> dict[str, Any]:
    """Published posts with their true labels; page with ``since_id`` and ``limit``."""
    limit = call.params.integer("limit", 1, _PAGE, 1_000)
    rows = list(world.oracle.rows(call.params.post_id("since_id") or 0, limit))
    return {"data": rows, "next_since_id": rows[-1]["id"] if len(rows) == limit else None}


def published(world: World, call: Call) -> dict[str, Any]:
    """Every id published so far with its topic: what a crawler should have seen in the end.

    ``searchable`` is false for retweets, superseded or deleted posts, and those younger than the index lag.
    """
    limit = call.params.integer("limit", 1, _PAGE, _PAGE)
    edge = world.visible_until()
    rows = []
    for row in world.oracle.rows(call.params.post_id("since_id") or 0, limit):
        post_id = int(row["id"])
        deleted = post_id in world.index.deletions
        searchable = not deleted and post_id < edge and world.index.is_searchable(post_id)
        rows.append(
            {"id": row["id"], "topic": row["topic"], "topics": row["topics"], "kind": row["kind"]}
            | {"deleted": deleted, "searchable": searchable}
        )
    next_id = rows[-1]["id"] if len(rows) == limit else None
    return {
        "now_ms": world.clock.now_ms(),
        "total": len(world.oracle),
        "data": rows,
        "next_since_id": next_id,
    }


def faults_list(world: World, _call: Call) -> dict[str, Any]:
    """The script and how often each entry struck."""
    return {"faults": world.faults.report(), "kinds": sorted(KINDS)}


def faults_add(world: World, call: Call) -> dict[str, Any]:
    """Arm a fault, or several under ``faults``. Times count from now, not from the start."""
    body = json_object(call.body)
    entries = body.get("faults", [body])
    known = {field.name for field in fields(Fault)}
    elapsed = world.elapsed_s()
    made = []
    try:
        for entry in entries:
            if unknown := set(entry) - known:
                raise ValueError(f"Unknown keys: {', '.join(sorted(unknown))}.")  # noqa: TRY301 - one answer below
            until = entry.get("until_s")
            shifted = {
                "after_s": elapsed + float(entry.get("after_s", 0)),
                "until_s": until and elapsed + until,
            }
            made.append(Fault(**{**entry, **shifted}))
    except (TypeError, ValueError) as error:
        raise invalid("fault", str(entries), str(error)) from error
    for fault in made:
        world.faults.add(fault)
    return {"armed": len(made)}


def faults_clear(world: World, _call: Call) -> dict[str, Any]:
    """Disarm everything."""
    return {"cleared": world.faults.clear()}


def delete_post(world: World, call: Call) -> dict[str, Any]:
    """Delete a post now, as its author would."""
    post_id = Params({"id": [call.path["id"]]}).post_id("id") or 0
    gone = world.index.delete(Deletion(world.clock.now_ms(), post_id))
    return {"deleted": [str(post.id) for post in gone]}


def upload(world: World, call: Call) -> dict[str, Any]:
    """``PUT`` target of a compliance job: plain text, one id per line."""
    job = find_job(world, call.path["id"])
    return {"ids": world.jobs.upload(job, call.body, world.clock.now_ms())}


def download(world: World, call: Call) -> bytes:
    """Result of a compliance job: JSON lines."""
    job = find_job(world, call.path["id"])
    if world.jobs.status(job, world.clock.now_ms()) != "complete":
        raise ProblemError(404, {"title": "Not Found", "detail": "The result is not ready yet"})
    return world.jobs.result(job, world.index.deletions.get, snowflake.to_ms)


Control = Callable[[World, Call], dict[str, Any] | bytes]
ROUTES: tuple[tuple[str, str, Control], ...] = (
    ("GET", "/emulator/health", health),
    ("GET", "/emulator/truth", truth),
    ("GET", "/emulator/truth/labels", labels),
    ("GET", "/emulator/published", published),
    ("GET", "/emulator/faults", faults_list),
    ("POST", "/emulator/faults", faults_add),
    ("DELETE", "/emulator/faults", faults_clear),
    ("DELETE", "/emulator/posts/{id}", delete_post),
    ("PUT", "/emulator/compliance/{id}/upload", upload),
    ("GET", "/emulator/compliance/{id}/download", download),
)
