from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from trendvane.domain.errors import OverloadedError
from trendvane.model.batcher import Batcher, BatchLimits
from trendvane.serve.app import create_app
from trendvane.serve.ports import Ports

if TYPE_CHECKING:
    from collections.abc import Callable

JSON = {"Content-Type": "application/json"}
MARK = "zebra7"  # stands in hostile bodies and must not come back in an error
M = MARK.encode()

# Raw bodies that must be refused, each with the status it gets.
HOSTILE: dict[str, tuple[bytes, int]] = {
    "empty": (b"", 400),
    "blank": (b"   ", 400),
    "not json": (b"zebra7", 400),
    "half": (b'{"texts": ["zebra7"', 400),
    "half a string": (b'{"texts": ["zebra7', 400),
    "trailing comma": (b'{"texts": ["zebra7",]}', 400),
    "trailing garbage": (b'{"texts": ["a"]} zebra7', 400),
    "two documents": (b'{"texts": ["a"]}{"texts": ["zebra7"]}', 400),
    "single quotes": (b"{'texts': ['zebra7']}", 400),
    "comment": (b'{"texts": ["a"]} // zebra7', 400),
    "bare key": (b'{texts: ["zebra7"]}', 400),
    "NaN": (b'{"texts": NaN}', 400),
    "NaN among texts": (b'{"texts": ["zebra7", NaN]}', 400),
    "Infinity": (b'{"texts": [Infinity]}', 400),
    "-Infinity": (b'{"texts": [-Infinity]}', 400),
    "hex": (b'{"texts": [0x10]}', 400),
    "leading zero": (b'{"texts": [007]}', 400),
    "plus sign": (b'{"texts": [+1]}', 400),
    "high surrogate": (rb'{"texts": ["zebra7 \ud83d"]}', 400),
    "low surrogate": (rb'{"texts": ["zebra7 \ude00"]}', 400),
    "surrogates reversed": (rb'{"texts": ["\ude00\ud83d zebra7"]}', 400),
    "surrogate in key": (rb'{"\ud800": ["zebra7"]}', 400),
    "surrogate as utf-8": (b'{"texts": ["\xed\xa0\x80 zebra7"]}', 400),
    "latin-1": (b'{"texts": ["\xe9 zebra7"]}', 400),
    "cut utf-8": (b'{"texts": ["\xf0\x9f\x98"]}', 400),
    "overlong utf-8": (b'{"texts": ["\xc0\xaf zebra7"]}', 400),
    "beyond unicode": (b'{"texts": ["\xf5\x80\x80\x80"]}', 400),
    "utf-16": ('{"texts": ["zebra7"]}'.encode("utf-16"), 400),
    "utf-32": ('{"texts": ["zebra7"]}'.encode("utf-32"), 400),
    "byte order mark": (b'\xef\xbb\xbf{"texts": ["zebra7"]}', 400),
    "raw NUL": (b'{"texts": ["zebra7 \x00"]}', 400),
    "raw newline": (b'{"texts": ["zebra7 \n"]}', 400),
    "only NULs": (b"\x00" * 64, 400),
    "bad escape": (rb'{"texts": ["\x41 zebra7"]}', 400),
    "short escape": (rb'{"texts": ["\u12"]}', 400),
    "deep list": (b"[" * 100_000, 400),
    "deep closed list": (b"[" * 50_000 + b"]" * 50_000, 400),
    "deep object": (b'{"texts":' * 20_000 + b"1" + b"}" * 20_000, 400),
    "deep under texts": (b'{"texts": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", 400),
    "key twice": (b'{"texts": ["a"], "texts": ["zebra7"]}', 400),
    "key twice, escaped": (rb'{"texts": ["a"], "\u0074exts": ["zebra7"]}', 400),
    "inner key twice": (b'{"texts": {"zebra7": 1, "zebra7": 2}, "texts": ["a"]}', 400),
    "gzip": (b"\x1f\x8b\x08\x00zebra7", 400),
    "pickle": (b"\x80\x04\x95zebra7.", 400),
    "xml": (b'<?xml version="1.0"?><zebra7/>', 400),
    "null": (b"null", 422),
    "true": (b"true", 422),
    "number": (b"7", 422),
    "string": (b'"zebra7"', 422),
    "list": (b'["zebra7"]', 422),
    "empty object": (b"{}", 422),
    "other key": (b'{"zebra7": ["a"]}', 422),
    "extra key": (b'{"texts": ["a"], "zebra7": 1}', 422),
    "proto key": (b'{"texts": ["a"], "__proto__": {"zebra7": 1}}', 422),
    "texts null": (b'{"texts": null}', 422),
    "texts string": (b'{"texts": "zebra7"}', 422),
    "texts number": (b'{"texts": 7}', 422),
    "texts object": (b'{"texts": {"0": "zebra7"}}', 422),
    "no texts": (b'{"texts": []}', 422),
    "text null": (b'{"texts": ["zebra7", null]}', 422),
    "text number": (b'{"texts": ["zebra7", 1]}', 422),
    "text float": (b'{"texts": [1e999]}', 400),
    "text list": (b'{"texts": [["zebra7"]]}', 422),
    "text object": (b'{"texts": [{"text": "zebra7"}]}', 422),
    "text bool": (b'{"texts": [true]}', 422),
    "text empty": (b'{"texts": ["zebra7", ""]}', 422),
    "text NUL": (rb'{"texts": ["zebra7 \u0000"]}', 422),
    "text too long": (b'{"texts": ["' + b"a" * 25_001 + b'"]}', 422),
    "33 texts": (json.dumps({"texts": [MARK] * 33}).encode(), 422),
    "10,000 texts": (json.dumps({"texts": ["a"] * 10_000}).encode(), 422),
    "huge integer": (b'{"texts": [' + b"9" * 5_000 + b"]}", 400),
    "64-bit integer": (b'{"texts": [18446744073709551616]}', 422),
    "ids string": (b'{"texts": ["a"], "ids": "zebra7"}', 422),
    "ids too few": (b'{"texts": ["a", "b"], "ids": ["zebra7"]}', 422),
    "ids too many": (b'{"texts": ["a"], "ids": ["zebra7", "b"]}', 422),
    "ids numbers": (b'{"texts": ["a"], "ids": [7]}', 422),
    "id empty": (b'{"texts": ["a"], "ids": [""]}', 422),
    "id too long": (b'{"texts": ["a"], "ids": ["' + M * 20 + b'"]}', 422),
    "body over the cap": (b'{"texts": ["' + b"a" * 300_000 + b'"]}', 413),
}


def test_the_corpus_is_large_enough() -> None:
    assert len(HOSTILE) >= 60


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bodies_get_a_4xx_that_repeats_nothing(client: TestClient, name: str) -> None:
    body, status = HOSTILE[name]
    answer = client.post("/v1/predict", content=body, headers=JSON)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert MARK not in answer.text
    assert answer.json()["status"] == status
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/jsonp",
        "text/json",
        "application/vnd.api+json",
        "\x80\xff",
    ],
)
def test_anything_but_json_is_415(client: TestClient, content_type: str) -> None:
    headers = {b"Content-Type": content_type.encode("latin-1")}
    answer = client.post("/v1/predict", content=b'{"texts": ["good"]}', headers=headers)
    assert answer.status_code == 415


