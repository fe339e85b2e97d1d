"""The folder that serving looks at: packages that were promoted here, and a link to the one in use.

The registry's alias says which model is champion; this folder is its copy on this machine, so that serving
and scoring need neither the registry nor a network, and a rollback is one rename.
"""

from __future__ import annotations

import os
import shutil
import uuid
from typing import TYPE_CHECKING

from trendvane.domain.errors import ModelPackageError
from trendvane.model.package import MANIFEST, load

if TYPE_CHECKING:
    from pathlib import Path

_KEPT = 5  # packages besides the one in use; a rollback to an older one fetches it from the registry
_YOUNG = 3600.0  # seconds


class ChampionFolder:
    """Packages of champions, and the link ``current``.

    Args:
        root: Folder; made when needed.
    """

    def __init__(self, root: Path) -> None:
        self._packages = root / "packages"
        self._root = root

    @property
    def link(self) -> Path:
        """What serving and scoring load: a link that is moved from one package to the next."""
        return self._root / "current"

    def ensure(self, fallback: Path) -> Path:
        """The link, pointing at ``fallback`` (the shipped package) where no champion was published yet."""
        if not (self.link / MANIFEST).exists():
            self._move(fallback)
        return self.link

    @property
    def identity(self) -> str | None:
        """The package in use; None when there is none or it is damaged."""
        try:
            return load(self.link.resolve()).identity
        except ModelPackageError:
            return None

    def find(self, identity: str) -> Path | None:
        """The folder of a package that is here and sound."""
        try:
            return home if load(home := self._packages / identity).identity == identity else None
        except ModelPackageError:
            return None

    def bring(self, package: Path) -> Path:
        """Copy ``package`` here, whole, without taking it into use; returns the copy.

        Raises:
            ModelPackageError: ``package`` is damaged.
        """
        identity = load(package).identity
        home = self._packages / identity
        if self.find(identity) is None or not _same(package, home):
            self._packages.mkdir(parents=True, exist_ok=True)
            scratch = self._packages / f".{identity}.{uuid.uuid4().hex}"
            shutil.copytree(package, scratch)
            if home.exists():  # a damaged or older copy of the same name
                home.rename(self._packages / f".{uuid.uuid4().hex}")
            scratch.rename(home)
        os.utime(home)
        return home

    def publish(self, package: Path) -> None:
        """Bring ``package`` here and move the link to it.

        The caller has checked its golden rows. A crash leaves the old link or the new one, never half a
        package.

        Raises:
            ModelPackageError: ``package`` is damaged.
        """
        self._move(self.bring(package))
        self._tidy()

    def _move(self, target: Path) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        scratch = self._root / f".{uuid.uuid4().hex}"
        scratch.symlink_to(target.resolve(), target_is_directory=True)
        scratch.replace(self.link)

    def _tidy(self) -> None:
        """Drop packages that were not in use for long, and what a crash left behind."""
        in_use = self.link.resolve()
        now = in_use.stat().st_mtime  # was touched a moment ago
        folders = sorted(self._packages.iterdir(), key=lambda f: f.stat().st_mtime, reverse=True)
        whole = [f for f in folders if not f.name.startswith(".")]
        # A young copy may be one that another process is making.
        young = [f for f in folders if f not in whole and now - f.stat().st_mtime < _YOUNG]
        kept = {in_use, *young, *[f for f in whole if f != in_use][:_KEPT]}
        for folder in folders:
            if folder not in kept:
                shutil.rmtree(folder, ignore_errors=True)


def _same(package: Path, home: Path) -> bool:
    try:
        return (package / MANIFEST).read_bytes() == (home / MANIFEST).read_bytes()
    except OSError:
        return False
