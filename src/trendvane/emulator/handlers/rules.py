"""Rules of the filtered stream over HTTP."""

from __future__ import annotations

from typing import Any

import orjson

from trendvane.emulator.clock import iso
from trendvane.emulator.params import Params
from trendvane.emulator.problems import invalid
from trendvane.emulator.render import Dialect
from trendvane.emulator.rules import MAX_RULES
from trendvane.emulator.world import Call, Reply, World

APP_ID = "29000000"


def _meta(world: World, **more: Any) -> dict[str, Any]:
    return {"sent": iso(world.clock.now_ms()), **more}


def listing(world: World, call: Call) -> Reply:
    """``GET /2/tweets/search/stream/rules``."""
    call.params.only(frozenset({"ids", "max_results", "pagination_token"}))
    size = call.params.integer("max_results", 1, 1_000, 1_000)
    token = call.params.text("pagination_token")
    if token is not None and not (len(token) == 16 and token.isdecimal()):  # noqa: PLR2004 - X's token length
        raise invalid("pagination_token", token, "'pagination_token' is not valid")
    ids = [value for raw in call.params.csv("ids") if (value := Params({"ids": [raw]}).post_id("ids"))]
    rules = world.rules.listed(ids)
    start = int(token or 0)
    page = rules[start : start + size]
    meta = _meta(world, result_count=len(page))
    if start + size < len(rules):
        meta["next_token"] = f"{start + size:016d}"
    return Reply({"data": [rule.shown() for rule in page], "meta": meta} if page else {"meta": meta})


def counts(world: World, call: Call) -> Reply:
    """``GET /2/tweets/search/stream/rules/counts``: numbers are strings in the current vocabulary."""
    call.params.only(frozenset({"rules_count.fields"}))
    current = Dialect(world.config.dialect) is Dialect.CURRENT
    own = {"client_app_id": APP_ID, "rule_count": len(world.rules)}
    cap: Any = str(MAX_RULES) if current else MAX_RULES
    data = {
        "cap_per_client_app": cap,
        "cap_per_project": cap,
        "client_app_rules_count": own,
        "project_rules_count": str(len(world.rules)) if current else len(world.rules),
        "all_project_client_apps": [own],
    }
    return Reply({"data": data})


def update(world: World, call: Call) -> Reply:
    """``POST /2/tweets/search/stream/rules``: add or delete, never both."""
    call.params.only(frozenset({"dry_run", "delete_all"}))
    dry_run = call.params.flag("dry_run")
    if call.params.flag("delete_all"):
        return _deleted(world, [rule.id for rule in world.rules.listed()], [], dry_run=dry_run)
    body = json_object(call.body)
    if ("add" in body) == ("delete" in body):
        raise invalid("body", "", "Exactly one of 'add' and 'delete' must be given")
    if "add" in body:
        return _added(world, body["add"], dry_run=dry_run)
    doomed = body["delete"] if isinstance(body["delete"], dict) else {}
    ids, values = doomed.get("ids", []), doomed.get("values", [])
    if not (ids or values) or not all(isinstance(item, str) for item in (*ids, *values)):
        raise invalid("delete", "", "'delete' needs 'ids' or 'values', lists of strings")
    return _deleted(
        world, [int(i) for i in ids if i.isdecimal()], values, dry_run=dry_run, asked=len(ids) + len(values)
    )


def json_object(body: bytes) -> dict[str, Any]:
    """The body as an object.

    Raises:
        ProblemError: 400.
    """
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise invalid("body", "", "Invalid JSON") from error
    if not isinstance(parsed, dict):
        raise invalid("body", "", "The body must be a JSON object")
    return parsed


def _added(world: World, entries: Any, *, dry_run: bool) -> Reply:
    good = isinstance(entries, list) and bool(entries)
    if not good or not all(isinstance(e, dict) and isinstance(e.get("value"), str) for e in entries):
        raise invalid("add", "", "'add' must be a list of objects with a 'value'")
    pairs = [(entry["value"], str(entry.get("tag") or "")) for entry in entries]
    host = Dialect(world.config.dialect).host
    outcome = world.rules.add(pairs, world.clock.now_ms(), host, dry_run=dry_run)
    made = len(outcome.created)
    summary = {
        "created": made,
        "not_created": len(pairs) - made,
        "valid": len(pairs) - outcome.invalid,
        "invalid": outcome.invalid,
    }
    payload: dict[str, Any] = {"meta": _meta(world, summary=summary)}
    if made:
        payload["data"] = [rule.shown() for rule in outcome.created]
    return Reply(payload | ({"errors": outcome.errors} if outcome.errors else {}))


def _deleted(
    world: World, ids: list[int], values: list[str], *, dry_run: bool, asked: int | None = None
) -> Reply:
    gone = world.rules.delete(ids, values, dry_run=dry_run)
    missing = max((len(ids) if asked is None else asked) - gone, 0)
    return Reply({"meta": _meta(world, summary={"deleted": gone, "not_deleted": missing})})
