"""What Prometheus is told about the web application; every label has a bounded set of values."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from trendvane.domain.sentiment import LABELS
from trendvane.serve.problems import problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client import Metric
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from trendvane.model.follower import Follower
    from trendvane.model.holder import ModelHolder
    from trendvane.serve.ports import Ports

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_TEXTS = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The application's instruments.

    Args:
        ports: The queue and the model that are watched.
    """

    def __init__(self, ports: Ports) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(_ModelCollector(ports.holder))
        if ports.follower is not None:
            self.registry.register(_FollowerCollector(ports.follower))
        self.requests = self._counter("requests", "Requests answered.", "route", "method", "status")
        self.first_byte = self._histogram("request_duration_seconds", "Until the answer begins.", "route")
        self.predict_duration = self._histogram("predict_duration_seconds", "Queue and inference.")
        self.batch_texts = self._histogram("predict_batch_texts", "Texts in a batch.", buckets=_TEXTS)
        self.predictions = self._counter("predictions", "Texts answered.", "label")
        for label in LABELS:
            self.predictions.labels(label)
        self.refused = self._counter("predict_refused", "Requests refused because of load.")
        queue = Gauge("trendvane_predict_queue_texts", "Texts waiting for the model.", registry=self.registry)
        queue.set_function(lambda: ports.batcher.queued)
        ports.batcher.listen(self.batch_texts.observe)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"trendvane_{name}", text, labels, registry=self.registry)

    def _histogram(
        self, name: str, text: str, *labels: str, buckets: tuple[float, ...] = _SECONDS
    ) -> Histogram:
        return Histogram(f"trendvane_{name}", text, labels, registry=self.registry, buckets=buckets)


class _ModelCollector(Collector):
    """Read at scrape time: a swap needs no call from the model to here."""

    def __init__(self, holder: ModelHolder) -> None:
        self._holder = holder

    def collect(self) -> Iterator[Metric]:
        state, engine = self._holder.state, self._holder.current
        info = GaugeMetricFamily("trendvane_model_info", "The model in use; always 1.", labels=["version"])
        if engine is not None:
            info.add_metric([engine.version], 1)
        yield info
        yield CounterMetricFamily("trendvane_model_swaps", "Models taken into use.", value=state.swaps)
        yield CounterMetricFamily("trendvane_model_refusals", "Packages refused.", value=state.refusals)
        stale = GaugeMetricFamily("trendvane_model_stale", "1 while the newest package is refused.")
        stale.add_metric([], 1 if state.trouble else 0)
        yield stale


class _FollowerCollector(Collector):
    """Only where champions come from an MLflow server."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower

    def collect(self) -> Iterator[Metric]:
        state = self._follower.state
        yield CounterMetricFamily("trendvane_champion_moves", "Champions brought here.", value=state.moves)
        failures = "Looks at the registry that failed, or whose package was refused."
        yield CounterMetricFamily("trendvane_champion_failures", failures, value=state.failures)
        behind = GaugeMetricFamily(
            "trendvane_champion_behind", "1 while the registry's champion is not in use here."
        )
        behind.add_metric([], 1 if state.trouble else 0)
        yield behind


class Measured:
    """Counts and times every request, and turns what nobody expected into a plain 500.

    Routes are named by their template, never by the path a stranger asked for.

    Args:
        app: What is measured.
        metrics: Where to.
        clock: Monotonic seconds.
    """

    def __init__(
        self, app: ASGIApp, metrics: Metrics, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and watch its answer begin."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = self._clock()
        begun = False

        async def watch(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start" and not begun:
                begun = True
                self._note(scope, message["status"], self._clock() - started)
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception:
            structlog.get_logger().exception("request_failed", route=_route(scope))
            if begun:
                raise
            answer = problem(500, "The server made a mistake.", remedy="Read the server's log.")
            await answer(scope, receive, watch)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route(scope)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.requests.labels(route, method, f"{status // 100}xx").inc()
        self._metrics.first_byte.labels(route).observe(seconds)


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", "unmatched"))
