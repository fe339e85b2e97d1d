from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from trendvane.domain import errors
from trendvane.serve.app import create_app
from trendvane.serve.problems import from_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from trendvane.serve.ports import Ports

    Open = Callable[..., TestClient]


def test_the_process_is_alive_whatever_the_model(open_client: Open) -> None:
    assert open_client(loaded=False).get("/livez").json() == {"status": "ok"}


def test_ready_with_a_model(client: TestClient) -> None:
    assert client.get("/readyz").json() == {"ready": True, "reasons": []}


def test_not_ready_without_a_model_and_says_why(open_client: Open) -> None:
    answer = open_client(loaded=False).get("/readyz")
    assert answer.status_code == 503
    assert "package.json is missing" in answer.json()["reasons"][0]


def test_not_ready_while_draining(make_ports: Callable[..., Ports]) -> None:
    ports = make_ports()
    with TestClient(create_app(ports)) as client:
        ports.draining.set()
        assert client.get("/readyz").status_code == 503
        # What still arrives on open connections is answered.
        assert client.post("/v1/predict", json={"texts": ["good"]}).status_code == 200


def test_the_model_is_described_by_its_package(client: TestClient) -> None:
    card = client.get("/v1/model").json()
    assert (card["version"], card["languages"], card["trouble"]) == ("tiny-1", ["en"], "")
    assert set(card["sha256"]) == {"model.onnx", "tokenizer.json", "golden.jsonl"}


def test_a_new_champion_is_taken_into_use(
    make_ports: Callable[..., Ports], make_package: Callable[..., Any]
) -> None:
    ports = make_ports()
    with TestClient(create_app(ports)) as client:
        ports.holder.reload(make_package("next", version="2"))
        answer = client.post("/v1/predict", json={"texts": ["good"]}).json()
        assert answer["predictions"][0]["model_version"] == "tiny-2"
        assert client.get("/v1/model").json()["version"] == "tiny-2"


def test_tweets_need_a_warehouse(client: TestClient) -> None:
    answer = client.get("/v1/tweets/1790000000000000001")
    assert answer.status_code == 503
    assert "warehouse" in answer.json()["remedy"]


@pytest.mark.parametrize(
    "tweet_id", ["zebra7", "-1", "1.5", "1e3", "9" * 20, "1" * 5000, "%00", "1%00", "%ff", "٣", "%D9%A3"]
)
def test_ids_that_are_none_get_a_4xx_that_repeats_nothing(client: TestClient, tweet_id: str) -> None:
    answer = client.get(f"/v1/tweets/{tweet_id}")
    assert 400 <= answer.status_code < 500
    assert "zebra7" not in answer.text


@pytest.mark.parametrize("path", ["/nothing", "/v1/", "/v1/predict/x", "/..%2f..%2fetc/passwd", "//", "/%00"])
def test_unknown_paths_are_problems(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_405(client: TestClient, method: str) -> None:
    answer = client.request(method, "/v1/predict")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


def test_a_mistake_of_ours_is_a_plain_500(make_ports: Callable[..., Ports]) -> None:
    app = create_app(make_ports())

    @app.get("/mistake")
    def mistake() -> None:
        raise ZeroDivisionError("zebra7")

    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get("/mistake")
        assert answer.status_code == 500
        assert "zebra7" not in answer.text
        assert "content-security-policy" in answer.headers
        assert 'route="/mistake",status="5xx"} 1.0' in client.get("/metrics").text


def test_the_schema_tells_every_refusal(open_client: Open) -> None:
    schema = open_client().get("/openapi.json").json()
    responses = schema["paths"]["/v1/predict"]["post"]["responses"]
    assert {"200", "400", "401", "408", "413", "415", "422", "429", "503"} <= responses.keys()
    assert set(responses["422"]["content"]) == {"application/problem+json"}


def test_the_schema_can_be_switched_off(open_client: Open) -> None:
    assert open_client(docs=False).get("/openapi.json").status_code == 404


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.OverloadedError("full", retry_after=1.2), 429),
        (errors.StorageUnavailableError("away"), 503),
        (errors.SourceUnavailableError("away"), 503),
        (errors.RateLimitedError("wait", retry_at=1.0), 503),
        (errors.ModelPackageError("none"), 503),
        (errors.ConfigurationError("zebra7"), 500),
        (errors.CorruptObjectError("zebra7"), 500),
    ],
)
def test_each_error_of_ours_has_a_status(error: errors.TrendvaneError, status: int) -> None:
    answer = from_error(error)
    assert answer.status_code == status
    assert b"zebra7" not in answer.body
    assert ("retry-after" in answer.headers) == (status in {429, 503})
