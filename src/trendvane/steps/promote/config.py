"""What the step ``promote`` is told and what it tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trendvane.model.gate import Rules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from trendvane.model.behaviour import Case, Model


@dataclass(frozen=True, slots=True, kw_only=True)
class GateConfig:
    """What is judged, and how.

    Attributes:
        rules: What is asked of a challenger.
        max_bytes: Size a package may have, all files together.
        starter: Package shipped with the project; a candidate like any other.
        actor: Who is written in the book.
        version: Judge this one and no other, even if it was judged before; empty for all that were not.
        reason: What a person has to say; required to override.
        override: Promote even if the gate refuses; a package that is damaged or misbehaves stays refused.
        baseline: Makes the model that the first champion must beat.
        suites: Behavioural tests; None for the usual ones.
        threads: Of each inference engine.
        min_class_rows: Rows of each class without which nothing is judged.
    """

    rules: Rules = field(default_factory=Rules)
    max_bytes: int = 500 * 2**20
    starter: Path
    actor: str = "gate"
    version: str = ""
    reason: str = ""
    override: bool = False
    baseline: Callable[[], Model]
    suites: Mapping[str, Sequence[Case]] | None = None
    threads: int = 2
    min_class_rows: int = 10


@dataclass(frozen=True, slots=True)
class Decision:
    """One challenger's verdict.

    Attributes:
        version: Its number in the registry.
        identity: Of its package.
        action: ``adopt``, ``promote`` or ``refuse``.
        against: Whom it was compared with.
        reasons: Sentences.
    """

    version: str
    identity: str
    action: str
    against: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PromoteReport:
    """What a run decided.

    Attributes:
        champion: Identity of the champion afterwards; None when there is none yet.
        decisions: One for each challenger, in the order they were judged.
        settled: What an earlier run had left undone and this one finished; empty if nothing.
    """

    champion: str | None
    decisions: tuple[Decision, ...] = ()
    settled: str = ""

    @property
    def changed(self) -> bool:
        """Whether anything was decided or finished."""
        return bool(self.decisions or self.settled)

    @property
    def more(self) -> bool:
        """Never: one run judges all there is."""
        return False
