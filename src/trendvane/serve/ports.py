"""What the web application is given: systems already built, a clock, and its limits."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from trendvane.model.batcher import Batcher
    from trendvane.model.follower import Follower
    from trendvane.model.holder import ModelHolder
    from trendvane.warehouse.engine import Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeConfig:
    """Limits and switches of the web application.

    Attributes:
        key_hashes: SHA-256 of each API key, in lower-case hex. When any is given, every path but
            ``/livez`` asks for a key.
        require_key: Refuse to start without ``key_hashes``; meant for every address but loopback.
        allowed_hosts: Host names the application answers to, without port; ``*`` for any.
        max_body_bytes: A longer request body is refused before it is read whole.
        max_texts: Most texts in one prediction request.
        max_chars: Most characters in one text; the longest post X allows has 25,000.
        deadline_s: A prediction that has waited longer than this is dropped before inference.
        model_poll_s: How often the holder looks for a new champion, in seconds.
        accuracy_poll_s: How often the gauges of live accuracy are brought up to date, in seconds.
        docs: Whether ``/docs`` and ``/openapi.json`` exist.
        allow_x_content: Whether people may label tweets of the real X, which may then train a model.
        demo: Whether the data are synthetic; the page says so on every view.
        demo_truth_url: Where the emulator tells the true shares it drew from; demo only.
    """

    key_hashes: tuple[str, ...] = ()
    require_key: bool = False
    allowed_hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "::1")
    max_body_bytes: int = 256 * 1024
    max_texts: int = 32
    max_chars: int = 25_000
    deadline_s: float = 5.0
    model_poll_s: float = 2.0
    accuracy_poll_s: float = 60.0
    docs: bool = True
    allow_x_content: bool = False
    demo: bool = False
    demo_truth_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The systems behind the endpoints.

    Attributes:
        holder: The model in use; may be empty until a package loads.
        batcher: The queue in front of the model.
        warehouse: None when only predictions are served.
        config: Limits and switches.
        now: The clock, UTC.
        follower: Brings champions from an MLflow server; None where the registry is on this machine.
        draining: Set when the process was asked to stop. Endless responses must look at it and end;
            ``/readyz`` turns 503.
    """

    holder: ModelHolder
    batcher: Batcher
    warehouse: Warehouse | None
    config: ServeConfig
    now: Callable[[], datetime]
    follower: Follower | None = None
    draining: threading.Event = field(default_factory=threading.Event)
