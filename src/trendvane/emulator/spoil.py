"""What ``SPOILS`` faults do to a good reply."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from trendvane.emulator.problems import CURRENT_HOST, LEGACY_HOST, missing_tweet, not_authorized

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from trendvane.emulator.faults import Fault

HTML = (
    b"<!DOCTYPE html>\n<html><head><title>Twitter / Over capacity</title></head>"
    b"<body><h1>Over capacity</h1><p>Please wait a moment.</p></body></html>\n"
)
# What JSON allows and careless readers do not: NUL and a lone surrogate are escapes, NaN is not even JSON.
_POISON_TEXT = b'"poison \\u0000 NUL and \\ud83d half an emoji"'
_LONG = 25_000

Payload = dict[str, Any]


def _poison(payload: Payload, rng: random.Random) -> bytes:
    rows = payload.get("data")
    if not isinstance(rows, list) or not rows:
        return orjson.dumps(payload)
    rows = [dict(row) for row in rows]
    for row, twist in zip(rng.sample(rows, len(rows)), _TWISTS, strict=False):
        twist(row)
    body = orjson.dumps({**payload, "data": rows})
    return body.replace(b'"@@nul@@"', _POISON_TEXT).replace(b'"@@nan@@"', b"NaN")


def poison_line(payload: Payload, turn: int) -> bytes:
    """A stream line with one poisoned post; ``turn`` picks the poison."""
    row = dict(payload["data"])
    _TWISTS[turn % len(_TWISTS)](row)
    body = orjson.dumps({**payload, "data": row})
    return body.replace(b'"@@nul@@"', _POISON_TEXT).replace(b'"@@nan@@"', b"NaN")


def _nul(row: Payload) -> None:
    row["text"] = "@@nul@@"


def _long(row: Payload) -> None:
    row["text"] = ("so long " * (_LONG // 8 + 1))[:_LONG]


def _number(row: Payload) -> None:
    row["id"] = int(row["id"])


def _unknown(row: Payload) -> None:
    row["hologram"] = {"depth": [1, 2, {"x": None}]}
    row["reply_settings"] = "a_value_of_tomorrow"


def _nan(row: Payload) -> None:
    row["public_metrics"] = {"like_count": "@@nan@@"}


_TWISTS: tuple[Callable[[Payload], None], ...] = (_nul, _long, _number, _unknown, _nan)


def _partial_errors(payload: Payload, fault: Fault) -> Payload:
    host = LEGACY_HOST if fault.host == "twitter" else CURRENT_HOST
    return payload | {
        "errors": [*payload.get("errors", []), not_authorized("456", host), missing_tweet("457", "id", host)]
    }


def _empty_page(payload: Payload) -> Payload:
    meta = {"result_count": 0, "next_token": payload.get("meta", {}).get("next_token", "b26v89c19zqg8o3f")}
    return {"meta": meta}


def _rows(payload: Payload, change: Callable[[Sequence[Any]], list[Any]]) -> Payload:
    rows = payload.get("data")
    return payload if not isinstance(rows, list) else payload | {"data": change(rows)}


def spoil(payload: Payload, faults: Sequence[Fault], rng: random.Random) -> bytes:
    """The reply's bytes after all ``faults``."""
    kinds = {fault.kind: fault for fault in faults}
    if "partial_errors" in kinds:
        payload = _partial_errors(payload, kinds["partial_errors"])
    if "duplicates" in kinds:
        payload = _rows(payload, lambda rows: [row for row in rows for _ in range(2)])
    if "out_of_order" in kinds:
        payload = _rows(payload, lambda rows: rng.sample(rows, len(rows)))
    if "empty_page" in kinds:
        payload = _empty_page(payload)
    if "endless_token" in kinds:
        payload = payload | {"meta": payload.get("meta", {}) | {"next_token": "b26v89c19zqg8o3fendless"}}
    body = _poison(payload, rng) if "poison" in kinds else orjson.dumps(payload)
    return body[: len(body) * 2 // 3] if "truncated" in kinds else body
