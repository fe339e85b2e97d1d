"""The book of champions: every promotion, refusal and rollback, with who, when and why. Append-only.

MLflow's aliases have no history, so this table is where it is kept, and a trigger keeps it from being
rewritten. What stands here last is who is champion; the registry's alias and the link on the disk follow it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from trendvane.domain.errors import RetryableError
from trendvane.warehouse.tables_learning import model_promotion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

# Name of the advisory lock under which champions change; any number, as long as nobody else uses it.
_LOCK = 0x7472656E_63686D70


class Action(StrEnum):
    """What happened to a version."""

    ADOPT = "adopt"  # champion without a duel: the first one, or one that the registry named already
    PROMOTE = "promote"
    REFUSE = "refuse"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the book.

    Attributes:
        model_version: Identity of the package it is about.
        registered: Its number in the registry.
        action: What happened.
        actor: Who did it.
        reason: Sentences.
        previous_version: Identity of the champion before, or the one it was compared with.
        test_set: What judged it; None where nothing did.
        report: Every figure.
        promotion_id, created_at: Given by the database.
    """

    model_version: str
    registered: str
    action: Action
    actor: str
    reason: str
    previous_version: str | None = None
    test_set: str | None = None
    report: Mapping[str, Any] = field(default_factory=dict)
    promotion_id: int = 0
    created_at: datetime | None = None


def record(connection: Connection, entry: Entry, *, champion: str | None) -> Entry:
    """Write a line; returns it with its number.

    Args:
        connection: An open transaction.
        entry: What happened.
        champion: Who was champion when this was decided; nobody else may have become it meanwhile.

    Raises:
        RetryableError: Somebody did.
    """
    # Held until the commit, so that of two processes that decide at once the second sees the first.
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    reigning = reign(history(connection))
    if (reigning[-1].model_version if reigning else None) != champion:
        raise RetryableError(
            f"{reigning[-1].model_version} became champion while {entry.model_version} was judged.",
            remedy="Run it again; it is then compared with the new champion.",
        )
    row = connection.execute(
        sa.insert(model_promotion)
        .values(
            model_version=entry.model_version,
            registered=entry.registered,
            action=entry.action.value,
            actor=entry.actor,
            reason=entry.reason,
            previous_version=entry.previous_version,
            test_set=entry.test_set,
            report=json.dumps(entry.report, ensure_ascii=False, allow_nan=False),
        )
        .returning(*model_promotion.c)
    ).one()
    return _entry(row)


def history(connection: Connection, limit: int | None = None) -> list[Entry]:
    """Lines of the book, oldest first; only the last ``limit`` of them if it is given."""
    statement = sa.select(model_promotion).order_by(model_promotion.c.promotion_id.desc()).limit(limit)
    return [_entry(row) for row in reversed(connection.execute(statement).all())]


def reign(entries: Iterable[Entry]) -> Sequence[Entry]:
    """How the champion of today came to be: the lines that made each champion, each on its predecessor.

    The last is today's, the one before it is whom a rollback brings back. A rollback takes away what was
    built on the version it goes back to, so a second one goes further back and never forth again.
    """
    stack: list[Entry] = []
    for entry in entries:
        if entry.action is Action.REFUSE:
            continue
        if entry.action is Action.ROLLBACK:
            known = [i for i, e in enumerate(stack) if e.model_version == entry.model_version]
            del stack[known[-1] if known else len(stack) :]
        stack.append(entry)
    return stack


def _entry(row: Any) -> Entry:
    return Entry(
        model_version=row.model_version,
        registered=row.registered or "",
        action=Action(row.action),
        actor=row.actor,
        reason=row.reason,
        previous_version=row.previous_version,
        test_set=row.test_set,
        report=json.loads(row.report),
        promotion_id=row.promotion_id,
        created_at=row.created_at,
    )
