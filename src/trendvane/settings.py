"""Settings: the only reader of the environment.

Every key can be given as ``TRENDVANE_<SECTION>__<KEY>``, in the environment or in a file ``.env`` beside the
working directory. ``trendvane doctor`` says which are missing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from trendvane.domain.errors import ConfigurationError

X_BASE_URL = "https://api.x.com"


def _split(value: Any) -> Any:
    return (
        tuple(part.strip() for part in value.split(";") if part.strip()) if isinstance(value, str) else value
    )


# Topics hold commas and quotes, so lists are written with semicolons rather than as JSON.
Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class Section(BaseModel):
    """A group of settings; unknown keys are refused so that a typing slip is seen."""

    model_config = {"extra": "forbid", "frozen": True}


class XSettings(Section):
    """How to reach X, and what may be spent there."""

    base_url: str = Field(X_BASE_URL, description="Where the API is; the demo points it at the emulator.")
    bearer_token: SecretStr | None = Field(
        None, description="App-only bearer token of the X developer portal."
    )
    source: Literal["x", "emulator", "replay"] = Field("x", description="Stamped on every row that comes in.")
    dialect: Literal["legacy", "current"] = Field("legacy", description="`tweet.fields` or `post.fields`.")
    dollars_per_day: float = Field(10.0, ge=0, description="The money governor stops before this is passed.")
    dollars_per_month: float = Field(150.0, ge=0, description="The same for a calendar month, UTC.")


class CollectSettings(Section):
    """What is watched, and how often."""

    woeid: int = Field(1, description="Place whose trends are watched; 1 is the world.")
    topics: Texts = Field(
        (), description="Topics always watched, separated by `;`: `#tag`, `from:user`, or words."
    )
    trends: int = Field(
        10, ge=0, le=50, description="How many of the place's trends are watched; 0 for none."
    )
    poll_seconds: float = Field(30.0, gt=0, description="Pause between two looks at a topic.")
    trends_seconds: float = Field(600.0, gt=0, description="Pause between two looks at the trends.")
    lookback_seconds: float = Field(900.0, gt=0, description="How far back the first look at a topic goes.")
    overlap_seconds: float = Field(90.0, ge=0, description="Read again behind the cursor, for late indexing.")
    languages: Texts = Field(("en",), description="Asked of X; `;` between them.")
    max_results: int = Field(100, ge=10, le=100, description="Tweets a page.")
    pages_per_tick: int = Field(
        5, ge=1, description="Pages of one topic in one look; the rest comes next time."
    )


class LakeSettings(Section):
    """Where raw responses are kept."""

    url: str = Field(
        "", description="Empty: a folder in the data directory. `az://container` for Azure Blob."
    )
    connection_string: SecretStr | None = Field(None, description="Azure Blob connection string.")
    account_name: str = Field("", description="Azure account, when there is no connection string.")
    account_key: SecretStr | None = Field(None, description="Azure account key.")
    sas_token: SecretStr | None = Field(None, description="Azure shared access signature.")
    push_seconds: float = Field(
        3600.0, gt=0, description="Oldest age of a response that is still in the spool."
    )
    push_bytes: int = Field(
        8 * 2**20, gt=0, description="Size at which a topic's responses are pushed earlier."
    )


class WarehouseSettings(Section):
    """Where tables are kept."""

    url: SecretStr | None = Field(None, description="PostgreSQL 15 or newer; empty starts an embedded one.")


class ModelSettings(Section):
    """Which model scores."""

    path: Path | None = Field(
        None, description="A model package; empty takes the starter shipped with Trendvane."
    )
    threads: int = Field(0, ge=0, description="Threads of one inference; 0 for the number of cores.")


class ServeSettings(Section):
    """The API and the page."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on.")
    api_keys: Texts = Field(
        (),
        description="SHA-256 (hex) of the keys that may call `/v1`; `;` between them. Empty: no key asked.",
    )
    client_key: SecretStr | None = Field(None, description="Key that `trendvane topics` and `export` send.")
    public: bool = Field(
        False, description="Listen beyond loopback without asking for a key, behind a proxy."
    )
    allowed_hosts: Texts = Field(
        ("localhost", "127.0.0.1", "::1"),
        description="Values of the Host header that are answered; `;` between them, `*` for any.",
    )
    truth_url: str = Field("", description="Demo only: the emulator that knows the true labels.")
    stale_seconds: float = Field(120.0, gt=0, description="A topic not polled for so long is shown as down.")


class RunnerSettings(Section):
    """The embedded runner."""

    stage_seconds: float = Field(5.0, gt=0, description="Pause between two looks for new lake objects.")
    score_seconds: float = Field(1.0, gt=0, description="Pause between two looks for unscored tweets.")
    lease_seconds: float = Field(
        120.0, gt=0, description="A scorer that died gives its tweets back after this."
    )
    retention_days: int = Field(30, ge=1, description="Tweets older than this are forgotten.")


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
