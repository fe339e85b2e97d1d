from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from trendvane.domain.errors import SourceUnavailableError
from trendvane.x.compliance import Job, Verdict
from trendvane.x.gone import find_gone

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass
class FakeCompliance:
    """X's side of the jobs: how many looks a job takes, how it ends, and which ids are gone."""

    gone: dict[int, str]
    looks: int = 2
    ending: str = "complete"
    uploads: list[list[int]] = field(default_factory=list)
    looked: int = 0

    def create(self) -> Job:
        self.looked = 0
        return Job("1", "created", "up", "down")

    def upload(self, _job: Job, ids: Iterable[int]) -> None:
        self.uploads.append(list(ids))

    def get(self, job_id: str) -> Job:
        self.looked += 1
        status = self.ending if self.looked >= self.looks else "in_progress"
        return replace(Job(job_id, "", "", "down"), status=status)

    def download(self, _job: Job) -> Iterator[Verdict]:
        yield from (Verdict(i, "delete", self.gone[i]) for i in self.uploads[-1] if i in self.gone)


def test_only_what_is_gone_comes_back_with_its_reason() -> None:
    naps: list[float] = []
    x = FakeCompliance({3: "deleted", 5: "suspended"})
    assert list(find_gone(x, range(10), sleep=naps.append)) == [(3, "deleted"), (5, "suspended")]  # type: ignore[arg-type]
    assert naps == [2.0]


def test_nothing_held_asks_nothing() -> None:
    x = FakeCompliance({})
    assert list(find_gone(x, [], sleep=lambda _: None)) == []  # type: ignore[arg-type]
    assert not x.uploads


@pytest.mark.parametrize("ending", ["failed", "expired"])
def test_a_job_that_fails_is_worth_another_try(ending: str) -> None:
    x = FakeCompliance({3: "deleted"}, ending=ending)
    with pytest.raises(SourceUnavailableError, match=ending):
        list(find_gone(x, [3], sleep=lambda _: None))  # type: ignore[arg-type]


def test_a_job_that_never_ends_is_given_up() -> None:
    naps: list[float] = []
    x = FakeCompliance({3: "deleted"}, looks=10**6)
    with pytest.raises(SourceUnavailableError, match="in_progress"):
        list(find_gone(x, [3], sleep=naps.append))  # type: ignore[arg-type]
    assert 3600 <= sum(naps) < 3700
