"""The model in use, and its replacement while requests run. A bad package never replaces a good one."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trendvane.domain.errors import ModelPackageError
from trendvane.model.engine import Engine
from trendvane.model.package import MANIFEST, load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class HolderState:
    """What happened so far.

    Attributes:
        swaps: Models taken into use, the first included.
        refusals: Packages that were refused.
        trouble: Why the newest package is not in use; empty when it is.
    """

    swaps: int = 0
    refusals: int = 0
    trouble: str = ""


def open_engine(path: Path, threads: int = 2) -> Engine:
    """Load the package at ``path`` and check its golden rows.

    On CPUs without VNNI, products of uint8 and int8 saturate at 16 bits, and answers may drift. So a package
    that fails is asked once more with exact kernels before it is refused.

    Raises:
        ModelPackageError: It must not be used.
    """
    package = load(path)
    try:
        return _verified(Engine(package, threads=threads))
    except ModelPackageError:
        return _verified(Engine(package, threads=threads, exact=True))


def _verified(engine: Engine) -> Engine:
    try:
        engine.verify()
    except ModelPackageError:
        engine.close()
        raise
    return engine


class ModelHolder:
    """Holds the engine in use. Safe to use from several threads; readers never wait.

    Args:
        path: The champion's package: a folder, or a link that is moved from one folder to the next. A folder
            must be filled with its manifest last.
        opener: Loads and verifies; raises ModelPackageError.
    """

    def __init__(self, path: Path, opener: Callable[[Path], Engine] = open_engine) -> None:
        self._path = path
        self._open = opener
        self._engine: Engine | None = None
        self._seen = ""
        self._state = HolderState()
        self._lock = threading.Lock()

    @property
    def current(self) -> Engine | None:
        """The engine in use, None until the first package loaded. Take it once per batch and keep it."""
        return self._engine

    @property
    def state(self) -> HolderState:
        """Counts, and why the newest package was refused."""
        return self._state

    def require(self) -> Engine:
        """The engine in use.

        Raises:
            ModelPackageError: There is none.
        """
        if self._engine is None:
            raise ModelPackageError(
                f"No model is loaded. {self._state.trouble}".strip(),
                remedy="Point the setting model.path at a package that trendvane doctor accepts.",
            )
        return self._engine

    def reload(self, path: Path | None = None) -> bool:
        """Load, verify and take into use the package at ``path`` (default: where the champion lies).

        Returns:
            Whether it is now in use; if not, the last good model stays and ``state.trouble`` says why.
        """
        with self._lock:
            return self._reload(path or self._path)

    def poll(self) -> bool:
        """Reload when the champion's manifest changed since the last look. A refused one is not retried.

        Returns:
            Whether a new model was taken into use.
        """
        with self._lock:
            if (seen := self._fingerprint(self._path)) == self._seen:
                return False
            return self._reload(self._path, seen)

    def _reload(self, path: Path, seen: str | None = None) -> bool:
        # A link is followed once, so that all files come from one folder even if it moves meanwhile.
        folder = path.resolve()
        if path == self._path:
            self._seen = self._fingerprint(path) if seen is None else seen
        state = self._state
        try:
            engine = self._open(folder)
        except (ModelPackageError, OSError) as error:
            self._state = HolderState(state.swaps, state.refusals + 1, str(error))
            return False
        self._engine = engine
        self._state = HolderState(state.swaps + 1, state.refusals)
        return True

    @staticmethod
    def _fingerprint(path: Path) -> str:
        folder = path.resolve()
        try:
            return f"{folder} {hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()}"
        except OSError as error:
            return f"{folder} {error}"
