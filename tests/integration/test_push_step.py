from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from pipeline_support import START, Pipeline, page, row

from trendvane.lake import objects
from trendvane.steps.push import PushConfig, push

if TYPE_CHECKING:
    from pathlib import Path

    from trendvane.warehouse.engine import Warehouse

pytestmark = pytest.mark.integration


@pytest.fixture
def pipe(tmp_path: Path, warehouse: Warehouse) -> Pipeline:
    return Pipeline(tmp_path, warehouse)


def test_pages_of_a_past_hour_become_one_object_for_each_topic(pipe: Pipeline) -> None:
    pages = [page(1, [row(1)]), page(2, [row(2)]), page(3, [row(3)], "#b")]
    for each in pages:
        pipe.spool.save(each)
    report = pipe.push()
    assert (report.objects, report.pages, len(report.keys)) == (2, 3, 2)
    stored = [found for key in report.keys for found in objects.decode(pipe.lake.get(key))]
    assert sorted(stored, key=lambda found: found.page_id) == pages
    assert pipe.spool.stats().files == 0
    assert pipe.push().objects == 0
    assert all(key.startswith("raw/v1/dt=2026-01-05/hh=12/") for key in report.keys)


def test_the_running_hour_waits_until_it_is_over_large_or_old(pipe: Pipeline) -> None:
    pipe.spool.save(page(1, [row(1)]))
    pipe.at = START + timedelta(minutes=10)
    patient = PushConfig()
    for config, expected in (
        (patient, 0),
        (PushConfig(max_age=timedelta(minutes=11)), 0),
        (PushConfig(max_bytes=10), 1),
    ):
        assert push(pipe.spool, pipe.lake, pipe.warehouse, config, now=pipe.now).objects == expected
    pipe.spool.save(page(2, [row(2)]))
    quick = PushConfig(max_age=timedelta(seconds=0.5))
    assert push(pipe.spool, pipe.lake, pipe.warehouse, quick, now=pipe.now).objects == 1
    pipe.spool.save(page(3, [row(3)]))
    pipe.at = START + timedelta(hours=1)
    assert pipe.push().objects == 1


def test_a_large_group_is_cut(pipe: Pipeline) -> None:
    for number in range(10):
        pipe.spool.save(page(number, [row(number)]))
    size = pipe.spool.stats().bytes // 10
    report = push(pipe.spool, pipe.lake, pipe.warehouse, PushConfig(max_bytes=3 * size), now=pipe.now)
    assert report.objects in (3, 4)
    assert report.pages == 10


def test_a_torn_page_is_put_aside_and_its_neighbours_go_on(pipe: Pipeline) -> None:
    for number in (1, 2, 3):
        path = pipe.spool.save(page(number, [row(number)]))
        if number == 1:
            path.write_bytes(b"")  # what a power cut leaves of a file that was never synced
        if number == 2:
            path.write_bytes(path.read_bytes()[:-7])
    report = pipe.push()
    assert (report.objects, report.pages, report.quarantined) == (1, 1, 2)
    letters = pipe.rows("SELECT stage, reason, raw_ref FROM dead_letter ORDER BY raw_ref")
    assert [(stage, reason) for stage, reason, _ in letters] == [("push", "torn_page")] * 2
    assert all(reference.startswith("pages/2026-01-05T12/") for *_, reference in letters)
    assert len(list(pipe.spool.quarantine_dir.iterdir())) == 2
    assert pipe.push().quarantined == 0


def test_a_torn_sealed_object_is_put_aside(pipe: Pipeline) -> None:
    pipe.spool.sealed_dir.mkdir(parents=True)
    (pipe.spool.sealed_dir / f"2026-01-05T12.{'a' * 16}.{'b' * 64}.json.zst").write_bytes(b"")
    assert pipe.push().quarantined == 1
    assert pipe.value("SELECT reason FROM dead_letter") == "torn_object"
