import pytest
from fastapi import HTTPException

from trendvane.serve.questions import checked_topic_id, checked_topic_ids, checked_window

A, B, C, D, E = (digit * 16 for digit in "abcde")


def test_known_windows_pass():
    assert checked_window("24h").name == "24h"


@pytest.mark.parametrize("name", ["", "2h", "1H", "24h ", "99999999"])
def test_other_windows_are_refused(name):
    with pytest.raises(HTTPException) as refusal:
        checked_window(name)
    assert refusal.value.status_code == 422


@pytest.mark.parametrize(
    "topic_id", ["", "abc", "A" * 16, "g" * 16, "a" * 17, "a" * 16 + "\n", "../../etc/passwd"]
)
def test_only_sixteen_hex_digits_are_a_topic_id(topic_id):
    with pytest.raises(HTTPException) as refusal:
        checked_topic_id(topic_id)
    assert refusal.value.status_code == 422
    assert topic_id not in refusal.value.detail or not topic_id


def test_ids_keep_their_order_and_repeats_fold():
    assert checked_topic_ids(f"{B}, {A},{B}") == [B, A]


@pytest.mark.parametrize("ids", [A, f"{A},{A}", f"{A},{B},{C},{D},{E}", f"{A},", ""])
def test_two_to_four_topics_are_compared(ids):
    with pytest.raises(HTTPException):
        checked_topic_ids(ids)
