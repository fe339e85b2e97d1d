"""Live accuracy for Prometheus, read off the warehouse by a task of its own: no scrape waits for it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from trendvane.domain.errors import TrendvaneError
from trendvane.domain.sentiment import LABELS
from trendvane.insight import accuracy
from trendvane.serve.accuracy import LEVEL, NO_LABELS
from trendvane.warehouse import label_rollups

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client import Metric

    from trendvane.domain.sentiment import Interval
    from trendvane.serve.ports import Ports
    from trendvane.warehouse.engine import Warehouse

RECENT = timedelta(weeks=4)


class AccuracyGauges(Collector):
    """What Prometheus is told; one model version at a time, so that the labels stay bounded.

    Args:
        ports: The model in use and the clock.
        warehouse: Where the labels are counted.
    """

    def __init__(self, ports: Ports, warehouse: Warehouse) -> None:
        self._ports = ports
        self._warehouse = warehouse
        self._known: tuple[str, label_rollups.Matrix] | None = None

    def refresh(self) -> None:
        """Look at the last four weeks. Blocks.

        Raises:
            StorageUnavailableError: The warehouse did not answer; what was known stays.
        """
        engine = self._ports.holder.current
        if engine is None:
            self._known = None
            return
        since = self._ports.now() - RECENT
        with self._warehouse.begin() as connection:
            found = label_rollups.confusion(
                connection, since=since, model_version=engine.version, by="version"
            )
        self._known = (engine.version, found[0].matrix if found else NO_LABELS)

    async def follow(self, every_s: float) -> None:
        """Refresh for ever; the first time at once."""
        log = structlog.get_logger()
        while True:
            try:
                await asyncio.to_thread(self.refresh)
            except TrendvaneError as error:
                log.warning("accuracy_unknown", error=str(error))
            except Exception:  # a task that dies would freeze the gauges in silence
                log.exception("accuracy_unknown")
            await asyncio.sleep(every_s)

    def collect(self) -> Iterator[Metric]:
        """The gauges, as they were last refreshed; no accuracy where there is no label."""
        known = self._known
        version, matrix = known or ("", NO_LABELS)
        labels = GaugeMetricFamily(
            "trendvane_live_labels",
            "Labelled voices of the last four weeks, by what the label says.",
            labels=["model_version", "truth"],
        )
        if known is not None:
            for label, row in zip(LABELS, matrix, strict=True):
                labels.add_metric([version, label], sum(row))
        yield labels
        found = accuracy.interval(matrix, LEVEL)
        yield from _bounded("accuracy", "Share of them that the model called right", version, found.accuracy)
        yield from _bounded(
            "average_recall", "Mean of the recalls of the three classes", version, found.average_recall
        )


_BOUNDS: tuple[tuple[str, str, Callable[[Interval], float]], ...] = (
    ("", "", lambda interval: interval.value),
    ("_low", ": lower end of the 90 % interval", lambda interval: interval.low),
    ("_high", ": upper end of the 90 % interval", lambda interval: interval.high),
)


def _bounded(name: str, text: str, version: str, interval: Interval | None) -> Iterator[Metric]:
    for suffix, more, pick in _BOUNDS:
        gauge = GaugeMetricFamily(
            f"trendvane_live_{name}{suffix}_ratio", f"{text}{more}.", labels=["model_version"]
        )
        if interval is not None:
            gauge.add_metric([version], pick(interval))
        yield gauge
