"""A warehouse: one PostgreSQL database, its pool of connections, and its timeouts.

psycopg 3 underneath, SQLAlchemy Core on top. Whatever goes wrong between us and the server leaves a
transaction as ``StorageUnavailableError``; what goes wrong because of the data, and was not dealt with
inside, as ``TerminalError``.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import psycopg
import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.engine import Connection, Engine, make_url

from trendvane.domain.errors import ConfigurationError, StorageUnavailableError, TerminalError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MIN_VERSION = 15
_REMEDY = "Check that PostgreSQL runs and that the warehouse URL is right."


@dataclass(frozen=True, slots=True)
class Warehouse:
    """Handle of the warehouse; safe to share between threads. Made by :func:`open`."""

    engine: Engine

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction: committed at the end of the block, rolled back when it raises.

        Raises:
            StorageUnavailableError: The server did not answer, or gave up (timeout, deadlock, disk full). A
                commit may have happened all the same: every statement of this project can be sent twice.
            TerminalError: The server refused a statement because of what it said.
        """
        with translated(), self.engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close every idle connection."""
        self.engine.dispose()


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors into ours; only for the outermost block, inside it they are caught by kind."""
    try:
        yield
    except (exc.OperationalError, exc.InterfaceError, exc.TimeoutError) as error:
        raise _unavailable(error) from error
    except exc.DBAPIError as error:
        raise (_unavailable(error) if error.connection_invalidated else _refused(error)) from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        # COPY speaks to the driver directly, so SQLAlchemy does not wrap its errors.
        raise _unavailable(error) from error
    except psycopg.Error as error:
        raise _refused(error) from error


def open(  # noqa: A001 - read as engine.open
    url: str,
    *,
    application_name: str = "trendvane",
    pool_size: int = 5,
    statement_timeout: float = 120.0,
    lock_timeout: float = 30.0,
    connect_timeout: float = 10.0,
) -> Warehouse:
    """Open the warehouse at ``url`` and check that it is a PostgreSQL this project can use.

    Args:
        url: ``postgresql://user:password@host:port/database``; ``postgres://`` is read the same way.
        application_name: Shown in ``pg_stat_activity``.
        pool_size: Connections kept; as many again may be opened for a moment.
        statement_timeout: Seconds after which the server ends a statement. PostgreSQL's default is never.
        lock_timeout: Seconds a statement waits for a lock.
        connect_timeout: Seconds to wait for a connection.

    Raises:
        ConfigurationError: The URL is no PostgreSQL URL, or the server is older than 15.
        StorageUnavailableError: The server does not answer.
    """
    engine = sa.create_engine(
        _dialect(url),
        pool_pre_ping=True,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_recycle=1800,
        connect_args={
            "application_name": application_name,
            "connect_timeout": max(int(connect_timeout), 2),
            # A standby after a failover would refuse our writes one statement later; refuse it here.
            "target_session_attrs": "read-write",
            "options": _options(statement_timeout, lock_timeout),
        },
    )
    event.listen(engine, "connect", _check_version)
    return _answering(Warehouse(engine))


def _answering(warehouse: Warehouse) -> Warehouse:
    try:
        with warehouse.begin() as connection:
            connection.execute(sa.text("SELECT 1"))
    except BaseException:
        warehouse.close()
        raise
    return warehouse


def _options(statement_timeout: float, lock_timeout: float) -> str:
    values = {
        "statement_timeout": int(statement_timeout * 1000),
        "lock_timeout": int(lock_timeout * 1000),
        "idle_in_transaction_session_timeout": int(statement_timeout * 2000),
        "timezone": "UTC",
        # A plan made without looking at the ids of a list searches a grown table row by row.
        "plan_cache_mode": "force_custom_plan",
    }
    return " ".join(f"-c {name}={value}" for name, value in values.items())


def driver(connection: Connection) -> psycopg.Connection[Any]:
    """The psycopg connection under ``connection``, for COPY; it shares the transaction."""
    return cast("psycopg.Connection[Any]", connection.connection.driver_connection)


def int8s(values: Iterable[int]) -> str:
    """Integers as the text of an array, for ``CAST(:x AS bigint[])``; several times faster than a list."""
    return "{" + ",".join(map(str, values)) + "}"


def _dialect(url: str) -> sa.URL:
    try:
        parsed = make_url(
            url.replace("postgres://", "postgresql://", 1) if url.startswith("postgres://") else url
        )
    except exc.ArgumentError as error:
        raise ConfigurationError(
            "The warehouse URL cannot be read.",
            remedy="Write it as postgresql://user:password@host:5432/database.",
        ) from error
    if parsed.get_backend_name() != "postgresql":
        raise ConfigurationError(
            f"The warehouse must be PostgreSQL, not {parsed.get_backend_name()}.",
            remedy="Write the URL as postgresql://user:password@host:5432/database.",
        )
    return parsed.set(drivername="postgresql+psycopg")


def _check_version(connection: psycopg.Connection[Any], _record: object) -> None:
    version = connection.info.server_version // 10000
    if version < MIN_VERSION:
        raise ConfigurationError(
            f"The warehouse runs PostgreSQL {version}; {MIN_VERSION} or newer is needed.",
            remedy="Upgrade the server, or leave the URL empty to use the embedded one.",
        )


def _unavailable(error: Exception) -> StorageUnavailableError:
    return StorageUnavailableError(f"The warehouse did not answer: {_first_line(error)}.", remedy=_REMEDY)


def _refused(error: Exception) -> TerminalError:
    return TerminalError(f"The warehouse refused a statement: {_first_line(error)}.")


def _first_line(error: BaseException) -> str:
    cause = getattr(error, "orig", None) or error
    return (str(cause).strip() or type(cause).__name__).splitlines()[0].rstrip(".")
