"""The folder where models are trained: one sub-folder a training, found again by what it is made of."""

from __future__ import annotations

import fcntl
import hashlib
import json
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING

from trendvane.domain.errors import StorageUnavailableError
from trendvane.domain.text import TEXT_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from trendvane.model.finetune import Recipe, Watch

_NOTE, _LOCK = "training.json", ".lock"
# How fast a machine is changes nothing about the model.
_MACHINE = {"threads", "processes"}


def key_of(recipe: Recipe, data: str) -> str:
    """The same for the same recipe, seed and data, as a hex number."""
    decided = {k: v for k, v in asdict(recipe).items() if k not in _MACHINE}
    told = json.dumps([decided, data, TEXT_VERSION], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:32]


class Workshop:
    """Trainings on this machine.

    Args:
        root: Folder; made when needed.
        bar: Shows a training's progress for a block; gives the function that is told.
    """

    def __init__(self, root: Path, bar: Callable[[str], AbstractContextManager[Watch]] | None = None) -> None:
        self._root = root
        self._bar = bar

    @contextmanager
    def claimed(self, key: str, identity: str) -> Iterator[tuple[Path, str]]:
        """Folder and identity of the training ``key`` for this block: those it was begun with, else new ones.

        Raises:
            StorageUnavailableError: Another process is at it.
        """
        folder, identity = self._place(key, identity)
        with (folder / _LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StorageUnavailableError(f"{identity} is being trained by another process.") from error
            yield folder, identity

    def _place(self, key: str, identity: str) -> tuple[Path, str]:
        for note in sorted(self._root.glob(f"*/{_NOTE}"), reverse=True):
            try:
                found = json.loads(note.read_text(encoding="utf-8"))
            except ValueError:  # a kill while it was written: nothing had begun
                continue
            if found.get("key") == key:
                return note.parent, str(found["identity"])
        folder = self._root / identity
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _NOTE).write_text(json.dumps({"key": key, "identity": identity}), encoding="utf-8")
        return folder, identity

    @contextmanager
    def watched(self, name: str, also: Watch) -> Iterator[Watch]:
        """A function for ``finetune.fine_tune`` that moves the bar and tells ``also``."""
        with self._bar(name) if self._bar is not None else nullcontext() as show:

            def watch(step: int, total: int, figures: Mapping[str, float]) -> None:
                if show is not None:
                    show(step, total, figures)
                also(step, total, figures)

            yield watch
