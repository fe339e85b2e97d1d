"""A real PostgreSQL for the whole session, and a fresh copy of a migrated database for each test."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from pipeline_support import database_url

from trendvane.warehouse import embedded, engine, migrate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trendvane.warehouse.embedded import EmbeddedServer
    from trendvane.warehouse.engine import Warehouse

_TEMPLATE = "tpl"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def pg_server() -> Iterator[EmbeddedServer]:
    """An embedded server with a migrated template database."""
    # A short path, for a Unix socket's name has at most 107 bytes; in /tmp, for the server may be another
    # user.
    directory = Path(tempfile.mkdtemp(prefix="tvpg", dir="/tmp"))
    server = embedded.start(directory)
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        _admin(server, f"ALTER SYSTEM SET {setting} = off")  # nothing here must outlive the session
    _admin(server, "SELECT pg_reload_conf()")
    _admin(server, f"CREATE DATABASE {_TEMPLATE}")
    template = engine.open(database_url(server, _TEMPLATE))
    migrate.upgrade(template)
    template.close()
    yield server
    server.stop()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def warehouse(pg_server: EmbeddedServer) -> Iterator[Warehouse]:
    """A migrated, empty warehouse of its own."""
    name = f"t{next(_numbers)}"
    _admin(pg_server, f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
    opened = engine.open(database_url(pg_server, name), lock_timeout=20, statement_timeout=60)
    yield opened
    opened.close()
    _admin(pg_server, f"DROP DATABASE {name} WITH (FORCE)")


def _admin(server: EmbeddedServer, statement: str) -> None:
    administrator = sa.create_engine(server.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with administrator.connect() as connection:
        connection.execute(sa.text(statement))
