"""For machines that serve or score but do not promote: follow the registry's alias to this disk.

A package is downloaded beside the champion's, its hashes and golden rows are checked, and only then is the
link moved. Whatever goes wrong, the last good model stays, the trouble is told once, and the next look may
succeed.
"""

from __future__ import annotations

import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import structlog

from trendvane.domain.errors import ModelPackageError, TrendvaneError

if TYPE_CHECKING:
    from collections.abc import Callable

    from trendvane.model.champion import ChampionFolder
    from trendvane.model.registry import ModelVersion

log = structlog.get_logger(__name__)


class Alias(Protocol):
    """The part of the registry that is followed."""

    def champion(self) -> ModelVersion | None:
        """The version the alias points at."""

    def fetch(self, version: str, into: Path) -> Path:
        """Copy its package to the new folder ``into``."""


class StopSignal(Protocol):
    """The part of ``threading.Event`` that is used."""

    def wait(self, timeout: float | None = None) -> bool:
        """Sleep; true when it is time to end."""


@dataclass(frozen=True, slots=True)
class FollowerState:
    """What happened so far.

    Attributes:
        moves: Champions brought here.
        failures: Looks that failed: no answer, a bad download, a package that was refused.
        trouble: Why the registry's champion is not in use here; empty when it is.
    """

    moves: int = 0
    failures: int = 0
    trouble: str = ""


class Follower:
    """Keeps the champion's folder at the registry's alias. Safe to use from several threads.

    Args:
        registry: Asked for the alias.
        folder: Where serving and scoring look.
        check: Loads a package and asks its golden rows; raises ModelPackageError.
        every_s: Seconds between two looks, for ``follow_when_due``.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        registry: Alias,
        folder: ChampionFolder,
        *,
        check: Callable[[Path], object],
        every_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._registry = registry
        self._folder = folder
        self._check = check
        self._every_s = every_s
        self._clock = clock
        self._due = float("-inf")
        self._refused: tuple[str, str] | None = None  # version and reason
        self._in_place: tuple[str, Path] | None = None  # version and where the link pointed: seen to agree
        self._state = FollowerState()
        self._lock = threading.Lock()

    @property
    def state(self) -> FollowerState:
        """Counts, and why the registry's champion is not here."""
        return self._state

    def follow_when_due(self) -> bool:
        """``follow``, unless the last look was a moment ago."""
        return self._clock() >= self._due and self.follow()

    def follow(self) -> bool:
        """Look once; a package that was refused is not downloaded again until the alias names another.

        Returns:
            Whether another champion lies here now. Never raises what the registry or a package does wrong.
        """
        with self._lock:
            state = self._state
            try:
                moved = self._follow()
            except (TrendvaneError, OSError) as error:
                if str(error) != state.trouble:
                    log.warning("champion_not_followed", reason=str(error))
                self._state = FollowerState(state.moves, state.failures + 1, str(error))
                return False
            finally:
                self._due = self._clock() + self._every_s
            self._state = FollowerState(
                state.moves + moved, state.failures, self._refused[1] if self._refused else ""
            )
            return moved

    def run_until(self, stop: StopSignal) -> None:
        """Look again and again, at once for the first time."""
        self.follow()
        while not stop.wait(self._every_s):
            self.follow()

    def _follow(self) -> bool:
        wanted = self._registry.champion()
        if wanted is None or (self._refused and wanted.version == self._refused[0]):
            return False
        self._refused = None
        place = (wanted.version, self._folder.link.resolve())
        if place == self._in_place or self._folder.identity == wanted.identity:
            self._in_place = place  # saves hashing the files at every look
            return False
        if (here := self._folder.find(wanted.identity)) is not None:
            return self._take(here, wanted)
        with tempfile.TemporaryDirectory(prefix="trendvane-") as scratch:
            return self._take(self._registry.fetch(wanted.version, Path(scratch) / "package"), wanted)

    def _take(self, package: Path, wanted: ModelVersion) -> bool:
        try:
            self._check(package)
        except ModelPackageError as error:
            self._refused = (wanted.version, str(error))
            raise
        current = self._registry.champion()
        if current is None or current.version != wanted.version:
            return False  # it moved on while we downloaded; the next look brings the newer one
        self._folder.publish(package)
        log.info("champion_followed", version=wanted.identity)
        return True
