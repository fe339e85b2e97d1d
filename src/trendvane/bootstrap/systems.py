"""The composition root: builds every system from settings and hands steps what they ask for by name."""

from __future__ import annotations

import dataclasses
import inspect
import os
import secrets
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from trendvane.bootstrap import configs
from trendvane.bootstrap.logs import configure_logging
from trendvane.domain.errors import ConfigurationError
from trendvane.domain.money import Limits
from trendvane.flow import step as find_step
from trendvane.lake import store as lake_store
from trendvane.lake.spool import Spool
from trendvane.settings import prepare_mlflow
from trendvane.steps.collect import CollectMemory
from trendvane.warehouse import embedded, engine, migrate
from trendvane.warehouse.spend import WarehouseLedger
from trendvane.x.budget import Governor
from trendvane.x.client import XClient
from trendvane.x.compliance import Compliance
from trendvane.x.gone import find_gone
from trendvane.x.wire import XConfig

if TYPE_CHECKING:
    from types import TracebackType

    from trendvane.lake.store import Lake
    from trendvane.llm.labeller import Labeller
    from trendvane.model.champion import ChampionFolder
    from trendvane.model.engine import Engine
    from trendvane.model.follower import Follower
    from trendvane.model.holder import ModelHolder
    from trendvane.model.registry import Registry
    from trendvane.model.snapshots import Snapshots
    from trendvane.model.workshop import Workshop
    from trendvane.settings import Settings
    from trendvane.steps.forget import Finder
    from trendvane.warehouse.engine import Warehouse


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(tz=UTC)


