"""Batch compliance jobs: hand X a list of ids, get back those that must go.

X asks for this at least once a day for everything that is stored. Four calls: create, upload, look until it
is complete, download. The two addresses X gives out belong to another host, so they never see the token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

from trendvane.domain.errors import SourceUnavailableError
from trendvane.x.errors import require_json
from trendvane.x.rows import read_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from trendvane.x.client import XClient

_JOBS = "/2/compliance/jobs"


@dataclass(frozen=True, slots=True)
class Job:
    """A job.

    Attributes:
        job_id: X's id of it.
        status: ``created``, ``in_progress``, ``complete``, ``failed`` or ``expired``.
        upload_url: Where the ids go; empty when X no longer says.
        download_url: Where the result will be.
    """

    job_id: str
    status: str
    upload_url: str
    download_url: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """A tweet that must be forgotten or changed.

    Attributes:
        tweet_id: Which.
        action: ``delete``, or what else X asks for.
        reason: ``deleted``, ``suspended``, ``protected``, ``bounced``, ``scrub_geo``, ...
    """

    tweet_id: int
    action: str
    reason: str


class Compliance:
    """Compliance jobs of one client; free of charge as far as X says."""

    def __init__(self, x: XClient) -> None:
        self._x = x

    def create(self, *, name: str = "trendvane") -> Job:
        """Create a job for tweets; ``name`` has at most 64 characters."""
        reply = self._x.call("POST", _JOBS, json={"type": "tweets", "name": name[:64]})
        return _job(require_json(reply))

    def upload(self, job: Job, ids: Iterable[int]) -> None:
        """Hand over the ids, one a line."""
        body = "\n".join(map(str, ids)).encode() + b"\n"
        self._x.call("PUT", self._checked(job.upload_url), content=body)

    def get(self, job_id: str) -> Job:
        """How far a job is.

        Raises:
            SourceUnavailableError: The answer is no job.
        """
        if not (job_id.isascii() and job_id.isalnum()):
            raise SourceUnavailableError("X gave a compliance job an id that cannot be part of an address.")
        return _job(require_json(self._x.call("GET", f"{_JOBS}/{job_id}")))

    def download(self, job: Job) -> Iterator[Verdict]:
        """The verdicts; ids that do not appear may stay.

        Raises:
            SourceUnavailableError: A line cannot be read. Nothing of it may be skipped: it names a tweet to
                delete.
        """
        reply = self._x.call("GET", self._checked(job.download_url))
        for line in reply.body.splitlines():
            if not line.strip():
                continue
            try:
                verdict = _verdict(orjson.loads(line))
            except orjson.JSONDecodeError as error:
                raise SourceUnavailableError("A line of a compliance result is not JSON.") from error
            yield verdict

    def _checked(self, url: str) -> str:
        """An address X gave out: encrypted, or on the API's own host (the emulator's case)."""
        if urlsplit(url).scheme != "https" and not ("://" in url and self._x.wire.same_host(url)):
            raise SourceUnavailableError("X gave out no usable address for a compliance job.")
        return url


def _job(document: Any) -> Job:
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, dict) or not isinstance(data.get("id"), str):
        raise SourceUnavailableError("X answered with something that is no compliance job.")
    fields = (data.get(name) for name in ("id", "status", "upload_url", "download_url"))
    return Job(*(field if isinstance(field, str) else "" for field in fields))


def _verdict(document: Any) -> Verdict:
    tweet_id = read_id(document.get("id")) if isinstance(document, dict) else None
    if tweet_id is None:
        raise SourceUnavailableError("A line of a compliance result names no tweet.")
    return Verdict(tweet_id, str(document.get("action", "delete")), str(document.get("reason", "deleted")))
