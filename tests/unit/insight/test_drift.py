import json

import numpy as np
import pytest

from trendvane.domain.errors import ConfigurationError
from trendvane.insight import drift
from trendvane.insight.wording import Vocabulary, measures

_WORDS = [
    a + b + c for a in ("ba", "do", "ki", "lu") for b in ("ne", "sta", "ri") for c in ("m", "nto", "s", "")
]


def invented(rng, n, *, words=_WORDS, length=9, ending=""):
    return [" ".join(rng.choice(words, rng.integers(3, length))) + ending for _ in range(n)]


def guesses(rng, n, lean=(1.0, 2.0, 1.5)):
    return rng.dirichlet(lean, n)


@pytest.fixture(scope="module")
def known():
    rng = np.random.default_rng(1)
    made = drift.reference(guesses(rng, 3_000), invented(rng, 3_000))
    return json.loads(json.dumps(made, allow_nan=False))


def test_a_reference_is_a_few_kilobytes_and_holds_no_text(known):
    text = json.dumps(known)
    assert len(text) < 8_000
    assert not any(word in text for word in _WORDS if len(word) > 6)


@pytest.mark.parametrize("n", [100, 1_000])
def test_the_same_population_does_not_drift_whatever_the_size_of_the_window(known, n):
    rng = np.random.default_rng(2)
    runs = [drift.compare(known, guesses(rng, n), invented(rng, n)) for _ in range(12)]
    for name in runs[0]:
        excess = np.mean([run[name].psi - run[name].noise for run in runs])
        assert abs(excess) < 0.4 * runs[0][name].noise + 0.005, name
    assert max(part.excess for run in runs for part in run.values()) < 0.25
    if n == 100:  # without the correction, a small window alone would be called drift
        assert max(part.psi for run in runs for part in run.values()) > 0.25


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        ({"lean": (4.0, 2.0, 1.0)}, {"predicted"}),
        ({"lean": (0.1, 0.2, 0.15)}, {"confidence"}),
        ({"length": 25}, {"characters", "words"}),
        ({"ending": " 😀"}, {"signs"}),
        ({"ending": " #now https://t.co/x"}, {"marks"}),
        ({"ending": " THE END"}, {"capitals"}),
        ({"words": ["schadenfreude", "quixotic", "zephyr", "umbrage"]}, {"unfamiliar", "longest_word"}),
    ],
    ids=["class", "confidence", "length", "emoji", "marks", "capitals", "words"],
)
def test_each_statistic_sees_the_change_it_is_for(known, change, moved):
    rng = np.random.default_rng(3)
    lean = {"lean": change.pop("lean")} if "lean" in change else {}
    found = drift.compare(known, guesses(rng, 800, **lean), invented(rng, 800, **change))
    assert {name for name, part in found.items() if part.excess > 0.25} >= moved


def test_predictions_alone_leave_the_text_calm(known):
    rng = np.random.default_rng(4)
    found = drift.compare(known, guesses(rng, 800, (6.0, 1.0, 1.0)), invented(rng, 800))
    assert all(found[name].excess < 0.05 for name in (*drift.GROUPS["text"], *drift.GROUPS["vocabulary"]))


@pytest.mark.parametrize("broken", [{}, {"format": 2}, {"bins": {}}, {"vocabulary": "AAAA"}, {"bins": None}])
def test_a_broken_reference_is_refused(known, broken):
    with pytest.raises(ConfigurationError, match="drift reference"):
        drift.compare(known | broken if broken else {}, np.full((1, 3), 1 / 3), ["a word"])


def test_texts_without_words_are_measured_too(known):
    vocabulary = Vocabulary.from_text(known["vocabulary"])
    assert measures("", vocabulary)[:6] == (0, 0, 0, 0, 0, 0)
    assert measures("😀 123 @somebody", vocabulary)[1] == 0


def test_what_cannot_make_a_reference_is_refused():
    with pytest.raises(ValueError, match="reference"):
        drift.reference(np.zeros((2, 2)), ["a", "b"])
