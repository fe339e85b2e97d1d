from dataclasses import replace

import numpy as np
import pytest

from trendvane.domain.errors import StorageUnavailableError
from trendvane.model.export import int8_trouble
from trendvane.model.finetune import RECIPES
from trendvane.model.pictures import confusion_csv, confusion_table
from trendvane.model.workshop import Workshop, key_of

STARTER = RECIPES["starter"]


def test_the_same_work_has_the_same_key_whatever_the_machine():
    key = key_of(STARTER, "a" * 64)
    assert key_of(replace(STARTER, threads=8, processes=2), "a" * 64) == key
    assert key_of(replace(STARTER, seed=1), "a" * 64) != key
    assert key_of(STARTER, "b" * 64) != key


def test_a_training_is_found_again_by_its_key(tmp_path):
    shop = Workshop(tmp_path)
    with shop.claimed("k", "starter-1") as (folder, identity):
        assert (folder.name, identity) == ("starter-1", "starter-1")
    with shop.claimed("k", "starter-2") as again:
        assert again == (folder, "starter-1")
    with shop.claimed("other", "starter-3") as (other, _):
        assert other != folder


def test_one_training_is_done_by_one_process_at_a_time(tmp_path):
    shop = Workshop(tmp_path)
    with (
        shop.claimed("k", "starter-1"),
        pytest.raises(StorageUnavailableError, match="another process"),
        shop.claimed("k", "starter-2"),
    ):
        pass
    with shop.claimed("k", "starter-2") as (_, identity):
        assert identity == "starter-1"


def test_a_note_that_a_kill_cut_short_is_no_training(tmp_path):
    (tmp_path / "starter-0").mkdir()
    (tmp_path / "starter-0" / "training.json").write_text('{"key": "k", "iden')
    with Workshop(tmp_path).claimed("k", "starter-1") as (folder, _):
        assert folder.name == "starter-1"


def logits(answers):
    return np.eye(3, dtype=np.float32)[answers]


def test_int8_is_shipped_when_it_says_what_float32_says():
    truth = np.arange(300) % 3
    assert not int8_trouble(logits(truth), logits(truth), truth)


def test_int8_that_costs_too_much_is_not_shipped():
    truth = np.arange(300) % 3
    worse = truth.copy()
    worse[:9] = (worse[:9] + 1) % 3
    assert "macro F1" in int8_trouble(logits(worse), logits(truth), truth)
    worse[:30] = (truth[:30] + 1) % 3
    assert "changed 10.0%" in int8_trouble(logits(worse), logits(truth), truth)
    # Changed answers that cost nothing are no trouble: float32 was as wrong.
    assert not int8_trouble(logits(truth), logits(worse), truth)
    assert "no number" in int8_trouble(logits(truth) * np.nan, logits(truth), truth)


def test_a_confusion_has_true_classes_in_rows():
    confusion = ((8, 1, 0), (0, 7, 2), (1, 0, 9))
    assert confusion_table(confusion)["counts"]["neutral"] == {"negative": 0, "neutral": 7, "positive": 2}
    assert confusion_csv(confusion).splitlines()[1] == "negative,8,1,0"
