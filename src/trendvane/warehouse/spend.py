"""The books of the money governor, kept in the warehouse so that they outlive the process."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from trendvane.domain.money import Totals
from trendvane.warehouse.tables import spend

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from trendvane.domain.money import Entry, Limits
    from trendvane.warehouse.engine import Warehouse

# Name of the advisory lock under which money is spent; any number, as long as nobody else uses it.
_LOCK = 0x7472656E_64766E65


class WarehouseLedger:
    """Books in the table ``spend``; several processes may write to them.

    Args:
        warehouse: Where the table is.
        source: ``x``, ``emulator`` or ``llm``: each has a budget of its own.
    """

    def __init__(self, warehouse: Warehouse, source: str) -> None:
        self._warehouse = warehouse
        self._source = source

    def totals(self, day: date) -> Totals:
        """Sums of ``day`` and of its month, in micros."""
        with self._warehouse.begin() as connection:
            return self._totals(connection, day)

    def add(self, entry: Entry, limits: Limits | None = None) -> bool:
        """Write an entry down, if it fits; committed when this returns."""
        with self._warehouse.begin() as connection:
            if limits is not None:
                # Held until the commit, so that two processes cannot both take the last dollar.
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
                sums = self._totals(connection, entry.day)
                if sums.day + entry.micros > limits.per_day or sums.month + entry.micros > limits.per_month:
                    return False
            self._write(connection, entry)
        return True

    def _write(self, connection: Connection, entry: Entry) -> None:
        change = {"units": entry.units, "micros": entry.micros, "requests": entry.requests}
        statement = insert(spend).values(
            day=entry.day.isoformat(), item=entry.item, source=self._source, **change
        )
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["day", "item", "source"],
                set_={name: spend.c[name] + statement.excluded[name] for name in change}
                | {"updated_at": sa.func.now()},
            )
        )

    def _totals(self, connection: Connection, day: date) -> Totals:
        first = day.replace(day=1)
        after = (first + timedelta(days=32)).replace(day=1)
        row = connection.execute(
            sa.select(
                sa.func.coalesce(sa.func.sum(spend.c.micros).filter(spend.c.day == day.isoformat()), 0),
                sa.func.coalesce(sa.func.sum(spend.c.micros), 0),
                sa.func.min(spend.c.day),
            ).where(
                spend.c.source == self._source,
                spend.c.day >= first.isoformat(),
                spend.c.day < after.isoformat(),
            )
        ).one()
        return Totals(int(row[0]), int(row[1]), date.fromisoformat(row[2]) if row[2] else None)
