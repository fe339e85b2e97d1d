from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from trendvane.domain.errors import RetryableError, TerminalError
from trendvane.warehouse import migrate, promotions
from trendvane.warehouse.promotions import Action, Entry

if TYPE_CHECKING:
    from trendvane.warehouse.engine import Warehouse

pytestmark = pytest.mark.integration


def write(warehouse: Warehouse, version: str, action: Action, champion: str | None) -> Entry:
    entry = Entry(
        model_version=version,
        registered=version.rpartition("-")[2],
        action=action,
        actor="anna",
        reason="because",
        previous_version=champion,
        test_set="t1",
        report={"whole": {"n": 3}},
    )
    with warehouse.begin() as connection:
        return promotions.record(connection, entry, champion=champion)


def test_what_is_written_is_read_in_order(warehouse: Warehouse) -> None:
    first = write(warehouse, "a-1", Action.ADOPT, None)
    write(warehouse, "a-2", Action.REFUSE, "a-1")
    last = write(warehouse, "a-3", Action.PROMOTE, "a-1")
    with warehouse.begin() as connection:
        lines = promotions.history(connection)
        assert [line.model_version for line in lines] == ["a-1", "a-2", "a-3"]
        assert lines[0] == first
        assert lines[0].report == {"whole": {"n": 3}}
        assert promotions.history(connection, 1) == [last]
        assert promotions.reign(lines)[-1] == last


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE model_promotion SET reason = 'other'",
        "DELETE FROM model_promotion",
        "TRUNCATE model_promotion",
    ],
)
def test_the_book_cannot_be_rewritten(warehouse: Warehouse, statement: str) -> None:
    write(warehouse, "a-1", Action.ADOPT, None)
    with pytest.raises(TerminalError, match="append-only"), warehouse.begin() as connection:
        connection.execute(sa.text(statement))
    with warehouse.begin() as connection:
        assert len(promotions.history(connection)) == 1


def test_of_two_that_decide_at_once_one_is_told_to_look_again(warehouse: Warehouse) -> None:
    write(warehouse, "a-1", Action.ADOPT, None)
    start = threading.Barrier(2)
    refused: list[str] = []

    def promote(version: str) -> None:
        start.wait()
        try:
            write(warehouse, version, Action.PROMOTE, "a-1")
        except RetryableError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=promote, args=(f"a-{n}",)) for n in (2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert "Run it again" in refused[0]


def test_the_second_migration_can_be_undone_with_promotions_in_the_book(warehouse: Warehouse) -> None:
    write(warehouse, "a-1", Action.ADOPT, None)
    with warehouse.begin() as connection:
        migrate.run(connection, "0001", down=True)
        columns = {column["name"] for column in sa.inspect(connection).get_columns("model_promotion")}
        assert not {"registered", "test_set"} & columns
    migrate.upgrade(warehouse)
    with warehouse.begin() as connection:
        assert [line.model_version for line in promotions.history(connection)] == ["a-1"]
