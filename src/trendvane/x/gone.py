"""Which of the tweets we hold are gone from X? One compliance job after the other until all were asked."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from trendvane.domain.errors import SourceUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from trendvane.x.compliance import Compliance, Job

# X states no limit; at 20 bytes an id this keeps an upload at 10 MB.
IDS_PER_JOB = 500_000
_FIRST_LOOK = 2.0
_SLOWEST_LOOK = 60.0
_PATIENCE = 3600.0


def find_gone(
    compliance: Compliance, ids: Iterable[int], *, sleep: Callable[[float], None]
) -> Iterator[tuple[int, str]]:
    """Yield (tweet id, reason) of every id that must be forgotten.

    Raises:
        SourceUnavailableError: A job failed, expired, or took over an hour. Asking again is free.
    """
    left = iter(ids)
    while batch := list(islice(left, IDS_PER_JOB)):
        job = compliance.create()
        compliance.upload(job, batch)
        for verdict in compliance.download(_completed(compliance, job, sleep)):
            yield verdict.tweet_id, verdict.reason


def _completed(compliance: Compliance, job: Job, sleep: Callable[[float], None]) -> Job:
    waited, pause = 0.0, _FIRST_LOOK
    while waited < _PATIENCE:
        job = compliance.get(job.job_id)
        if job.status == "complete":
            return job
        if job.status in {"failed", "expired"}:
            break
        sleep(pause)
        waited += pause
        pause = min(pause * 2, _SLOWEST_LOOK)
    raise SourceUnavailableError(f"Compliance job {job.job_id} did not complete: it is {job.status}.")
