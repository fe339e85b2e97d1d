"""Collect: one look at X.

Bytes first: a page lies durably in the spool before anybody reads it, and only then does the topic's cursor
move, and only as far as whole windows were saved. A crash between any two lines leaves pages to be read
again, never pages missed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from trendvane.domain.errors import TrendvaneError
from trendvane.steps.collect.config import CollectConfig, CollectMemory, CollectReport
from trendvane.steps.collect.tick import Tick
from trendvane.x.paid import PaidX

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from trendvane.lake.spool import Spool
    from trendvane.warehouse.engine import Warehouse
    from trendvane.x.budget import Governor
    from trendvane.x.client import XClient

__all__ = ["CollectConfig", "CollectMemory", "CollectReport", "collect"]

log = structlog.get_logger(__name__)


def collect(  # noqa: PLR0913  the systems of a step are its parameters
    x: XClient,
    spool: Spool,
    warehouse: Warehouse,
    governor: Governor,
    config: CollectConfig,
    *,
    now: Callable[[], datetime],
    memory: CollectMemory,
) -> CollectReport:
    """Refresh the trends when due, then read every topic that is due.

    Args:
        x: Where to ask.
        spool: Where pages are saved.
        warehouse: Topics, cursors and gaps.
        governor: Asked before every request that costs money.
        config: What is watched.
        now: Wall clock, UTC.
        memory: The same object at each call of a process; with a new one, repeated pages are saved again.

    Raises:
        SourceRefusedError: X refuses everything: credentials, plan, credits, cap. Nothing saved is lost.
        StorageUnavailableError: The warehouse does not answer. Cursors stay where they were.
    """
    tick = Tick(PaidX(x, governor), spool, warehouse, config, now, memory)
    try:
        tick.refresh_trends()
        tick.read_topics()
    except TrendvaneError as error:
        log.warning("collect_stopped", error_class=type(error).__name__, **tick.count)
        raise
    return tick.report()
