"""What a step says it did."""

from __future__ import annotations

from typing import Protocol


class Report(Protocol):
    """Every step returns a frozen dataclass of counts and ids with these two properties."""

    @property
    def changed(self) -> bool:
        """Whether anything was done; quiet reports are not logged."""
        ...

    @property
    def more(self) -> bool:
        """Whether work is left that could be done at once, because a limit was reached."""
        ...
