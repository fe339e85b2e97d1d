"""Everything the real API has been seen to do to its clients, on demand."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass
from typing import Any

# Instead of the reply.
REFUSALS = frozenset(
    {
        "credits",
        "window",
        "cap",
        "unavailable",
        "unavailable_html",
        "unauthorized",
        "forbidden",
        "html_ok",
        "reset",
    }
)
# To the reply's body or its delivery.
SPOILS = frozenset(
    {"truncated", "poison", "partial_errors", "duplicates", "out_of_order", "empty_page", "endless_token"}
)
DELIVERY = frozenset({"stall", "slow"})
# To an open stream.
STREAM = frozenset(
    {"stall", "slow", "clean_close", "reset", "duplicates", "out_of_order", "poison", "disconnect_notice"}
)
KINDS = REFUSALS | SPOILS | DELIVERY | STREAM


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of a fault script.

    Attributes:
        kind: A member of ``KINDS``.
        endpoint: Name of the endpoint it strikes (``search_recent``, ``stream``, ...); empty means any.
        times: How often it strikes; None means for ever.
        skip: Matching requests (on the stream: posts) let through first.
        probability: Chance per matching request, from the emulator's seed.
        after_s: Virtual seconds after the start before it is armed.
        until_s: Virtual seconds after the start at which it is disarmed; None means never.
        seconds: Length of a stall, of a slow reply, or until the window of a 429 resets.
        host: ``twitter`` or ``x``: host in the problem types of ``partial_errors``.
    """

    kind: str
    endpoint: str = ""
    times: int | None = 1
    skip: int = 0
    probability: float = 1.0
    after_s: float = 0.0
    until_s: float | None = None
    seconds: float = 5.0
    host: str = "twitter"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"Unknown fault {self.kind!r}; known are {', '.join(sorted(KINDS))}.")
        if self.host not in {"twitter", "x"}:
            raise ValueError(f"Unknown host {self.host!r}; say twitter or x.")


@dataclass(slots=True)
class _Armed:
    fault: Fault
    seen: int = 0
    struck: int = 0


class FaultScript:
    """Decides which faults strike which request.

    Args:
        faults: Armed from the start.
        seed: For ``probability``.
    """

    def __init__(self, faults: tuple[Fault, ...], seed: int) -> None:
        self._armed = [_Armed(fault) for fault in faults]
        self._rng = random.Random(f"faults-{seed}")

    def add(self, fault: Fault) -> None:
        """Arm one more."""
        self._armed.append(_Armed(fault))

    def clear(self) -> int:
        """Disarm all; returns how many there were."""
        count = len(self._armed)
        self._armed.clear()
        return count

    def report(self) -> list[dict[str, Any]]:
        """Each fault with how often it matched and struck."""
        return [asdict(a.fault) | {"seen": a.seen, "struck": a.struck} for a in self._armed]

    def strike(self, endpoint: str, kinds: frozenset[str], elapsed_s: float) -> list[Fault]:
        """Faults of ``kinds`` that strike this request now; each strike counts."""
        return [
            a.fault for a in self._armed if a.fault.kind in kinds and self._strikes(a, endpoint, elapsed_s)
        ]

    def _strikes(self, armed: _Armed, endpoint: str, elapsed_s: float) -> bool:
        fault = armed.fault
        late = fault.until_s is not None and elapsed_s >= fault.until_s
        if late or elapsed_s < fault.after_s or fault.endpoint not in {"", endpoint}:
            return False
        armed.seen += 1
        spent = fault.times is not None and armed.struck >= fault.times
        if spent or armed.seen <= fault.skip or self._rng.random() >= fault.probability:
            return False
        armed.struck += 1
        return True
