from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from trendvane.warehouse import migrate
from trendvane.warehouse.tables_learning import metadata

if TYPE_CHECKING:
    from trendvane.warehouse.engine import Warehouse

pytestmark = pytest.mark.integration


def drop_all(warehouse: Warehouse) -> None:
    with warehouse.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))


def test_the_migrated_schema_is_the_one_in_tables(warehouse: Warehouse) -> None:
    with warehouse.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


def test_several_processes_may_migrate_at_once(warehouse: Warehouse) -> None:
    drop_all(warehouse)
    failures: list[Exception] = []

    def run() -> None:
        try:
            migrate.upgrade(warehouse)
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with warehouse.begin() as connection:
        assert set(sa.inspect(connection).get_table_names()) == {*metadata.tables, "alembic_version"}


def test_the_first_migration_can_be_undone(warehouse: Warehouse) -> None:
    with warehouse.begin() as connection:
        migrate.run(connection, "base", down=True)
        assert sa.inspect(connection).get_table_names() == ["alembic_version"]
    migrate.upgrade(warehouse)
