"""A bounded memory of what was handled lately, oldest forgotten first."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Recent:
    """Remembers keys by group.

    Args:
        keys: Keys remembered of one group.
        groups: Groups remembered.
    """

    def __init__(self, *, keys: int, groups: int) -> None:
        self._keys = keys
        self._groups = groups
        self._known: OrderedDict[str, OrderedDict[bytes, None]] = OrderedDict()

    def knows(self, group: str, keys: Iterable[bytes]) -> bool:
        """Whether every key was added to the group and is not forgotten."""
        known = self._known.get(group, OrderedDict())
        return all(key in known for key in keys)

    def add(self, group: str, keys: Iterable[bytes]) -> None:
        """Remember keys."""
        known = self._known.setdefault(group, OrderedDict())
        self._known.move_to_end(group)
        for key in keys:
            known[key] = None
            known.move_to_end(key)
        while len(known) > self._keys:
            known.popitem(last=False)
        while len(self._known) > self._groups:
            self._known.popitem(last=False)
