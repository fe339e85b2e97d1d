from datetime import UTC, datetime, timedelta

import pytest

from trendvane.serve.snapshot_series import WINDOWS, chart_bins, total
from trendvane.warehouse.reading import Counts, Gap, bin_start

NOW = datetime(2026, 3, 4, 17, 7, 30, tzinfo=UTC)
HOUR = WINDOWS["1h"]
FINE = HOUR.steps[0]


def bins(fine, *, window=HOUR, min_voices=20, known_from=None, known_until=NOW, gaps=()):
    return chart_bins(
        fine,
        window,
        now=NOW,
        min_voices=min_voices,
        known_from=known_from or NOW - timedelta(days=9),
        known_until=known_until,
        gaps=gaps,
    )


def second(moment):
    return int(moment.timestamp())


def every_bin(voices):
    start = HOUR.series_since(NOW)
    fine = {}
    while start <= NOW:
        fine[second(bin_start(start, FINE))] = Counts(voices + 1, voices, 0, 0)
        start += FINE
    return fine


@pytest.mark.parametrize("window", WINDOWS.values(), ids=lambda w: w.name)
def test_steps_add_up_and_divide_a_day(window):
    for step in window.steps:
        assert step % window.steps[0] == timedelta(0)
        assert timedelta(days=1) % step == timedelta(0)
        assert window.series_since(NOW) <= bin_start(window.since(NOW), step)


def test_busy_topics_get_fine_bins_and_quiet_ones_wide_bins():
    assert bins(every_bin(30))[0] == timedelta(minutes=2)
    assert bins(every_bin(11))[0] == timedelta(minutes=4)
    assert bins(every_bin(1))[0] == HOUR.steps[-1]


def test_no_voice_is_lost_or_counted_twice_by_a_wider_bin():
    fine = every_bin(3)
    step, found = bins(fine)
    assert step == timedelta(minutes=20)
    inside = [counts for start, counts in fine.items() if start >= second(found[0].start)]
    assert total(item.counts for item in found if item.counts) == total(inside)


def test_silence_is_zero_only_while_the_source_was_read():
    _, found = bins({}, known_until=NOW - timedelta(minutes=30))
    kinds = ["zero" if item.counts == Counts() else "unknown" for item in found]
    assert kinds[0] == "zero"
    assert kinds[-1] == "unknown"
    assert kinds.index("unknown") == len([k for k in kinds if k == "zero"])


def test_before_the_first_look_and_within_a_gap_nothing_is_known():
    start = bin_start(NOW - timedelta(minutes=20), FINE)
    gap = Gap("t", start, start + FINE, "budget")
    _, found = bins({}, known_from=NOW - timedelta(minutes=40), gaps=[gap])
    unknown = [item.start for item in found if item.counts is None]
    assert start in unknown
    assert all(at == start or at + FINE <= NOW - timedelta(minutes=40) for at in unknown)


def test_never_polled_means_unknown():
    assert all(item.counts is None for item in bins({}, known_until=None)[1])


def test_only_the_last_bin_is_still_filling():
    _, found = bins(every_bin(30))
    assert [item.complete for item in found] == [True] * (len(found) - 1) + [False]
