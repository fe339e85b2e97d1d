"""Reports of steps, as people and as machines read them."""

from __future__ import annotations

import dataclasses
import json
from typing import Any


def print_report(name: str, report: Any, *, as_json: bool) -> str:
    """A report as one JSON object, or as aligned lines for people."""
    fields: dict[str, Any] = {}
    for key, value in dataclasses.asdict(report).items():
        fields |= value if isinstance(value, dict) and key == "places" else {key: value}
    if hasattr(report, "balanced"):
        fields["balanced"] = report.balanced
    if as_json:
        return json.dumps({"step": name, **fields}, default=str)
    width = max(len(key) for key in fields)
    return "\n".join([f"{name}", *(f"  {key:<{width}}  {_plain(value)}" for key, value in fields.items())])


def _plain(value: Any) -> str:
    """A value as people read it: nothing is a dash, lists and counts have commas."""
    if value is None or value in ((), {}):
        return "-"
    if isinstance(value, dict):
        return ", ".join(f"{key} {number}" for key, number in value.items())
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return " ".join(f"{key}={part}" for key, part in value._asdict().items())
    return ", ".join(map(_plain, value)) if isinstance(value, tuple) else str(value)
