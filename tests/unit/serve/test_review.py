from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from starlette.exceptions import HTTPException

from trendvane.serve.review import checked_name, known_id, read_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.testclient import TestClient

GOOD = {"label": "positive", "labeller": "Ada", "mode": "random"}


@pytest.mark.parametrize("name", ["A", "Ada", "Ada L.", "ada@example", "r2_d2-x", "Zoë", "李雷", "a" * 40])
def test_people_have_many_names(name: str) -> None:
    assert checked_name(name) == name


def test_a_name_is_composed_and_trimmed() -> None:
    assert checked_name("  Zoe\u0308 ") == "Zoë"


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "a" * 41,
        "llm:tiny",
        "file:x.csv",
        "a  b",
        "a\nb",
        "a\tb",
        "a\x00",
        "<b>",
        "a\u202eb",
        "🙂",
        7,
        None,
    ],
    ids=repr,
)
def test_what_is_no_name_is_refused_without_repeating_it(name: object) -> None:
    with pytest.raises(HTTPException) as refused:
        checked_name(name)
    assert refused.value.status_code == 422
    assert "tiny" not in refused.value.detail


@pytest.mark.parametrize(("label", "place"), [("negative", 0), ("neutral", 1), ("positive", 2), (None, None)])
def test_labels_become_places_and_null_an_abstention(label: str | None, place: int | None) -> None:
    assert read_answer(7, GOOD | {"label": label}) == (7, "Ada", place, "random")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"label": "positive", "mode": "random"},
        GOOD | {"extra": 1},
        GOOD | {"label": "mixed"},
        GOOD | {"label": 2},
        GOOD | {"label": ["positive"]},
        GOOD | {"mode": "best"},
        GOOD | {"mode": None},
        GOOD | {"mode": {}},
        GOOD | {"labeller": None},
    ],
    ids=repr,
)
def test_bad_answers_are_refused(body: dict[str, Any]) -> None:
    with pytest.raises(HTTPException) as refused:
        read_answer(7, body)
    assert refused.value.status_code == 422


def test_an_id_beyond_64_bits_is_no_tweet() -> None:
    assert known_id(str(2**63 - 1)) == 2**63 - 1
    with pytest.raises(HTTPException) as refused:
        known_id(str(2**63))
    assert refused.value.status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://testserver"}, 200),
        ({"Origin": "https://TESTSERVER"}, 200),  # TLS may end before us
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": ""}, 403),
    ],
)
def test_pages_of_other_sites_have_nothing_done_here(
    open_client: Callable[..., TestClient], headers: dict[str, str], status: int
) -> None:
    client = open_client()
    answer = client.post("/v1/predict", json={"texts": ["good"]}, headers=headers)
    assert answer.status_code == status
    assert client.get("/v1/model", headers=headers).status_code == 200  # reading: the browser guards that
