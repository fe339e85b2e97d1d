"""What every test shares: where optional material lies, and that CI may not skip for want of it."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from trendvane.domain.text import TEXT_VERSION
from trendvane.model.package import write_manifest

ROOT = Path(__file__).parent.parent

# How long an example takes says more about the machine's other work than about the code.
settings.register_profile("trendvane", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("trendvane")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--shared",
        default=str(ROOT.parent / "shared"),
        help="folder with labelled tweets (data/) and X's specifications (x-api/)",
    )


def missing(reason: str) -> None:
    """Skip, or fail in CI: there a missing service is a mistake of the set-up."""
    if os.environ.get("CI") == "true":  # noqa: TID251
        pytest.fail(f"missing in CI: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared(request: pytest.FixtureRequest) -> Path:
    """Folder with material that is not part of the project."""
    path = Path(request.config.getoption("--shared"))
    if not path.is_dir():
        missing(f"no folder {path}; give it with --shared")
    return path


TINY = Path(__file__).parent / "fixtures" / "tiny"
# What the tiny model says of these, by arithmetic: logits of the words, plus 0.5 for neutral.
GOLDEN = {
    "good": (-2.0, 0.5, 2.0),
    "bad": (2.0, 0.5, -2.0),
    "table": (0.0, 1.5, 0.0),
    "great": (-4.0, 0.5, 4.0),
}
MakePackage = Callable[..., Path]
Golden = dict[str, tuple[float, float, float]]


def _softmax(logits: tuple[float, ...]) -> list[float]:
    raised = [math.exp(value) for value in logits]
    return [value / sum(raised) for value in raised]


@pytest.fixture
def make_package(tmp_path: Path) -> MakePackage:
    """Writes a package of the tiny model, whose probabilities can be worked out by hand."""

    def make(
        folder: str = "champion",
        *,
        version: str = "1",
        golden: Golden | None = None,
        reads: dict[str, str] | None = None,
        **changes: Any,
    ) -> Path:
        """``reads`` makes another model of it: one that takes the first word of a pair for the second."""
        root = tmp_path / folder
        root.mkdir(parents=True)
        for name in ("model.onnx", "tokenizer.json"):
            shutil.copy(TINY / name, root / name)
        if reads:
            tokenizer = json.loads((root / "tokenizer.json").read_text())
            vocab = tokenizer["model"]["vocab"]
            vocab |= {word: vocab[other] for word, other in reads.items()}
            (root / "tokenizer.json").write_text(json.dumps(tokenizer))
        known = golden or {w: GOLDEN[r] for w in GOLDEN if (r := (reads or {}).get(w, w)) in GOLDEN}
        rows = {text: _softmax(logits) for text, logits in known.items()}
        lines = [json.dumps({"text": text, "p": p}) for text, p in rows.items()] * -(-64 // len(rows))
        (root / "golden.jsonl").write_text("\n".join(lines) + "\n")
        manifest = {
            "name": "tiny",
            "version": version,
            "text_version": TEXT_VERSION,
            "max_length": 16,
            "temperature": 1.0,
            "languages": ["en"],
            "confusion": [[8, 1, 1], [1, 8, 1], [1, 1, 8]],
            "metrics": {},
            "share_prior": {},
            "encoder": {},
        }
        write_manifest(root, manifest | changes)
        return root

    return make