class Systems:
    """Every system, built when first asked for and closed at the end of the ``with`` block.

    The public attributes are what a step may name as a parameter.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._stack = ExitStack()
        configure_logging(settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def run(self, name: str, **overrides: Any) -> Any:
        """Run the step ``name`` once and return its report; ``overrides`` replace fields of its config."""
        function = find_step(name).function
        wanted = inspect.signature(function).parameters
        supplied = {key for key in wanted if key != "config" and hasattr(type(self), key)}
        arguments = {key: getattr(self, key) for key in supplied} | {"now": utc_now}
        if "config" in wanted:
            arguments["config"] = dataclasses.replace(self.config_of(name), **overrides)
        return function(**arguments)

    def config_of(self, name: str) -> Any:
        """The typed config of a step, made from settings."""
        return configs.config_of(name, self.settings, hash_key=lambda: self.hash_key)

    def require_source(self) -> None:
        """Check that X can be asked at all.

        Raises:
            ConfigurationError: No bearer token.
        """
        if self.settings.x.bearer_token is None:
            raise ConfigurationError(
                "No bearer token for X is set.",
                remedy="Set TRENDVANE_X__BEARER_TOKEN, or run `trendvane demo`, which needs no account.",
            )

    @cached_property
    def x(self) -> XClient:
        """The X client."""
        self.require_source()
        x = self.settings.x
        token = x.bearer_token.get_secret_value() if x.bearer_token else ""
        config = XConfig(base_url=x.base_url, bearer=token, dialect=x.dialect)
        return self._stack.enter_context(XClient(config, now=utc_now))

    @cached_property
    def find(self) -> Finder:
        """Asks X which tweets are gone."""
        return lambda ids: find_gone(Compliance(self.x), ids, sleep=time.sleep)

    @cached_property
    def memory(self) -> CollectMemory:
        """What the collector remembers between two looks."""
        return CollectMemory()

    @cached_property
    def governor(self) -> Governor:
        """The money governor; its books are in the warehouse."""
        x = self.settings.x
        ledger = WarehouseLedger(self.warehouse, x.source)
        return Governor(ledger, Limits.dollars(x.dollars_per_day, x.dollars_per_month), now=utc_now)

    @cached_property
    def spool(self) -> Spool:
        """The spool, in the data directory."""
        return Spool(self.settings.data_dir / "spool")

    @cached_property
    def lake(self) -> Lake:
        """The lake: a folder, or Azure Blob."""
        lake = self.settings.lake
        url = lake.url or str(self.settings.data_dir / "lake")
        secrets_given = {
            "azure_storage_connection_string": lake.connection_string,
            "azure_storage_account_key": lake.account_key,
            "azure_storage_sas_token": lake.sas_token,
        }
        config: dict[str, Any] = {k: v.get_secret_value() for k, v in secrets_given.items() if v is not None}
        if lake.account_name:
            config["azure_storage_account_name"] = lake.account_name
        return lake_store.open(url, config=config)

    @cached_property
    def warehouse_url(self) -> str:
        """URL of PostgreSQL; starts the embedded one when none is given."""
        if self.settings.warehouse.url is not None:
            return self.settings.warehouse.url.get_secret_value()
        server = embedded.start(self.settings.data_dir)
        self._stack.callback(server.stop)
        return server.url

    @cached_property
    def warehouse(self) -> Warehouse:
        """The warehouse."""
        warehouse = engine.open(self.warehouse_url)
        self._stack.callback(warehouse.close)
        return warehouse

    def prepare_warehouse(self) -> str:
        """Bring the schema of an embedded warehouse up to date, check that of a server; returns the URL.

        Raises:
            ConfigurationError: A server's schema is not up to date: upgrading it is a person's decision.
        """
        if self.settings.warehouse.url is None:
            migrate.upgrade(self.warehouse)
        elif not migrate.is_current(self.warehouse):
            raise ConfigurationError(
                "The warehouse's schema is not the one this version needs.",
                remedy="Run `trendvane db upgrade`.",
            )
        return self.warehouse_url

    @cached_property
    def champion(self) -> ChampionFolder:
        """Promoted packages on this machine."""
        from trendvane.model.champion import ChampionFolder  # noqa: PLC0415  steps without a model do without

        return ChampionFolder(self.settings.data_dir / "champion")

    @cached_property
    def holder(self) -> ModelHolder:
        """The champion, loaded; ``poll`` swaps it when another was promoted.

        Raises:
            ModelPackageError: The package must not be used.
        """
        from trendvane.model.holder import ModelHolder, open_engine  # noqa: PLC0415  brings onnxruntime
        from trendvane.model.package import starter_path  # noqa: PLC0415

        threads = self.settings.model.threads or os.cpu_count() or 1
        path = self.settings.model.path or self.champion.ensure(starter_path())
        holder = ModelHolder(path, opener=lambda folder: open_engine(folder, threads=threads))
        holder.reload()
        holder.require()
        return holder

    @cached_property
    def follower(self) -> Follower | None:
        """Brings the champion of an MLflow server here; None where the registry is on this machine."""
        if not self.settings.mlflow.tracking_uri or self.settings.model.path is not None:
            return None
        from trendvane.model.follower import Follower  # noqa: PLC0415  as above
        from trendvane.model.holder import open_engine  # noqa: PLC0415

        return Follower(
            self.registry,
            self.champion,
            check=lambda folder: open_engine(folder, threads=1).close(),
            every_s=self.settings.mlflow.poll_seconds,
            clock=time.monotonic,
        )

    @property
    def predictor(self) -> Engine:
        """The inference engine of the champion of this moment."""
        if self.follower is not None:
            self.follower.follow_when_due()
        self.holder.poll()
        return self.holder.require()

    @cached_property
    def snapshots(self) -> Snapshots:
        """Data snapshots and the frozen test set."""
        from trendvane.model.snapshots import Snapshots  # noqa: PLC0415

        return Snapshots(self.settings.data_dir / "datasets")

    @cached_property
    def registry(self) -> Registry:
        """Runs and versions in MLflow: a server, or SQLite and a folder in the data directory."""
        from trendvane.model.registry import Registry  # noqa: PLC0415  steps without a model do without

        prepare_mlflow()
        mlflow = self.settings.mlflow
        return Registry(
            mlflow.tracking_uri,
            self.settings.data_dir / "mlflow",
            experiment=mlflow.experiment,
            name=mlflow.model,
        )

    @cached_property
    def workshop(self) -> Workshop:
        """Where models are trained; shows how far they are to whoever sits before a terminal."""
        from trendvane.bootstrap.bars import bar  # noqa: PLC0415  brings rich
        from trendvane.model.workshop import Workshop  # noqa: PLC0415

        return Workshop(self.settings.data_dir / "model", bar if sys.stderr.isatty() else None)

    @cached_property
    def labeller(self) -> Labeller:
        """The LLM that labels; its costs are in the warehouse's books.

        Raises:
            ConfigurationError: No endpoint, no model, or no prices are set.
        """
        from trendvane.llm.labeller import open_labeller  # noqa: PLC0415  only who labels needs one

        books = WarehouseLedger(self.warehouse, "llm")
        return self._stack.enter_context(open_labeller(configs.llm_config(self.settings), books, now=utc_now))

    @cached_property
    def hash_key(self) -> bytes:
        """Key of the sampling and of author hashes; made once when none is given."""
        given = self.settings.hash_key
        if given is not None:
            return given.get_secret_value().encode()
        path = self.settings.data_dir / "hash.key"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_suffix(f".{os.getpid()}")
            with os.fdopen(os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_hex(32).encode())
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(temporary, path)  # fails when another process was first; then theirs counts
            except FileExistsError:
                pass
            finally:
                temporary.unlink()
        return path.read_bytes()
