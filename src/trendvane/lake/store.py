"""The lake: raw pages for ever, in a folder, in memory, or in Azure Blob Storage.

Objects are written once under a name that holds the hash of their bytes, so a write can be repeated and a
read can be checked. obstore speaks to the stores; writes to a folder are our own, because obstore's do not
fsync.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager, suppress
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from obstore import exceptions as exc
from obstore.store import AzureStore, LocalStore, MemoryStore

from trendvane.domain.errors import ConfigurationError, CorruptObjectError, StorageUnavailableError
from trendvane.lake.disk import DIR_MODE, Disk
from trendvane.lake.objects import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

PREFIX = "raw/v1/"


def key_for(fetched_at: datetime, topic_hash: str, sha256: str) -> str:
    """Path of an object: by the hour (UTC) its pages were fetched in, then by topic."""
    hour = fetched_at.astimezone(UTC)
    return f"{PREFIX}dt={hour:%Y-%m-%d}/hh={hour:%H}/{topic_hash}/{sha256}{SUFFIX}"


def sha256_of(key: str) -> str:
    """The hash that the object's own name promises."""
    return key.rpartition("/")[2].removesuffix(SUFFIX)


class Lake:
    """A lake; made by :func:`open`. Safe to share between threads.

    Args:
        store: An obstore store.
        folder: Set when the store is a folder; writes then go through ``disk``.
        disk: Does the I/O of a folder.
    """

    def __init__(self, store: Any, *, folder: Path | None = None, disk: Disk | None = None) -> None:
        self._store = store
        self._folder = folder
        self._disk = disk or Disk()

    def put(self, key: str, data: bytes) -> None:
        """Store ``data`` under ``key``, made by :func:`key_for`; on return it has been read back.

        An object that is already there is left alone when its bytes match, and replaced when they do not: its
        name says what they must be.

        Raises:
            CorruptObjectError: ``data`` does not match the hash in ``key``, or the store gives back others.
            StorageUnavailableError: The store did not answer. Calling again is safe.
        """
        if hashlib.sha256(data).hexdigest() != sha256_of(key):
            raise CorruptObjectError(f"The bytes for {key} do not match its name.")
        if not self._create(key, data) and not self._matches(key):
            self._replace(key, data)
        if not self._matches(key):
            raise CorruptObjectError(f"The lake gave back other bytes than were stored as {key}.")

    def get(self, key: str) -> bytes:
        """The object's bytes, checked against its name.

        Raises:
            CorruptObjectError: The object is missing, or its bytes do not match.
            StorageUnavailableError: The store did not answer.
        """
        try:
            with _translated():
                data = bytes(self._store.get(key).bytes())
        except (exc.NotFoundError, FileNotFoundError) as error:
            raise CorruptObjectError(f"{key} is not in the lake.") from error
        if hashlib.sha256(data).hexdigest() != sha256_of(key):
            raise CorruptObjectError(f"The bytes of {key} do not match its name.")
        return data

    def list(self, after: str = "") -> Iterator[tuple[str, int]]:
        """Keys greater than ``after`` with their sizes in bytes; no order is promised.

        Raises:
            StorageUnavailableError: The store did not answer.
        """
        with _translated():
            for chunk in self._store.list(PREFIX, offset=after or None):
                for found in chunk:
                    if found["path"].endswith(SUFFIX):
                        yield found["path"], found["size"]

    def delete(self, key: str) -> None:
        """Delete an object; nothing happens when it is not there."""
        with suppress(exc.NotFoundError, FileNotFoundError), _translated():
            self._store.delete(key)
        if self._folder is not None and (parent := (self._folder / key).parent).is_dir():
            self._disk.sync_dir(parent)

    def _matches(self, key: str) -> bool:
        try:
            self.get(key)
        except CorruptObjectError:
            return False
        return True

    def _create(self, key: str, data: bytes) -> bool:
        """Write unless something is there already; says whether it wrote."""
        if self._folder is not None:
            path = self._folder / key
            if path.exists():
                return False
            # Two writers may both come here; they bring the same bytes, for the name is their hash.
            self._disk.make_dir(path.parent)
            self._disk.save(path, data)
            return True
        try:
            with _translated():
                self._store.put(key, data, mode="create")
        except exc.AlreadyExistsError:
            return False
        return True

    def _replace(self, key: str, data: bytes) -> None:
        if self._folder is not None:
            self._disk.save(self._folder / key, data)
            return
        with _translated():
            self._store.put(key, data, mode="overwrite")


def open(url: str, *, config: Mapping[str, Any] | None = None, disk: Disk | None = None) -> Lake:  # noqa: A001 - read as store.open
    """Open the lake at ``url``: a folder, ``memory://``, or ``az://container``.

    Args:
        url: Where. A folder is made when missing.
        config: Account and credentials of Azure, as obstore's ``AzureStore`` takes them.
        disk: Does the I/O of a folder.

    Raises:
        ConfigurationError: The URL or the credentials cannot be used.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme == "file":
        folder = Path(rest if separator else url).expanduser().resolve()
        folder.mkdir(parents=True, exist_ok=True, mode=DIR_MODE)
        return Lake(LocalStore(folder), folder=folder, disk=disk)
    if scheme == "memory":
        return Lake(MemoryStore())
    if scheme in {"az", "azure"} and rest:
        container, _, prefix = rest.partition("/")
        try:
            return Lake(AzureStore(container, prefix=prefix or None, config=cast("Any", dict(config or {}))))
        except exc.BaseError as error:
            raise ConfigurationError(
                "The Azure lake cannot be opened with these credentials.",
                remedy="Set the storage account and a key, a SAS token or an identity.",
            ) from error
    raise ConfigurationError(f"{url!r} is not a lake.", remedy="Use a folder, memory://, or az://container.")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (exc.NotFoundError, exc.AlreadyExistsError):
        raise
    except (exc.PermissionDeniedError, exc.UnauthenticatedError) as error:
        raise ConfigurationError(
            "The lake refuses our credentials.", remedy="Check the account, the key and their rights."
        ) from error
    except exc.BaseError as error:
        raise StorageUnavailableError(f"The lake did not answer: {str(error)[:200]}.") from error
