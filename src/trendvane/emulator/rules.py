"""Rules of the filtered stream: 1,000 of 1,024 characters, no two with the same value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trendvane.emulator.post import IdMint
from trendvane.emulator.problems import ProblemError, type_uri
from trendvane.emulator.query.parser import QueryError, Topics, parse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trendvane.emulator.query.nodes import Document, Node

MAX_RULES = 1_000
MAX_LENGTH = 1_024


@dataclass(frozen=True, slots=True)
class Rule:
    """One standing query."""

    id: int
    value: str
    tag: str
    node: Node

    def shown(self) -> dict[str, str]:
        """As the API lists it; a rule without tag has no ``tag`` key."""
        return {"id": str(self.id), "value": self.value} | ({"tag": self.tag} if self.tag else {})


@dataclass(slots=True)
class AddOutcome:
    """Result of one add: rules made (in a dry run: that would be made), one problem per refused rule."""

    created: list[Rule]
    errors: list[dict[str, Any]]
    invalid: int


class RuleBook:
    """The rules of the one app the emulator knows.

    Args:
        topics: Names that a rule may use as terms.
    """

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self._rules: dict[int, Rule] = {}
        self._mint = IdMint()

    def __len__(self) -> int:
        return len(self._rules)

    def listed(self, ids: Iterable[int] = ()) -> list[Rule]:
        """All rules, or those with ``ids``, oldest first."""
        wanted = set(ids)
        return [rule for rule in self._rules.values() if not wanted or rule.id in wanted]

    def add(self, entries: Iterable[tuple[str, str]], now_ms: int, host: str, *, dry_run: bool) -> AddOutcome:
        """Add (value, tag) pairs; the good ones are taken even when others are refused.

        Raises:
            ProblemError: 400 when the cap would be passed; then none is taken.
        """
        outcome = AddOutcome([], [], 0)
        taken = {rule.value: rule for rule in self._rules.values()}
        for value, tag in entries:
            problem = self._examine(value, host)
            if value in taken:
                outcome.errors.append(_duplicate(taken[value], host))
            elif isinstance(problem, dict):
                outcome.errors.append(problem)
                outcome.invalid += 1
            else:
                rule = Rule(self._mint.mint(now_ms, 1), value, tag, problem)
                taken[value] = rule
                outcome.created.append(rule)
        if len(self._rules) + len(outcome.created) > MAX_RULES:
            detail = f"You have exceeded the maximum number of rules ({MAX_RULES})."
            raise ProblemError(400, {"title": "RulesCapExceeded", "detail": detail}, "rule-cap")
        if not dry_run:
            self._rules.update({rule.id: rule for rule in outcome.created})
        return outcome

    def delete(self, ids: Iterable[int], values: Iterable[str], *, dry_run: bool) -> int:
        """Delete by id or value; returns how many existed."""
        wanted_ids, wanted_values = set(ids), set(values)
        doomed = [r.id for r in self._rules.values() if r.id in wanted_ids or r.value in wanted_values]
        if not dry_run:
            for rule_id in doomed:
                del self._rules[rule_id]
        return len(doomed)

    def matching(self, doc: Document) -> list[Rule]:
        """Rules that the document satisfies."""
        return [rule for rule in self._rules.values() if rule.node.matches(doc)]

    def _examine(self, value: str, host: str) -> Node | dict[str, Any]:
        complaint = f"Rule must be no longer than {MAX_LENGTH} characters, it has {len(value)}"
        if len(value) <= MAX_LENGTH:
            try:
                return parse(value, self._topics, stream=True)
            except QueryError as error:
                complaint = str(error)
        return {
            "value": value,
            "details": [complaint],
            "detail": complaint,
            "title": "UnprocessableEntity",
            "type": type_uri("invalid-rules", host),
        }


def _duplicate(rule: Rule, host: str) -> dict[str, Any]:
    return {
        "value": rule.value,
        "id": str(rule.id),
        "title": "DuplicateRule",
        "detail": f"A rule with this value exists: {rule.id}",
        "type": type_uri("duplicate-rules", host),
    }
