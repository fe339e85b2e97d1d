from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from trendvane.domain.errors import ModelPackageError
from trendvane.domain.sentiment import LABELS
from trendvane.model.engine import Engine, length_sorted
from trendvane.model.package import load

MakePackage = Callable[..., Path]


@pytest.fixture
def engine(make_package: MakePackage) -> Iterator[Engine]:
    made = Engine(load(make_package()), threads=2, token_budget=64)
    yield made
    made.close()


def test_probabilities_are_those_worked_out_by_hand(engine: Engine) -> None:
    [row] = engine.predict(["good table"])
    raised = [math.exp(v) for v in (-2.0, 1.5, 2.0)]
    assert row == pytest.approx([v / sum(raised) for v in raised], abs=1e-6)


def test_result_has_one_row_of_float32_per_text_summing_to_one(engine: Engine) -> None:
    p = engine.predict(["good", "bad", "", "🙂 \x00 \ud800", "x" * 50_000])
    assert p.shape == (5, 3)
    assert p.dtype == np.float32
    assert p.sum(axis=1) == pytest.approx(np.ones(5), abs=1e-5)


def test_no_texts_give_no_rows(engine: Engine) -> None:
    assert engine.predict([]).shape == (0, 3)


def test_order_is_kept_whatever_the_lengths(engine: Engine) -> None:
    texts = [f"{'table ' * (i % 11)}{word}" for i in range(300) for word in ("great", "awful")]
    together = engine.predict(texts)
    alone = np.concatenate([engine.predict([text]) for text in texts[:40]])
    assert together[:40] == pytest.approx(alone, abs=1e-6)
    assert together.shape == (600, 3)


def test_more_texts_than_a_chunk_can_come_from_a_generator(engine: Engine) -> None:
    p = engine.predict(("good" if i % 2 else "bad") for i in range(9000))
    assert p.argmax(axis=1).tolist() == [2 if i % 2 else 0 for i in range(9000)]


def test_texts_are_prepared_before_they_are_read(engine: Engine) -> None:
    assert engine.predict(["  GOOD\n"])[0] == pytest.approx(engine.predict(["good"])[0])


def test_long_texts_are_cut_at_the_models_limit(engine: Engine) -> None:
    # 16 pieces: the start mark and the first 15 words; the sixteenth word is never read.
    assert engine.predict(["table " * 15 + "awful"])[0].argmax() == 1


def test_temperature_softens_probabilities(make_package: MakePackage) -> None:
    hot = Engine(load(make_package("hot", temperature=4.0)))
    cold = Engine(load(make_package("cold")))
    assert hot.predict(["good"])[0].max() < cold.predict(["good"])[0].max()
    raised = [math.exp(v / 4) for v in (-2.0, 0.5, 2.0)]
    assert hot.predict(["good"])[0] == pytest.approx([v / sum(raised) for v in raised], abs=1e-6)


def test_engine_says_what_it_is(engine: Engine) -> None:
    assert (engine.version, engine.labels, engine.languages) == ("tiny-1", LABELS, ("en",))


def test_golden_rows_pass(engine: Engine) -> None:
    engine.verify()


def test_swapped_labels_fail_the_golden_rows(make_package: MakePackage) -> None:
    engine = Engine(load(make_package(golden={"good": (2.0, 0.5, -2.0)})))
    with pytest.raises(ModelPackageError, match="golden rows"):
        engine.verify()


def test_a_result_that_is_no_number_is_refused(engine: Engine) -> None:
    with pytest.raises(ModelPackageError, match="no number"):
        engine.predict(["good", "notanumber"])


def test_a_model_changed_after_verification_is_refused(make_package: MakePackage) -> None:
    package = load(make_package())
    with package.model_path.open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ModelPackageError, match="changed"):
        Engine(package)


def test_a_model_that_disappeared_is_refused(make_package: MakePackage) -> None:
    package = load(make_package())
    package.tokenizer_path.unlink()
    with pytest.raises(ModelPackageError, match="cannot be read"):
        Engine(package)


def test_batches_hold_every_row_once_within_the_budget() -> None:
    encoded = [[1] * n for n in (3, 50, 1, 7, 7, 20, 2, 200)]
    batches = list(length_sorted(encoded, 40))
    assert sorted(row for batch in batches for row in batch) == list(range(8))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(len(encoded[row]) for row in batch) <= 40


def test_exact_kernels_give_the_golden_answers_too(make_package):
    engine = Engine(load(make_package()), threads=1, exact=True)
    engine.verify()
    engine.close()
