"""MLflow behind a door: one client, its errors as ours, no global state and no chatter.

MLflow's fluent API keeps the server's address and the active run in module variables; ``MlflowClient`` takes
them as arguments. The skinny distribution is enough for everything here.
"""

from __future__ import annotations

import fcntl
import logging
import time
import warnings
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from trendvane.domain.errors import ConfigurationError, StorageUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What may pass by itself; everything else is a mistake of ours or of the settings.
_TRANSIENT = {"INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "ABORTED", "IO_ERROR"}
_DATABASE, _LOCK, _ARTIFACTS = "mlflow.db", "mlflow.lock", "artifacts"
_LOGGERS = ("mlflow", "alembic")


class Tracking:
    """A lazily opened MLflow client and one experiment in it.

    Args:
        uri: Of an MLflow server, or a database; empty for SQLite and a folder in ``home``.
        home: Folder for those; made when needed.
        experiment: Name of the experiment; made when it is missing.
    """

    def __init__(self, uri: str, home: Path, experiment: str) -> None:
        self._home = home.absolute()
        self._local = not uri
        self.uri = uri or database_uri(home)
        self.experiment = experiment

    @cached_property
    def client(self) -> Any:
        """The ``MlflowClient``.

        Raises:
            StorageUnavailableError: The database cannot be opened.
            ConfigurationError: The address is none.
        """
        with quiet(), translated(self.uri):
            from mlflow import MlflowClient  # noqa: PLC0415 - seconds, and only the learning loop needs it

            if not self._local:
                return MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
            self._home.mkdir(parents=True, exist_ok=True)
            # MLflow creates its tables on first use, and two processes that do so at once both fail.
            with (self._home / _LOCK).open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                return MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    @cached_property
    def experiment_id(self) -> str:
        """Of the experiment, which is made when it is missing."""
        with self.calls() as client:
            found = client.get_experiment_by_name(self.experiment)
            if found is None:
                return self._create(client)
            if found.lifecycle_stage != "active":
                client.restore_experiment(found.experiment_id)
            return str(found.experiment_id)

    @contextmanager
    def calls(self) -> Iterator[Any]:
        """The client, whose errors inside this block are ours."""
        client = self.client
        with translated(self.uri):
            yield client

    def _create(self, client: Any) -> str:
        place = (self._home / _ARTIFACTS).as_uri() if self._local else None
        try:
            return str(client.create_experiment(self.experiment, artifact_location=place))
        except Exception as error:
            if code_of(error) != "RESOURCE_ALREADY_EXISTS":
                raise
            return str(client.get_experiment_by_name(self.experiment).experiment_id)


def database_uri(home: Path) -> str:
    """The SQLite database in ``home``, as MLflow wants it named."""
    return f"sqlite:///{home.absolute() / _DATABASE}"


def artifacts_uri(home: Path) -> str:
    """The folder of artifacts in ``home``."""
    return (home.absolute() / _ARTIFACTS).as_uri()


def milliseconds() -> int:
    """Now, as MLflow stamps metrics."""
    return time.time_ns() // 1_000_000


def code_of(error: BaseException) -> str:
    """MLflow's code of an error, empty for foreign ones."""
    return str(getattr(error, "error_code", ""))


@contextmanager
def translated(uri: str) -> Iterator[None]:
    """MLflow's errors as ours.

    Raises:
        StorageUnavailableError: The server or the database did not answer; later it may.
        ConfigurationError: It answered, and refused.
    """
    try:
        yield
    except Exception as error:
        kind = type(error).__module__.partition(".")[0]
        if kind not in {"mlflow", "requests", "urllib3", "sqlalchemy", "sqlite3"} and not _is_storage(error):
            raise
        said = f"MLflow at {uri}: {_first_line(error)}"
        if kind == "mlflow" and code_of(error) not in _TRANSIENT:
            raise ConfigurationError(said, remedy="Check mlflow.tracking_uri.") from error
        raise StorageUnavailableError(
            said, remedy="Start the server, or leave mlflow.tracking_uri empty."
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' own notes, and their use of each other's deprecated parts, from the terminal."""
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _is_storage(error: Exception) -> bool:
    return isinstance(error, OSError)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
