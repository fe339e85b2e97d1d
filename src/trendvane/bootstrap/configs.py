"""The typed config of each step, made from settings."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from trendvane.domain.topic import Topic
from trendvane.steps.collect import CollectConfig
from trendvane.steps.forget import ForgetConfig
from trendvane.steps.push import PushConfig
from trendvane.steps.score import ScoreConfig
from trendvane.steps.stage import StageConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from trendvane.settings import Settings


def config_of(name: str, settings: Settings, *, hash_key: Callable[[], bytes]) -> Any:
    """Config of the step ``name``.

    Args:
        name: Of a step of the flow.
        settings: Where every value comes from.
        hash_key: Asked only by steps that hash.
    """
    makers: dict[str, Callable[[], Any]] = {
        "collect": lambda: _collect(settings),
        "push": lambda: PushConfig(
            max_bytes=settings.lake.push_bytes, max_age=timedelta(seconds=settings.lake.push_seconds)
        ),
        "stage": lambda: StageConfig(hash_key=hash_key()),
        "score": lambda: ScoreConfig(lease=timedelta(seconds=settings.runner.lease_seconds)),
        "forget": lambda: ForgetConfig(
            retention=timedelta(days=settings.runner.retention_days), source=settings.x.source
        ),
    }
    return makers[name]()


def _collect(settings: Settings) -> CollectConfig:
    c = settings.collect
    return CollectConfig(
        source=settings.x.source,
        woeid=c.woeid,
        topics=tuple(Topic.parse(text) for text in c.topics),
        trends=c.trends,
        poll_every=timedelta(seconds=c.poll_seconds),
        trends_every=timedelta(seconds=c.trends_seconds),
        lookback=timedelta(seconds=c.lookback_seconds),
        overlap=timedelta(seconds=c.overlap_seconds),
        languages=c.languages,
        max_results=c.max_results,
        pages_per_tick=c.pages_per_tick,
    )
