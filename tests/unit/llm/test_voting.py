from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trendvane.llm.answers import Vote
from trendvane.llm.voting import Verdict, decide

NO = Vote(None, "unsure")


def votes(*labels: int | None) -> list[Vote]:
    return [NO if label is None else Vote(label) for label in labels]


def test_two_of_three_decide_without_the_third() -> None:
    assert decide([], 3, 0.6) is None
    assert decide(votes(2), 3, 0.6) is None
    assert decide(votes(2, 2), 3, 0.6) == Verdict(2, 2, 1.0, ())
    assert decide(votes(2, 0), 3, 0.6) is None
    assert decide(votes(2, 0, 2), 3, 0.6) == Verdict(2, 3, 2 / 3, ())
    assert decide(votes(2, 0, 1), 3, 0.6) == Verdict(None, 3, 1 / 3, ())


def test_an_abstention_is_a_vote_for_nobody() -> None:
    assert decide(votes(None, None), 3, 0.6) == Verdict(None, 2, 0.0, ("unsure", "unsure"))
    assert decide(votes(None, 1, 1), 3, 0.6) == Verdict(1, 3, 2 / 3, ("unsure",))
    assert decide(votes(None, 1), 3, 0.9) == Verdict(None, 2, 0.5, ("unsure",))


def test_a_tie_is_no_verdict() -> None:
    assert decide(votes(0, 2), 2, 0.5) == Verdict(None, 2, 0.5, ())


def test_a_share_that_is_a_whole_number_of_votes_is_reached_by_it() -> None:
    assert decide(votes(0, 0, 0, 1, 1), 5, 0.6) == Verdict(0, 5, 0.6, ())


@pytest.mark.parametrize("most", [1, 2, 3, 5])
@given(share=st.floats(0.01, 1.0), data=st.data())
def test_a_verdict_once_reached_is_that_of_all_votes(most: int, share: float, data: st.DataObject) -> None:
    cast = data.draw(st.lists(st.sampled_from([None, 0, 1, 2]), min_size=most, max_size=most))
    early = next(
        verdict for n in range(most + 1) if (verdict := decide(votes(*cast[:n]), most, share)) is not None
    )
    late = decide(votes(*cast), most, share)
    assert late is not None
    assert early.label == late.label


def test_every_outcome_of_three_votes_follows_the_rule() -> None:
    for cast in itertools.product([None, 0, 1, 2], repeat=3):
        verdict = decide(votes(*cast), 3, 0.6)
        assert verdict is not None
        counts = Counter(label for label in cast if label is not None)
        assert verdict.label == next((label for label, n in counts.items() if n >= 2), None)
