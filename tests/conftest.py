"""What every test shares: where optional material lies, and that CI may not skip for want of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


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
