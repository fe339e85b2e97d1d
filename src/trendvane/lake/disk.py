"""Durable file operations: the only place where this project touches the disk for data it must not lose.

A rename is atomic but not durable; a write is neither. What survives a power cut is a file that was fsynced,
renamed, and whose directory was fsynced after it. An ``OSError`` from here must end the process: after a
failed fsync the kernel may have dropped the very pages it failed to write, and a second fsync would lie.
"""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

TEMP_PREFIX = ".tmp."
FILE_MODE = 0o600
DIR_MODE = 0o700


class Disk:
    """One method an I/O step, so that a test can die at each of them."""

    def make_dir(self, path: Path) -> None:
        """Make ``path`` and its missing parents, each one durable in its parent."""
        if path.is_dir():
            return
        self.make_dir(path.parent)
        path.mkdir(mode=DIR_MODE, exist_ok=True)
        self.sync_dir(path.parent)

    def save(self, path: Path, data: bytes) -> None:
        """Write ``data`` to ``path``, replacing it; on return it survives a power cut."""
        temp = path.with_name(f"{TEMP_PREFIX}{os.getpid()}.{uuid.uuid4().hex}")
        self.write(temp, data)
        self.rename(temp, path)
        self.sync_dir(path.parent)

    def write(self, path: Path, data: bytes) -> None:
        """Write a new file and fsync it; an existing file or symbolic link at ``path`` is an error."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, FILE_MODE)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        """Rename atomically, replacing ``target``."""
        source.rename(target)

    def sync_dir(self, path: Path) -> None:
        """Make the names inside ``path`` durable."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, path: Path) -> None:
        """Remove a file if it is there. Not made durable: a removal that is undone is only done again."""
        path.unlink(missing_ok=True)