def test_a_compressed_body_is_415(client: TestClient) -> None:
    answer = client.post("/v1/predict", content=b"\x1f\x8b", headers=JSON | {"Content-Encoding": "gzip"})
    assert answer.status_code == 415


def test_json_with_a_charset_is_taken(client: TestClient) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert client.post("/v1/predict", content=b'{"texts": ["good"]}', headers=headers).status_code == 200


def ask(client: TestClient, **body: Any) -> list[dict[str, Any]]:
    answer = client.post("/v1/predict", json=body)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["predictions"]
    return rows


def test_each_text_gets_label_probabilities_score_and_version(client: TestClient) -> None:
    rows = ask(client, texts=["great", "awful", "table"])
    assert [row["label"] for row in rows] == ["positive", "negative", "neutral"]
    for row in rows:
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert row["score"] == max(row["probabilities"].values())
        assert row["model_version"] == "tiny-1"
        assert "id" not in row


def test_ids_come_back_with_their_texts(client: TestClient) -> None:
    rows = ask(client, texts=["good", "bad"], ids=["1790000000000000001", "b"])
    assert [(row["id"], row["label"]) for row in rows] == [
        ("1790000000000000001", "positive"),
        ("b", "negative"),
    ]


def test_32_texts_of_any_script_are_taken(client: TestClient) -> None:
    strange = ["🙂" * 200, "\u202eabc", "ﷺ" * 50, "e\u0301" * 100, " ", "\u200b", "\x7f", "a" * 8000]
    assert len(ask(client, texts=strange * 4)) == 32


def test_without_a_model_the_answer_is_503_with_a_remedy(open_client: Callable[..., TestClient]) -> None:
    answer = open_client(loaded=False).post("/v1/predict", json={"texts": ["good"]})
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    assert "model.path" in answer.json()["remedy"]


def test_a_model_that_answers_no_number_is_503_for_that_request_only(client: TestClient) -> None:
    assert client.post("/v1/predict", json={"texts": ["notanumber"]}).status_code == 503
    assert ask(client, texts=["good"])[0]["label"] == "positive"


class FullBatcher(Batcher):
    """Has no room, ever."""

    async def predict(self, texts: object, deadline_s: float) -> Any:
        raise OverloadedError("The prediction queue is full.", retry_after=2.4)


def test_a_full_queue_is_429_with_the_time_to_wait(make_ports: Callable[..., Ports]) -> None:
    ports = make_ports()
    full = Ports(
        holder=ports.holder,
        batcher=FullBatcher(ports.holder, BatchLimits()),
        warehouse=None,
        config=ports.config,
        now=ports.now,
    )
    with TestClient(create_app(full)) as client:
        answer = client.post("/v1/predict", json={"texts": ["good"]})
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "3"
        assert "trendvane_predict_refused_total 1.0" in client.get("/metrics").text
