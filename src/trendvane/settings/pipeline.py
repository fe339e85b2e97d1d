"""Settings of the way of the data, from X to the page."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from trendvane.settings.base import Section, Texts

X_BASE_URL = "https://api.x.com"


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
    rescore_hours: float = Field(
        48.0, ge=0, description="A new champion reads tweets this old again; 0: none."
    )
    retention_days: int = Field(30, ge=1, description="Tweets older than this are forgotten.")
