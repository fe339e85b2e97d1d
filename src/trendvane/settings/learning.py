"""Settings of the learning loop."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from trendvane.settings.base import Paths, Section, Texts


class ModelSettings(Section):
    """Which model scores."""

    path: Path | None = Field(
        None,
        description="A model package; empty takes the champion, at first the shipped starter.",
    )
    threads: int = Field(0, ge=0, description="Threads of one inference; 0 for the number of cores.")


class LabelSettings(Section):
    """The LLM that labels samples: any endpoint that speaks OpenAI's protocol."""

    base_url: str = Field("", description="Such as `https://api.openai.com/v1`; empty: nobody labels.")
    backend: Literal["chat", "choice"] = Field(
        "chat", description="`chat` completions, or `choice` of `transformers serve` (`/v1/systemone`)."
    )
    api_key: SecretStr | None = Field(None, description="Key of that endpoint.")
    model: str = Field("", description="Name of the model there.")
    votes: int = Field(3, ge=1, le=15, description="Times each tweet is asked about.")
    min_share: float = Field(0.6, gt=0, le=1, description="Share of the votes that a label needs.")
    concurrency: int = Field(4, ge=1, description="Requests in flight.")
    requests_per_minute: float = Field(300.0, gt=0, description="No more than so many.")
    temperature: float = Field(1.0, ge=0, le=2, description="Of the answers; at 0 all votes are one.")
    max_tokens: int = Field(64, ge=8, description="Of one answer; models that think need some thousands.")
    timeout_seconds: float = Field(60.0, gt=0, description="Wait for one answer.")
    dollars_per_million_in: float | None = Field(
        None, ge=0, description="Price of a million tokens sent; must be given, 0 for a model of your own."
    )
    dollars_per_million_out: float | None = Field(
        None, ge=0, description="Price of a million tokens received; must be given too."
    )
    dollars_per_month: float = Field(20.0, ge=0, description="Labelling stops before this is passed.")
    min_kappa: float = Field(0.4, description="Agreement with people below which labelling stops.")
    min_gold: int = Field(30, ge=2, description="Tweets labelled by both before agreement is judged.")
    gold_tweets: int = Field(200, ge=0, description="Tweets labelled by people that are asked about first.")
    tweets_per_run: int = Field(500, ge=1, description="Tweets asked about in one run of the step.")


class TrainingSettings(Section):
    """What models are trained on, and how."""

    allow_x_content: bool = Field(
        False, description="Label and train on tweets of the real X; its rules forbid that to most apps."
    )
    files: Paths = Field((), description="CSVs of labelled tweets, beside the warehouse's; `;` between them.")
    test_file: Path | None = Field(
        None, description="A CSV whose rows all judge; empty: one wording in twenty does."
    )
    recipes: Texts = Field(("modernbert", "bert"), description="Recipes trained by a run; `;` between them.")
    base_model: str = Field("", description="Folder or hub name of the encoder, instead of the recipe's own.")
    threads: int = Field(0, ge=0, description="CPU threads of a training; 0 for all.")
    min_test_rows: int = Field(200, ge=30, description="Rows labelled by people that judging needs.")
    min_train_rows: int = Field(200, ge=10, description="Rows without which nothing is trained.")


class PromotionSettings(Section):
    """When a challenger becomes champion."""

    level: float = Field(0.95, gt=0.5, lt=1, description="How sure the paired bootstrap must be.")
    slice_tolerance: float = Field(0.03, ge=0, description="How far macro F1 of a slice may surely fall.")
    min_slice_rows: int = Field(50, ge=10, description="Rows below which a slice is not looked at.")
    behaviour_floor: float = Field(
        0.5, ge=0, le=1, description="Share of negation, name and emoji cases that must come out right."
    )
    behaviour_tolerance: float = Field(
        0.1, ge=0, le=1, description="How far that share may fall against the champion."
    )
    max_calibration_error: float = Field(
        0.15, gt=0, le=1, description="How far confidence may be from accuracy, on average."
    )
    max_bytes: int = Field(500 * 2**20, gt=0, description="Size a package may have, in bytes.")


class DriftSettings(Section):
    """When the model is said to have grown old."""

    hours: float = Field(24.0, gt=0, description="Window that is compared with what the model was judged on.")
    min_tweets: int = Field(500, ge=50, description="Tweets without which nothing is said of them.")
    psi: float = Field(
        0.25, gt=0, description="Stability index, less its noise, from which on training is recommended."
    )
    label_days: float = Field(28.0, gt=0, description="How far back labels measure live accuracy.")


class MlflowSettings(Section):
    """Where runs and models are registered."""

    tracking_uri: str = Field("", description="Of an MLflow server; empty: SQLite in the data directory.")
    experiment: str = Field("SentimentAnalysisExp", description="Name of the experiment.")
    model: str = Field("tweet-sentiment", description="Name of the registered model.")
    weights_bytes: int = Field(
        2 * 2**30, ge=0, description="Weights up to this size are stored with their run as well."
    )
    poll_seconds: float = Field(
        30.0, ge=1, description="How often servers and scorers ask a server who is champion."
    )
