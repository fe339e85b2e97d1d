"""Settings: the only reader of the environment.

Every key can be given as ``TRENDVANE_<SECTION>__<KEY>``, in the environment or in a file ``.env`` beside the
working directory. ``trendvane doctor`` says which are missing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from trendvane.domain.errors import ConfigurationError
from trendvane.settings.learning import (
    DriftSettings,
    LabelSettings,
    MlflowSettings,
    ModelSettings,
    PromotionSettings,
    TrainingSettings,
)
from trendvane.settings.pipeline import (
    X_BASE_URL,
    CollectSettings,
    LakeSettings,
    RunnerSettings,
    ServeSettings,
    WarehouseSettings,
    XSettings,
)

__all__ = [
    "X_BASE_URL",
    "CollectSettings",
    "DriftSettings",
    "LabelSettings",
    "LakeSettings",
    "MlflowSettings",
    "ModelSettings",
    "PromotionSettings",
    "RunnerSettings",
    "ServeSettings",
    "Settings",
    "TrainingSettings",
    "WarehouseSettings",
    "XSettings",
    "child_environment",
    "prepare_mlflow",
]


class Settings(BaseSettings):
    """All settings. ``Settings.load()`` turns a wrong value into an error with a remedy."""

    model_config = SettingsConfigDict(
        env_prefix="TRENDVANE_",
        env_nested_delimiter="__",
        env_file=".env",
        extra="ignore",
        frozen=True,
    )

    data_dir: Path = Field(Path(".trendvane"), description="Spool, folder lake and embedded PostgreSQL.")
    hash_key: SecretStr | None = Field(
        None,
        description="Keys the sampling and the hashing of authors; empty: made once, in the data directory.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_json: bool = Field(False, description="One JSON object a line, for machines.")
    x: XSettings = XSettings()
    collect: CollectSettings = CollectSettings()
    lake: LakeSettings = LakeSettings()
    warehouse: WarehouseSettings = WarehouseSettings()
    model: ModelSettings = ModelSettings()
    label: LabelSettings = LabelSettings()
    training: TrainingSettings = TrainingSettings()
    promotion: PromotionSettings = PromotionSettings()
    drift: DriftSettings = DriftSettings()
    mlflow: MlflowSettings = MlflowSettings()
    serve: ServeSettings = ServeSettings()
    runner: RunnerSettings = RunnerSettings()

    def intervals(self) -> dict[str, float]:
        """Seconds between two runs of each step of the flow, for the embedded runner."""
        return {
            "collect": min(self.collect.poll_seconds, 1.0),
            "push": min(self.lake.push_seconds / 2, 30.0),
            "stage": self.runner.stage_seconds,
            "score": self.runner.score_seconds,
            "forget": 86_400.0,
            "drift": 86_400.0,
        }

    @classmethod
    def load(cls) -> Settings:
        """Read the environment.

        Raises:
            ConfigurationError: A value does not fit; the message names the variable.
        """
        try:
            return cls()
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            name = "TRENDVANE_" + "__".join(str(part) for part in first["loc"]).upper()
            raise ConfigurationError(f"{name}: {first['msg']}.", remedy="See docs/settings.md.") from error


def child_environment(overrides: Mapping[str, str]) -> dict[str, str]:
    """Environment for a child process: ours, with ``overrides`` on top.

    Args:
        overrides: Keys without the prefix, such as ``{"X__BASE_URL": "..."}``.
    """
    own = dict(os.environ)  # noqa: TID251  this module is the reader of the environment
    return own | {f"TRENDVANE_{key}": value for key, value in overrides.items()}


def prepare_mlflow() -> None:
    """Set what MLflow reads from the environment when it is imported and when it asks a server.

    No telemetry, no progress bars, its log through ours, and seconds rather than minutes until a server that
    does not answer is given up. What the environment says already is left alone.
    """
    for key, value in {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_CONFIGURE_LOGGING": "false",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }.items():
        os.environ.setdefault(key, value)  # noqa: TID251  this module is the keeper of the environment
