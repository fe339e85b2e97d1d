"""The typed config of each step, made from settings."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from trendvane.domain.errors import ConfigurationError
from trendvane.domain.topic import Topic
from trendvane.llm.config import LlmConfig
from trendvane.model.gate import Rules
from trendvane.model.package import starter_path
from trendvane.steps.collect import CollectConfig
from trendvane.steps.curate import CurateConfig
from trendvane.steps.drift import DriftConfig
from trendvane.steps.forget import ForgetConfig
from trendvane.steps.label import LabelConfig
from trendvane.steps.promote import GateConfig
from trendvane.steps.push import PushConfig
from trendvane.steps.score import ScoreConfig
from trendvane.steps.stage import StageConfig
from trendvane.steps.train import TrainConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from trendvane.model.baseline import Vader
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
        "score": lambda: ScoreConfig(
            lease=timedelta(seconds=settings.runner.lease_seconds),
            rescore=timedelta(hours=settings.runner.rescore_hours),
        ),
        "forget": lambda: ForgetConfig(
            retention=timedelta(days=settings.runner.retention_days), source=settings.x.source
        ),
        "drift": lambda: DriftConfig(
            window=timedelta(hours=settings.drift.hours),
            min_tweets=settings.drift.min_tweets,
            psi=settings.drift.psi,
            labels=timedelta(days=settings.drift.label_days),
        ),
        "label": lambda: _label(settings),
        "curate": lambda: _curate(settings, hash_key()),
        "train": lambda: TrainConfig(
            recipes=settings.training.recipes,
            base_model=settings.training.base_model,
            threads=settings.training.threads,
            min_rows=settings.training.min_train_rows,
            max_weights=settings.mlflow.weights_bytes,
        ),
        "promote": lambda: _promote(settings),
    }
    return makers[name]()


def llm_config(settings: Settings) -> LlmConfig:
    """The endpoint that labels.

    Raises:
        ConfigurationError: No endpoint, no model, or no prices are set.
    """
    given = settings.label
    key = given.api_key.get_secret_value().strip() if given.api_key else ""
    price_in, price_out = given.dollars_per_million_in, given.dollars_per_million_out
    if not given.base_url or not given.model:
        raise ConfigurationError(
            "No language model is set.",
            remedy="Set TRENDVANE_LABEL__BASE_URL and TRENDVANE_LABEL__MODEL; see docs/labels.md.",
        )
    if price_in is None or price_out is None:
        raise ConfigurationError(
            "The prices of the language model are not set, so no cap could hold.",
            remedy="Set TRENDVANE_LABEL__DOLLARS_PER_MILLION_IN and _OUT; 0 for a model of your own.",
        )
    return LlmConfig(
        base_url=given.base_url,
        model=given.model,
        micros_in=price_in,
        micros_out=price_out,
        dollars_per_month=given.dollars_per_month,
        backend=given.backend,
        api_key=key,
        votes=1 if given.backend == "choice" else given.votes,
        min_share=given.min_share,
        concurrency=given.concurrency,
        per_minute=given.requests_per_minute,
        temperature=given.temperature,
        max_tokens=given.max_tokens,
        timeout=given.timeout_seconds,
    )


def _label(settings: Settings) -> LabelConfig:
    return LabelConfig(
        limit=settings.label.tweets_per_run,
        gold=settings.label.gold_tweets,
        min_gold=settings.label.min_gold,
        min_kappa=settings.label.min_kappa,
        allow_x_content=settings.training.allow_x_content,
    )


def _promote(settings: Settings) -> GateConfig:
    p = settings.promotion
    return GateConfig(
        rules=Rules(
            level=p.level,
            slice_tolerance=p.slice_tolerance,
            min_slice_rows=p.min_slice_rows,
            behaviour_floor=p.behaviour_floor,
            behaviour_tolerance=p.behaviour_tolerance,
            max_calibration_error=p.max_calibration_error,
        ),
        max_bytes=p.max_bytes,
        starter=starter_path(),
        baseline=_vader,
        threads=settings.model.threads or os.cpu_count() or 1,
    )


def _vader() -> Vader:
    from trendvane.model.baseline import Vader  # noqa: PLC0415  of the extra train

    return Vader()


def _curate(settings: Settings, hash_key: bytes) -> CurateConfig:
    t = settings.training
    return CurateConfig(
        files=t.files,
        test_file=t.test_file,
        allow_x_content=t.allow_x_content,
        min_train_rows=t.min_train_rows,
        min_test_rows=t.min_test_rows,
        languages=frozenset(tag.lower().partition("-")[0] for tag in settings.collect.languages),
        hash_key=hash_key,
    )


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
