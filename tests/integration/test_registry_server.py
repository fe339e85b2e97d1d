"""The registry against a real MLflow server over HTTP, started by ``trendvane mlflow``."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from trendvane.domain.errors import ConfigurationError, StorageUnavailableError
from trendvane.model import package
from trendvane.model.registry import Registry
from trendvane.model.runs import RunRecord
from trendvane.settings import child_environment, prepare_mlflow

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakePackage

pytest.importorskip("flask")

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")]


def test_a_server_holds_runs_and_versions(tmp_path: Path, make_package: MakePackage) -> None:
    prepare_mlflow()
    command = [sys.executable, "-m", "trendvane", "mlflow", "--port", "0"]
    environment = child_environment({"DATA_DIR": str(tmp_path / "data")})
    server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        said = server.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", said)
        assert found, said
        registry = Registry(found[0], tmp_path / "unused", experiment="e", name="m")
        with registry.runs.start(RunRecord("r", params={"a": 1}, metrics={"f1": 0.5}, key="k")) as live:
            run_id = live.run_id
        known = registry.runs.find("k")
        assert known is not None
        assert known.finished
        made = make_package()
        version = registry.register(made, run_id=run_id, identity="tiny-1", tags={"recipe": "tiny"})
        registry.set_champion(version.version)
        champion = registry.champion()
        assert champion is not None
        assert (champion.identity, champion.tags["recipe"], champion.run_id) == ("tiny-1", "tiny", run_id)
        fetched = registry.fetch("1", tmp_path / "copy")
        assert package.load(fetched).sha256 == package.load(made).sha256
        with pytest.raises(ConfigurationError, match="no model version"):
            registry.version("tiny-2")
        # What the server holds is what the local registry of the same folder holds.
        local = Registry("", tmp_path / "data" / "mlflow", experiment="e", name="m")
        assert [v.identity for v in local.versions()] == ["tiny-1"]
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=60)
    assert server.returncode == 0
    with pytest.raises(StorageUnavailableError):
        registry.champion()
    assert not (tmp_path / "unused").exists()
