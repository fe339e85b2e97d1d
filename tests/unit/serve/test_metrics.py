from __future__ import annotations

import re
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.testclient import TestClient


def scrape(client: TestClient) -> str:
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return answer.text


def test_requests_are_counted_by_route_template_never_by_path(client: TestClient) -> None:
    for path in ("/v1/tweets/1", "/v1/tweets/2", "/zebra7", "/zebra8", "/livez"):
        client.get(path)
    client.request("BREW", "/livez")
    text = scrape(client)
    assert 'trendvane_requests_total{method="GET",route="/v1/tweets/{tweet_id}",status="5xx"} 2.0' in text
    assert 'trendvane_requests_total{method="GET",route="/livez",status="2xx"} 1.0' in text
    assert 'route="unmatched",status="4xx"} 2.0' in text
    assert 'method="other"' in text
    assert "zebra" not in text
    assert "BREW" not in text


def test_predictions_are_timed_batched_and_counted_by_label(client: TestClient) -> None:
    client.post("/v1/predict", json={"texts": ["good", "great", "bad"]})
    text = scrape(client)
    assert "trendvane_predict_duration_seconds_count 1.0" in text
    assert "trendvane_predict_batch_texts_sum 3.0" in text
    assert 'trendvane_predictions_total{label="positive"} 2.0' in text
    assert 'trendvane_predictions_total{label="neutral"} 0.0' in text
    assert "trendvane_predict_queue_texts 0.0" in text


def test_the_model_in_use_is_told(client: TestClient) -> None:
    text = scrape(client)
    assert 'trendvane_model_info{version="tiny-1"} 1.0' in text
    assert "trendvane_model_swaps_total 1.0" in text
    assert "trendvane_model_stale 0.0" in text


def test_a_refused_model_is_told(open_client: Callable[..., TestClient]) -> None:
    text = scrape(open_client(loaded=False))
    assert "trendvane_model_info{" not in text
    assert "trendvane_model_refusals_total 1.0" in text
    assert "trendvane_model_stale 1.0" in text


def test_names_follow_the_conventions(client: TestClient) -> None:
    client.post("/v1/predict", json={"texts": ["good"]})
    families = list(text_string_to_metric_families(scrape(client)))
    ours = [family for family in families if family.name.startswith("trendvane_")]
    assert len(ours) >= 10
    for family in ours:
        assert re.fullmatch(r"[a-z_]+", family.name)
        assert family.documentation.endswith(".")


def test_two_applications_do_not_share_figures(open_client: Callable[..., TestClient]) -> None:
    first = open_client()
    first.get("/livez")
    second = open_client(loaded=False)
    assert 'route="/livez"' not in scrape(second)
