"""Batch compliance: upload ids, get back those that must no longer be kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from trendvane.emulator.clock import iso
from trendvane.emulator.post import Deletion, IdMint

if TYPE_CHECKING:
    from collections.abc import Callable

_EXPIRES_MS = 7 * 86_400_000
_ID = re.compile(r"[0-9]{1,19}")


@dataclass(slots=True)
class Job:
    """One job; ``uploaded_ms`` is None until the ids came."""

    id: int
    kind: str
    name: str
    resumable: bool
    created_ms: int
    ids: tuple[int, ...] = ()
    uploaded_ms: int | None = None


class Jobs:
    """All jobs of the app.

    Args:
        delay_s: Virtual seconds between the upload and the result.
    """

    def __init__(self, delay_s: float) -> None:
        self._delay_ms = round(delay_s * 1000)
        self._jobs: dict[int, Job] = {}
        self._mint = IdMint()

    def create(self, kind: str, name: str, now_ms: int, *, resumable: bool) -> Job:
        """Open a job."""
        job = Job(self._mint.mint(now_ms, 7), kind, name, resumable, now_ms)
        self._jobs[job.id] = job
        return job

    def get(self, job_id: int) -> Job | None:
        """The job, or None."""
        return self._jobs.get(job_id)

    def list(self, kind: str, status: str | None, now_ms: int) -> list[Job]:
        """Jobs of a kind, newest first."""
        jobs = [job for job in reversed(self._jobs.values()) if job.kind == kind]
        return [job for job in jobs if status in {None, self.status(job, now_ms)}]

    def status(self, job: Job, now_ms: int) -> str:
        """created, in_progress or complete."""
        if job.uploaded_ms is None:
            return "created" if now_ms < job.created_ms + _EXPIRES_MS else "expired"
        return "complete" if now_ms >= job.uploaded_ms + self._delay_ms else "in_progress"

    def upload(self, job: Job, body: bytes, now_ms: int) -> int:
        """Take the ids, one per line; returns how many were understood."""
        lines = body.decode("utf-8", "replace").split()
        job.ids = tuple(int(line) for line in lines if _ID.fullmatch(line))
        job.uploaded_ms = now_ms
        return len(job.ids)

    def result(
        self, job: Job, deletion: Callable[[int], Deletion | None], created: Callable[[int], int]
    ) -> bytes:
        """JSON lines, non-compliant ids only.

        Args:
            job: A complete job.
            deletion: Looks up what happened to an id.
            created: Unix milliseconds at which an id was made.
        """
        lines = []
        for post_id in job.ids:
            event = deletion(post_id)
            if event is not None:
                row = {"id": str(post_id), "action": "delete", "created_at": iso(created(post_id))}
                lines.append(row | {"redacted_at": iso(event.at_ms), "reason": event.reason})
        return b"".join(orjson.dumps(line) + b"\n" for line in lines)

    def shown(self, job: Job, now_ms: int, base_url: str) -> dict[str, Any]:
        """As the API shows it, with addresses on the emulator itself."""
        where = f"{base_url}/emulator/compliance/{job.id}"
        out: dict[str, Any] = {
            "id": str(job.id),
            "type": job.kind,
            "status": self.status(job, now_ms),
            "created_at": iso(job.created_ms),
            "upload_url": f"{where}/upload",
            "upload_expires_at": iso(job.created_ms + 900_000),
            "download_url": f"{where}/download",
            "download_expires_at": iso(job.created_ms + _EXPIRES_MS),
            "resumable": job.resumable,
        }
        return out | ({"name": job.name} if job.name else {})
