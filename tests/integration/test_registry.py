"""Runs and versions in a real MLflow: SQLite and a folder; a server is in test_registry_server."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from trendvane.domain.errors import ConfigurationError, ModelPackageError, StorageUnavailableError
from trendvane.model import package
from trendvane.model.registry import Registry
from trendvane.model.runs import DataInput, RunRecord
from trendvane.settings import prepare_mlflow

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakePackage

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose name holds a space."""
    prepare_mlflow()
    return tmp_path_factory.mktemp("ml flow")


@pytest.fixture
def registry(home: Path, request: pytest.FixtureRequest) -> Registry:
    """A registered model of its own, in the module's database."""
    return Registry("", home, experiment=f"e-{request.node.name}", name=f"m-{request.node.name}")


def test_a_package_goes_in_and_comes_out_as_it_was(
    registry: Registry, make_package: MakePackage, tmp_path: Path
) -> None:
    made = make_package(metrics={"macro_f1": 0.5, "classes": {}})
    version = registry.register(made, run_id=None, identity="tiny-1", tags={"recipe": "tiny"})
    assert (version.version, version.identity, version.champion) == ("1", "tiny-1", False)
    assert version.tags == {"recipe": "tiny"}
    assert version.metrics == {"macro_f1": 0.5}
    fetched = registry.fetch("1", tmp_path / "new" / "copy")
    assert package.load(fetched).sha256 == package.load(made).sha256
    assert {f.name for f in fetched.iterdir()} == {f.name for f in made.iterdir()}
    assert [f.name for f in fetched.parent.iterdir()] == ["copy"]
    with pytest.raises(ModelPackageError, match="exists"):
        registry.fetch("1", fetched)


def test_the_alias_names_the_champion(registry: Registry, make_package: MakePackage) -> None:
    assert registry.champion() is None
    assert registry.versions() == []
    for number in "123":
        registry.register(make_package(number, version=number), run_id=None, identity=f"tiny-{number}")
    registry.set_champion("2")
    assert [(v.version, v.champion) for v in registry.versions()] == [
        ("3", False),
        ("2", True),
        ("1", False),
    ]
    registry.set_champion("1")
    champion = registry.champion()
    assert champion is not None
    assert (champion.version, champion.champion) == ("1", True)
    registry.tag("1", "decision", "rolled back")
    assert registry.version("champion").tags["decision"] == "rolled back"
    assert [registry.version(r).version for r in ("latest", "3", "tiny-2")] == ["3", "3", "2"]
    with pytest.raises(ConfigurationError, match="no model version 'tiny-9'"):
        registry.version("tiny-9")


def test_an_identity_is_registered_once(registry: Registry, make_package: MakePackage) -> None:
    made = make_package()
    first = registry.register(made, run_id=None, identity="tiny-1")
    assert registry.register(made, run_id=None, identity="tiny-1").version == first.version
    assert len(registry.versions()) == 1
    with pytest.raises(ModelPackageError, match="is tiny-1, not other-1"):
        registry.register(made, run_id=None, identity="other-1")


def finished(registry: Registry, run: RunRecord) -> str:
    with registry.runs.start(run) as live:
        return live.run_id


def test_a_run_holds_what_it_was_given(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "card.md").write_text("counts")
    run_id = finished(
        registry,
        RunRecord(
            "tiny-now",
            params={f"p{i}": i for i in range(120)},
            metrics={"macro_f1": 0.4},
            tags={"snapshot": "s1"},
            data=DataInput("s1", "a" * 64, "datasets/s1", {"rows": 3}),
            files={"data/card.md": tmp_path / "card.md"},
            documents={"confusion.json": {"rows": [[1, 2], [3, 4]]}, "tables/a.csv": "x,y\n"},
        ),
    )
    client = registry._tracking.client
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert (run.data.params["p119"], run.data.metrics, run.data.tags["snapshot"]) == (
        "119",
        {"macro_f1": 0.4},
        "s1",
    )
    data = run.inputs.dataset_inputs[0].dataset
    assert (data.name, data.digest) == ("s1", "a" * 36)
    assert {f.path for f in client.list_artifacts(run_id)} == {"confusion.json", "data", "tables"}
    read = tmp_path / "out"
    read.mkdir()
    client.download_artifacts(run_id, "confusion.json", str(read))
    assert json.loads((read / "confusion.json").read_text())["rows"] == [[1, 2], [3, 4]]


def test_a_run_that_broke_is_failed_and_goes_on_when_tried_again(registry: Registry) -> None:
    record = RunRecord("tiny-now", params={"seed": 1}, key="abc")

    def broken() -> None:
        with registry.runs.start(record) as live:
            live.metrics({"loss": 1.0}, step=1)
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        broken()
    known = registry.runs.find("abc")
    assert known is not None
    assert not known.finished
    assert registry._tracking.client.get_run(known.run_id).info.status == "FAILED"
    with registry.runs.start(RunRecord("tiny-later", params={"seed": 2}, key="abc")) as live:
        assert live.run_id == known.run_id
    again = registry.runs.find("abc")
    assert again is not None
    assert again.finished
    assert registry._tracking.client.get_run(live.run_id).data.params == {"seed": "1"}


def test_two_processes_may_open_a_new_registry_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from trendvane.settings import prepare_mlflow;"
        "from trendvane.model.registry import Registry; from trendvane.model.runs import RunRecord;"
        "prepare_mlflow();"
        "runs = Registry('', Path(sys.argv[1]), experiment='e', name='m').runs\n"
        "with runs.start(RunRecord('r')) as live: print(live.run_id)"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120) for process in started]
    assert [p.returncode for p in started] == [0, 0], said
    assert len({out for out, _ in said}) == 2
    assert [err for _, err in said] == ["", ""]


def test_a_server_that_does_not_answer_may_answer_later(tmp_path: Path) -> None:
    registry = Registry("http://127.0.0.1:9", tmp_path, experiment="e", name="m")
    with pytest.raises(StorageUnavailableError, match=r"127\.0\.0\.1:9"):
        registry.versions()
    assert not list(tmp_path.iterdir())
