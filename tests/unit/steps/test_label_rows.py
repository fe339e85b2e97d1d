from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trendvane.domain.errors import ConfigurationError
from trendvane.steps.label.rows import rows


def read(text: str) -> list[tuple[int, dict[str, str] | None]]:
    found = rows(io.StringIO(text, newline=""), Path("labels.csv"))
    return [(number, None if values is None else dict(values)) for number, values in found]


def test_columns_may_stand_in_any_order_beside_others() -> None:
    assert read("Label, text ,TWEET_ID\npositive,so good,5\n") == [
        (2, {"tweet_id": "5", "label": "positive"})
    ]


def test_a_text_may_span_lines() -> None:
    found = read('tweet_id,text,label\n1,"two\nlines, ""so""",0\n\n2,one,1')
    assert found == [(2, {"tweet_id": "1", "label": "0"}), (5, {"tweet_id": "2", "label": "1"})]


@pytest.mark.parametrize(
    "bad",
    ['"1,positive', '1,"positive', '1,"pos"itive', "1", "1,2,3", "1,positive,anna,more"],
)
def test_a_broken_line_takes_no_neighbour_with_it(bad: str) -> None:
    found = read(f'tweet_id,label\n7,positive\n{bad}\n8,negative\n9,"neutral"\n')
    assert found == [
        (2, {"tweet_id": "7", "label": "positive"}),
        (3, None),
        (4, {"tweet_id": "8", "label": "negative"}),
        (5, {"tweet_id": "9", "label": "neutral"}),
    ]


def test_an_open_mark_in_a_long_file_costs_one_line() -> None:
    good = "".join(f"{i},positive\n" for i in range(10, 400))
    found = read(f'tweet_id,label\n1,"positive\n{good}')
    assert found[0] == (2, None)
    assert [values["tweet_id"] for _, values in found[1:] if values] == [str(i) for i in range(10, 400)]


@pytest.mark.parametrize("text", ["", "\n", "id,label\n", '"tweet_id,label\n'])
def test_a_file_without_the_columns_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="tweet_id and label"):
        read(text)


@given(st.text(max_size=200))
def test_any_file_is_read_to_its_end(text: str) -> None:
    for number, values in read("tweet_id,label,labeller\n" + text):
        assert number >= 2
        assert values is None or {"tweet_id", "label"} <= set(values)


@given(st.lists(st.tuples(st.integers(1, 99), st.sampled_from("012"), st.text(max_size=9)), max_size=9))
def test_what_a_csv_writer_wrote_is_read_back(written: list[tuple[int, str, str]]) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file)  # with another end of line it leaves a bare \r outside of quotation marks
    writer.writerow(["tweet_id", "label", "text"])
    writer.writerows(written)
    found = read(file.getvalue())
    assert [values and (values["tweet_id"], values["label"]) for _, values in found] == [
        (str(tweet_id), label) for tweet_id, label, _ in written
    ]
