"""What an emulator is told before it starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from trendvane.emulator.faults import Fault


@dataclass(frozen=True, slots=True)
class Replay:
    """Feed (b): a CSV of real tweets flows through the same HTTP.

    Attributes:
        path: CSV with the columns ``tweet_id, topic, created_at, text`` and optionally ``label``, ``lang``.
        spread_s: Virtual seconds over which the whole file is published. None keeps the original gaps.
        speed: Divides the original gaps when ``spread_s`` is None.
    """

    path: Path
    spread_s: float | None = None
    speed: float = 1.0


@dataclass(frozen=True, slots=True)
class EmulatorConfig:
    """Everything that shapes an emulator; same values and same start time give the same tweets.

    Attributes:
        seed: Seed of the synthetic feed and of random faults.
        start_ms: Virtual time at start, Unix milliseconds. None starts at the wall clock's time.
        wall_start: Wall time (Unix seconds) of that start; a past one goes on where a killed emulator was.
        speed: Virtual seconds per wall second.
        rate: Live tweets per virtual second, all topics together, averaged over their stories.
        history_hours: How much past the feed has at start.
        history_rate: Tweets per virtual second in that past: thinner, because trends grow into being trends.
        topics: Names of the synthetic topics to use; empty means all.
        replay: Replay this file instead of inventing tweets.
        token: Accepted app-only bearer token; empty accepts any.
        user_token: Accepted bearer token with user context (personalised trends).
        dialect: ``legacy`` or ``current`` for replies to requests that name neither vocabulary.
        index_lag_s: Virtual seconds until a published tweet can be found by search and counts.
        heartbeat_s: Wall seconds between the blank lines of a quiet stream.
        stream_connections: Streams allowed at the same time.
        rate_limit_factor: Multiplies X's limits per window; a demo polls faster than any wallet allows.
        query_length: Longest query of recent search and counts; search/all and rules have their own 1,024.
        credits_usd: Prepaid balance at start.
        post_cap: Post reads per month before 429 usage-capped.
        compliance_delay_s: Virtual seconds a compliance job stays in progress after its upload.
        max_posts: Posts kept in memory; older ones leave the index (never the oracle's list of ids).
        faults: Faults armed from the start.
    """

    seed: int = 7
    start_ms: int | None = None
    wall_start: float | None = None
    speed: float = 1.0
    rate: float = 3.0
    history_hours: float = 6.0
    history_rate: float = 0.6
    topics: tuple[str, ...] = ()
    replay: Replay | None = None
    token: str = "emulator"  # noqa: S105 - a public word on a loopback server, not a secret
    user_token: str = "emulator-user"  # noqa: S105 - the same
    dialect: str = "legacy"
    index_lag_s: float = 30.0
    heartbeat_s: float = 20.0
    stream_connections: int = 1
    rate_limit_factor: float = 1.0
    query_length: int = 512
    credits_usd: float = 1_000.0
    post_cap: int = 3_000_000
    compliance_delay_s: float = 0.0
    max_posts: int = 60_000
    faults: tuple[Fault, ...] = field(default=())
