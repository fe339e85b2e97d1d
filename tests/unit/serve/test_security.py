from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

import pytest

from trendvane.domain.errors import ConfigurationError
from trendvane.serve.ports import ServeConfig
from trendvane.serve.security import SECURITY_HEADERS, check

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.testclient import TestClient

    Open = Callable[..., TestClient]

KEYS = ("first-key", "second-key")
HASHES = tuple(hashlib.sha256(key.encode()).hexdigest() for key in KEYS)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_every_documented_path_but_livez_asks_for_a_key(open_client: Open) -> None:
    client = open_client(key_hashes=HASHES)
    schema = client.get("/openapi.json", headers={"X-API-Key": KEYS[0]}).json()
    operations = [(method, path) for path, item in schema["paths"].items() for method in item]
    assert len(operations) >= 5
    for method, path in [*operations, ("get", "/metrics"), ("get", "/openapi.json"), ("get", "/nothing")]:
        answer = client.request(method, path.replace("{tweet_id}", "1"))
        assert answer.status_code == (200 if path == "/livez" else 401), path


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer first-key"},
        {"Authorization": "bearer  second-key"},
        {"X-API-Key": "second-key"},
        {"Authorization": basic("", "first-key")},
        {"Authorization": basic("anyone", "first-key")},
    ],
)
def test_a_known_key_opens(open_client: Open, headers: dict[str, str]) -> None:
    assert open_client(key_hashes=HASHES).get("/v1/model", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "first-key"},
        {"Authorization": "Basic first-key"},
        {"Authorization": "Basic ====\x7f"},
        {"Authorization": basic("first-key", "")},
        {"X-API-Key": ""},
        {"X-API-Key": HASHES[0]},  # a stolen hash is no key
        {"X-API-Key": "first-key" * 100},
        {"X-API-Key": "wrong", "Authorization": "Bearer wrong"},
    ],
)
def test_anything_else_is_401_and_says_how(open_client: Open, headers: dict[str, str]) -> None:
    answer = open_client(key_hashes=HASHES).get("/v1/model", headers=headers)
    assert answer.status_code == 401
    assert "Bearer" in answer.headers["www-authenticate"]
    assert "first-key" not in answer.text


def test_a_refused_body_is_not_read(open_client: Open) -> None:
    answer = open_client(key_hashes=HASHES).post("/v1/predict", content=b"x" * 1_000_000)
    assert answer.status_code == 401


def test_without_keys_everything_is_open(client: TestClient) -> None:
    assert client.get("/v1/model").status_code == 200


@pytest.mark.parametrize(
    "config",
    [
        ServeConfig(require_key=True),
        ServeConfig(key_hashes=("first-key",)),
        ServeConfig(key_hashes=(HASHES[0], HASHES[1].upper())),
    ],
)
def test_settings_that_leave_the_door_open_are_refused(config: ServeConfig) -> None:
    with pytest.raises(ConfigurationError):
        check(config)


@pytest.mark.parametrize("path", ["/livez", "/v1/model", "/nothing", "/v1/tweets/x"])
def test_every_answer_carries_the_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    for name, value in SECURITY_HEADERS.items():
        assert headers[name] == value


def test_scripts_from_elsewhere_and_inline_scripts_are_forbidden(client: TestClient) -> None:
    policy = client.get("/livez").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy  # falls back to 'self' alone


@pytest.mark.parametrize("host", ["evil.example", "x/v1/model?", "testserver.evil.example", "", "::1"])
def test_other_hosts_are_refused(client: TestClient, host: str) -> None:
    assert client.get("/v1/model", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("host", ["testserver", "TESTSERVER:8000", "[::1]:8000"])
def test_own_hosts_are_answered_with_any_port(open_client: Open, host: str) -> None:
    client = open_client(allowed_hosts=("testserver", "::1"))
    assert client.get("/v1/model", headers={"Host": host}).status_code == 200
