"""Bring the schema up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from trendvane.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from trendvane.warehouse.engine import Warehouse

# Any fixed number will do; it only has to be the same in every process that migrates.
_LOCK = 7_291_046_550_118_001
_PATIENCE = "5min"


def is_current(warehouse: Warehouse) -> bool:
    """Whether the schema is the one this version needs."""
    script = ScriptDirectory.from_config(_config())
    with warehouse.begin() as connection:
        return MigrationContext.configure(connection).get_current_revision() == script.get_current_head()


def upgrade(warehouse: Warehouse, revision: str = "head") -> None:
    """Run the migrations that are missing, in one transaction.

    Several processes may start at once: they queue on an advisory lock; the later ones find nothing to do.

    Raises:
        StorageUnavailableError: The server did not answer, or another migration took over five minutes.
    """
    with warehouse.begin() as connection:
        connection.execute(sa.text(f"SET LOCAL lock_timeout = '{_PATIENCE}'"))
        connection.execute(sa.text(f"SET LOCAL statement_timeout = '{_PATIENCE}'"))
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        run(connection, revision)


def run(connection: Connection, revision: str, *, down: bool = False) -> None:
    """Move to ``revision`` in the caller's transaction.

    Raises:
        ConfigurationError: The schema was made by a version that this one does not know.
    """
    config = _config()
    config.attributes["connection"] = connection
    try:
        (command.downgrade if down else command.upgrade)(config, revision)
    except CommandError as error:
        raise ConfigurationError(
            f"The schema cannot be upgraded: {error}.",
            remedy="It was probably made by a newer version of Trendvane; run that one.",
        ) from error


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "trendvane.warehouse:migrations")
    return config
