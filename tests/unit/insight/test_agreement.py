from __future__ import annotations

import itertools
import math
from statistics import NormalDist

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from trendvane.insight.agreement import agreement

tables = st.lists(st.lists(st.integers(0, 40), min_size=3, max_size=3), min_size=3, max_size=3)


def test_kappa_of_a_table_worked_out_by_hand() -> None:
    """n = 50, po = 0.7, pe = 0.5 * 0.6 + 0.5 * 0.4 = 0.5; the variance by hand from the published formula."""
    found = agreement([[20, 5], [10, 15]])
    assert found.kappa is not None
    assert found.n == 50
    assert found.accuracy == pytest.approx(0.7)
    assert found.kappa.value == pytest.approx(0.4)
    alike = 0.4 * (1 - (0.5 + 0.6) * 0.6) ** 2 + 0.3 * (1 - (0.5 + 0.4) * 0.6) ** 2
    apart = 0.6**2 * (0.1 * (0.6 + 0.5) ** 2 + 0.2 * (0.4 + 0.5) ** 2)
    deviation = math.sqrt((alike + apart - (0.4 - 0.5 * 0.6) ** 2) / 0.5**2 / 50)
    half = NormalDist().inv_cdf(0.975) * deviation
    assert found.kappa.high - found.kappa.low == pytest.approx(2 * half)


def test_three_classes() -> None:
    """po = 70 / 100; margins (30, 40, 30) and (35, 35, 30): pe = 0.105 + 0.14 + 0.09 = 0.335."""
    found = agreement([[22, 5, 3], [10, 25, 5], [3, 5, 22]])
    assert found.kappa is not None
    assert found.kappa.value == pytest.approx((0.69 - 0.335) / (1 - 0.335))


def test_what_says_nothing_has_no_kappa() -> None:
    assert agreement([[0] * 3] * 3).kappa is None
    assert agreement([[9, 0, 0], [0, 0, 0], [0, 0, 0]]).kappa is None
    always_neutral = agreement([[0, 5, 0], [0, 5, 0], [0, 5, 0]])
    assert always_neutral.kappa is not None
    assert always_neutral.kappa.value == pytest.approx(0.0)


@given(tables)
def test_kappa_lies_in_its_interval_is_symmetric_and_does_not_know_the_names(table: list[list[int]]) -> None:
    found = agreement(table).kappa
    assume(found is not None)
    assert found is not None
    assert -1 <= found.low <= found.value <= found.high <= 1
    turned = agreement(list(zip(*table, strict=True))).kappa
    assert turned is not None
    assert turned.value == pytest.approx(found.value)
    assert turned.low == pytest.approx(found.low, abs=1e-9)
    for order in itertools.permutations(range(3)):
        renamed = agreement([[table[i][j] for j in order] for i in order]).kappa
        assert renamed is not None
        assert renamed.value == pytest.approx(found.value)
        assert renamed.low == pytest.approx(found.low, abs=1e-9)


@given(tables)
def test_only_full_agreement_is_one(table: list[list[int]]) -> None:
    found = agreement(table).kappa
    assume(found is not None)
    assert found is not None
    off = sum(table[i][j] for i in range(3) for j in range(3) if i != j)
    assert (found.value == pytest.approx(1.0)) == (off == 0)


@given(tables, st.integers(2, 20))
def test_more_tweets_of_the_same_kind_narrow_the_interval(table: list[list[int]], times: int) -> None:
    one, many = agreement(table), agreement([[count * times for count in row] for row in table])
    assume(one.kappa is not None)
    assert one.kappa is not None
    assert many.kappa is not None
    assert many.kappa.value == pytest.approx(one.kappa.value)
    assert many.kappa.high - many.kappa.low <= one.kappa.high - one.kappa.low + 1e-9
