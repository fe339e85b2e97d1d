from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
import sqlalchemy as sa
from pipeline_support import database_url

from trendvane.domain.errors import ConfigurationError, StorageUnavailableError, TerminalError
from trendvane.warehouse import embedded, engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trendvane.warehouse.embedded import EmbeddedServer
    from trendvane.warehouse.engine import Warehouse

pytestmark = pytest.mark.integration


def value(warehouse: Warehouse, statement: str) -> object:
    with warehouse.begin() as connection:
        return connection.execute(sa.text(statement)).scalar()


def test_sessions_have_timeouts_a_name_and_speak_utc(warehouse: Warehouse) -> None:
    assert value(warehouse, "SHOW statement_timeout") == "1min"
    assert value(warehouse, "SHOW lock_timeout") == "20s"
    assert value(warehouse, "SHOW idle_in_transaction_session_timeout") == "2min"
    assert value(warehouse, "SHOW timezone") == "UTC"
    assert value(warehouse, "SHOW application_name") == "trendvane"


def test_a_statement_that_takes_too_long_is_a_storage_error(pg_server: EmbeddedServer) -> None:
    hasty = engine.open(database_url(pg_server, "tpl"), statement_timeout=0.1)
    with pytest.raises(StorageUnavailableError), hasty.begin() as connection:
        connection.execute(sa.text("SELECT pg_sleep(5)"))
    hasty.close()


def test_a_killed_session_is_a_storage_error_and_the_next_one_works(warehouse: Warehouse) -> None:
    def lose_the_session() -> None:
        with warehouse.begin() as connection:
            pid = connection.execute(sa.text("SELECT pg_backend_pid()")).scalar()
            with warehouse.begin() as other:
                other.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            connection.execute(sa.text("SELECT 1"))

    with pytest.raises(StorageUnavailableError):
        lose_the_session()
    assert value(warehouse, "SELECT 1") == 1


def test_a_refused_statement_is_terminal(warehouse: Warehouse) -> None:
    with pytest.raises(TerminalError, match="refused"), warehouse.begin() as connection:
        connection.execute(sa.text("SELECT 1/0"))


def test_a_server_that_is_not_there_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailableError):
        engine.open(f"postgresql:///nothing?host={tmp_path}", connect_timeout=2)


@pytest.fixture
def home() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="tvpg", dir="/tmp"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


def postmaster(server: EmbeddedServer) -> int:
    return int((server.pgdata / "postmaster.pid").read_text().split()[0])


def test_a_committed_row_survives_the_death_of_every_process(home: Path) -> None:
    server = embedded.start(home)
    warehouse = engine.open(server.url)
    assert value(warehouse, "SHOW fsync") == "on"
    assert value(warehouse, "SHOW max_connections") == "50"
    with warehouse.begin() as connection:
        connection.execute(sa.text("CREATE TABLE kept (n int)"))
        connection.execute(sa.text("INSERT INTO kept VALUES (42)"))
    parent = psutil.Process(postmaster(server))
    family = [parent, *parent.children(recursive=True)]
    for process in family:
        process.send_signal(signal.SIGKILL)
    psutil.wait_procs(family, timeout=10)
    warehouse.close()
    # What else a crash may leave: handles of dead processes, and a pid that somebody else wears now.
    (server.pgdata / ".handle_pids.json").write_text(json.dumps([999_999_999]))
    pid_file = server.pgdata / "postmaster.pid"
    pid_file.write_text(pid_file.read_text().replace(str(parent.pid), str(os.getpid()), 1))

    again = embedded.start(home)
    reopened = engine.open(again.url)
    assert value(reopened, "SELECT n FROM kept") == 42
    reopened.close()
    again.stop()
    again.stop()
    deadline = time.monotonic() + 10
    while pid_file.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not pid_file.exists()


def test_a_cluster_whose_making_was_cut_short_is_made_again(home: Path) -> None:
    (home / "pgdata").mkdir()
    (home / "pgdata" / "PG_VERSION").write_text("18\n")
    (home / "pgdata.creating").touch()
    server = embedded.start(home)
    warehouse = engine.open(server.url)
    assert value(warehouse, "SHOW shared_buffers") == "64MB"
    warehouse.close()
    server.stop()


def test_a_torn_pid_file_does_not_stop_a_start(home: Path) -> None:
    server = embedded.start(home)
    server.stop()
    (server.pgdata / "postmaster.pid").write_text("12")
    again = embedded.start(home)
    again.stop()


def test_a_cluster_of_another_version_is_refused(home: Path) -> None:
    (home / "pgdata").mkdir()
    (home / "pgdata" / "PG_VERSION").write_text("13\n")
    with pytest.raises(ConfigurationError, match="13"):
        embedded.start(home)
