"""Whatever is wrong with the next package, the server goes on answering with the last good one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from trendvane.model.follower import FollowerState
from trendvane.model.package import write_manifest
from trendvane.serve.app import create_app

if TYPE_CHECKING:
    from trendvane.serve.ports import Ports

MakePackage = Callable[..., Path]
# model { graph { initializer { data_location: EXTERNAL } } }
EXTERNAL = b"\x3a\x04\x2a\x02\x70\x01"
SURE = {"good": (-2.0, 0.5, 2.0), "bad": (2.0, 0.5, -2.0)}


def manifest_of(root: Path) -> dict[str, object]:
    made: dict[str, object] = json.loads((root / "package.json").read_text())
    return made


def wrong_hash(make: MakePackage) -> Path:
    root = make("bad", version="2")
    with (root / "model.onnx").open("ab") as file:
        file.write(b"\0")
    return root


def missing_file(make: MakePackage) -> Path:
    root = make("bad", version="2")
    (root / "tokenizer.json").unlink()
    return root


def external_data(make: MakePackage) -> Path:
    root = make("bad", version="2")
    manifest = manifest_of(root)
    (root / "model.onnx").write_bytes(EXTERNAL)
    for key in ("format", "labels", "sha256"):
        del manifest[key]
    write_manifest(root, manifest)  # with the right hash of the wrong file
    return root


def labels_renamed(make: MakePackage) -> Path:
    root = make("bad", version="2")
    manifest = manifest_of(root) | {"labels": ["positive", "neutral", "negative"]}
    (root / "package.json").write_text(json.dumps(manifest))
    return root


def labels_swapped_in_the_weights(make: MakePackage) -> Path:
    return make("bad", version="2", reads={"good": "bad", "bad": "good"}, golden=SURE)


def not_a_number(make: MakePackage) -> Path:
    return make("bad", version="2", reads={"good": "notanumber"}, golden=SURE)


def pickled(make: MakePackage) -> Path:
    root = make("bad", version="2")
    manifest = manifest_of(root)
    # A pickle of a harmless call; were it ever loaded, something would be executed.
    (root / "model.onnx").write_bytes(b"cbuiltins\nlen\n(S'x'\ntR.")
    for key in ("format", "labels", "sha256"):
        del manifest[key]
    write_manifest(root, manifest)
    return root


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (wrong_hash, "sha256"),
        (missing_file, "missing"),
        (external_data, "another file"),
        (labels_renamed, "labels"),
        (labels_swapped_in_the_weights, "golden rows wrongly"),
        (not_a_number, "no number"),
        (pickled, "model.onnx"),
    ],
    ids=[
        "wrong hash",
        "missing file",
        "external data",
        "labels renamed",
        "labels swapped",
        "not a number",
        "a pickle",
    ],
)
def test_the_last_good_model_goes_on_answering(
    make_ports: Callable[..., Ports],
    make_package: MakePackage,
    spoil: Callable[[MakePackage], Path],
    said: str,
) -> None:
    ports = make_ports()
    with TestClient(create_app(ports), "http://testserver", raise_server_exceptions=False) as client:
        assert not ports.holder.reload(spoil(make_package))
        answer = client.post("/v1/predict", json={"texts": ["good", "bad"]})
        assert answer.status_code == 200
        assert {row["model_version"] for row in answer.json()["predictions"]} == {"tiny-1"}
        assert [row["label"] for row in answer.json()["predictions"]] == ["positive", "negative"]
        assert said in client.get("/v1/model").json()["trouble"]
        assert "trendvane_model_stale 1.0" in client.get("/metrics").text
        assert client.get("/readyz").status_code == 200
        assert ports.holder.reload(make_package("next", version="3"))
        assert "trendvane_model_stale 0.0" in client.get("/metrics").text


@dataclass
class Following:
    state: FollowerState


def test_a_server_that_follows_a_registry_tells_how_that_goes(make_ports: Callable[..., Ports]) -> None:
    follower = Following(FollowerState(moves=2, failures=3, trouble="no answer"))
    ports = replace(make_ports(), follower=follower)  # type: ignore[arg-type]
    with TestClient(create_app(ports), "http://testserver") as client:
        figures = client.get("/metrics").text
        assert "trendvane_champion_moves_total 2.0" in figures
        assert "trendvane_champion_failures_total 3.0" in figures
        assert "trendvane_champion_behind 1.0" in figures
