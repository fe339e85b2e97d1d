from __future__ import annotations

from collections import Counter

import pytest

from trendvane.steps.stage import Chooser, StageConfig


def test_samples_are_disjoint_keyed_and_of_the_asked_size() -> None:
    chooser = Chooser(StageConfig(b"key"))
    picks = [chooser.sample(tweet_id) for tweet_id in range(50_000)]
    counts = Counter(picks)
    assert counts["validation"] == pytest.approx(5000, abs=300)
    assert counts["training"] == pytest.approx(500, abs=100)
    assert picks == [Chooser(StageConfig(b"key")).sample(tweet_id) for tweet_id in range(50_000)]
    other = [Chooser(StageConfig(b"other")).sample(tweet_id) for tweet_id in range(1000)]
    assert other != picks[:1000]


def test_a_larger_sample_keeps_the_smaller_one() -> None:
    small, large = (Chooser(StageConfig(b"key", validation=share, training=0)) for share in (0.1, 0.2))
    picked = [tweet_id for tweet_id in range(5000) if small.sample(tweet_id)]
    assert all(large.sample(tweet_id) == "validation" for tweet_id in picked)


def test_authors_are_hashed_with_the_key_into_a_bigint() -> None:
    one, other = Chooser(StageConfig(b"key")), Chooser(StageConfig(b"other"))
    hashes = [one.author_hash(str(author)) for author in range(1000)]
    assert len(set(hashes)) == 1000
    assert all(-(2**63) <= value < 2**63 for value in hashes)
    assert hashes[7] != other.author_hash("7")


def test_the_key_is_not_shown() -> None:
    assert "secret" not in repr(StageConfig(b"secret"))
