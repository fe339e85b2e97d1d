"""Dead letters: what could not be used, why, and where it lies in the lake. Nothing is dropped silently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from trendvane.warehouse.tables import dead_letter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

_DETAIL_LIMIT = 1000
_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter.

    Attributes:
        stage: ``push``, ``stage`` or ``score``.
        reason: Short stable code.
        detail: For a person; cut at 1000 characters, made storable.
        raw_ref: Lake key, lake key and page id, or spool file.
        position: Index in the page's data, -1 for the page or object as a whole.
        tweet_id: When known.
        attempts: How often it was tried.
    """

    stage: str
    reason: str
    detail: str
    raw_ref: str
    position: int = -1
    tweet_id: int | None = None
    attempts: int = 0


def add(connection: Connection, letters: Sequence[Letter]) -> int:
    """Add letters, leaving alone those with the same stage, place and reason. Returns how many were new."""
    if not letters:
        return 0
    rows: list[dict[str, object]] = [
        {
            "stage": letter.stage,
            "reason": _storable(letter.reason),
            "detail": _storable(letter.detail)[:_DETAIL_LIMIT],
            "raw_ref": _storable(letter.raw_ref),
            "position": letter.position,
            "tweet_id": letter.tweet_id,
            "attempts": letter.attempts,
        }
        for letter in letters
    ]
    statement = insert(dead_letter).on_conflict_do_nothing().returning(dead_letter.c.dead_letter_id)
    return sum(len(connection.execute(statement.values(chunk)).all()) for chunk in _chunks(rows))


def withdraw_object(connection: Connection, stage: str, raw_ref: str) -> None:
    """Take back the letter of a lake object as a whole; those of its pages stay."""
    connection.execute(
        sa.delete(dead_letter).where(dead_letter.c.stage == stage, dead_letter.c.raw_ref == raw_ref)
    )


def withdraw(connection: Connection, stage: str, raw_ref: str) -> int:
    """Take back the letters of a lake object and of its pages, before it is staged again."""
    statement = sa.delete(dead_letter).where(
        dead_letter.c.stage == stage,
        sa.or_(
            dead_letter.c.raw_ref == raw_ref,
            dead_letter.c.raw_ref.startswith(f"{raw_ref}#", autoescape=True),
        ),
    )
    return connection.execute(statement).rowcount


def _chunks(rows: list[dict[str, object]]) -> list[list[dict[str, object]]]:
    # PostgreSQL takes 65,535 parameters in a statement.
    return [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]


def _storable(text: str) -> str:
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
