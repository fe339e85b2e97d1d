from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from trendvane.domain.errors import ModelPackageError, StorageUnavailableError
from trendvane.model.champion import ChampionFolder
from trendvane.model.follower import Follower
from trendvane.model.holder import ModelHolder, open_engine
from trendvane.model.registry import ModelVersion

MakePackage = Callable[..., Path]


@dataclass
class Shelf:
    """A registry of packages by number."""

    packages: dict[str, Path]
    alias: str | None = None
    fails: bool = False
    fetched: list[str] = field(default_factory=list)

    def champion(self) -> ModelVersion | None:
        if self.fails:
            raise StorageUnavailableError("MLflow does not answer.")
        if self.alias is None:
            return None
        return ModelVersion(self.alias, f"tiny-{self.alias}", None, datetime(2026, 1, 1, tzinfo=UTC))

    def fetch(self, version: str, into: Path) -> Path:
        self.fetched.append(version)
        shutil.copytree(self.packages[version], into)
        return into


@dataclass
class Machine:
    """A machine that serves."""

    shelf: Shelf
    folder: ChampionFolder
    holder: ModelHolder
    follower: Follower
    time: float = 0.0

    def version(self) -> str:
        self.holder.poll()
        return self.holder.require().version


@pytest.fixture
def machine(tmp_path: Path, make_package: MakePackage) -> Machine:
    packages = {number: make_package(f"v{number}", version=number) for number in "0123"}
    shelf = Shelf(packages)
    folder = ChampionFolder(tmp_path / "served")
    holder = ModelHolder(folder.ensure(packages["0"]))

    def check(package: Path) -> None:
        open_engine(package, threads=1).close()

    follower = Follower(shelf, folder, check=check, every_s=10.0, clock=lambda: made.time)
    made = Machine(shelf, folder, holder, follower)
    return made


def damage(package: Path) -> None:
    with (package / "model.onnx").open("ab") as file:
        file.write(b" ")


def test_without_an_alias_the_shipped_model_stays(machine: Machine) -> None:
    assert not machine.follower.follow()
    assert machine.version() == "tiny-0"


def test_the_alias_is_followed_there_and_back(machine: Machine) -> None:
    for number in "1", "2", "1":
        machine.shelf.alias = number
        assert machine.follower.follow()
        assert not machine.follower.follow()
        assert machine.version() == f"tiny-{number}"
    assert machine.shelf.fetched == ["1", "2"]  # the way back needs no download
    assert machine.follower.state.moves == 3


def test_a_bad_download_keeps_the_last_good_model_and_is_not_repeated(machine: Machine) -> None:
    machine.shelf.alias = "1"
    machine.follower.follow()
    damage(machine.shelf.packages["2"])
    machine.shelf.alias = "2"
    assert [machine.follower.follow() for _ in range(3)] == [False, False, False]
    assert machine.shelf.fetched == ["1", "2"]
    assert machine.version() == "tiny-1"
    assert (machine.follower.state.failures, machine.follower.state.moves) == (1, 1)
    assert "sha256" in machine.follower.state.trouble
    machine.shelf.alias = "3"
    assert machine.follower.follow()
    assert machine.follower.state.trouble == ""
    assert machine.version() == "tiny-3"


def test_a_package_that_answers_wrongly_is_refused_before_the_link_moves(
    machine: Machine, make_package: MakePackage
) -> None:
    machine.shelf.packages["4"] = make_package("v4", version="4", golden={"good": (2.0, 0.5, -2.0)})
    machine.shelf.alias = "4"
    before = machine.folder.link.resolve()
    assert not machine.follower.follow()
    assert machine.folder.link.resolve() == before
    assert "golden" in machine.follower.state.trouble


def test_a_registry_that_does_not_answer_is_asked_again(machine: Machine) -> None:
    machine.shelf.fails = True
    assert not machine.follower.follow()
    assert "does not answer" in machine.follower.state.trouble
    assert machine.version() == "tiny-0"
    machine.shelf.fails, machine.shelf.alias = False, "1"
    assert machine.follower.follow()
    assert machine.version() == "tiny-1"


def test_a_copy_damaged_on_this_disk_is_fetched_again(machine: Machine, tmp_path: Path) -> None:
    for number in "1", "2":
        machine.shelf.alias = number
        machine.follower.follow()
    damage(tmp_path / "served" / "packages" / "tiny-1")
    machine.shelf.alias = "1"
    assert machine.follower.follow()
    assert machine.version() == "tiny-1"
    assert machine.shelf.fetched == ["1", "2", "1"]


def test_an_alias_that_moves_during_a_download_is_not_gone_back_on(
    machine: Machine, make_package: MakePackage
) -> None:
    machine.shelf.alias = "1"
    fetch = machine.shelf.fetch

    class Slow(Shelf):
        def fetch(self, version: str, into: Path) -> Path:
            machine.shelf.alias = self.alias = "2"
            return fetch(version, into)

    slow = Slow(machine.shelf.packages, "1")
    follower = Follower(slow, machine.folder, check=lambda _: None, every_s=1.0, clock=lambda: 0.0)
    assert not follower.follow()
    assert machine.folder.link.resolve() == machine.shelf.packages["0"]
    assert follower.follow()
    assert machine.version() == "tiny-2"


def test_looks_are_no_more_frequent_than_asked(machine: Machine) -> None:
    assert not machine.follower.follow_when_due()
    machine.shelf.alias = "1"
    assert not machine.follower.follow_when_due()
    machine.time = 10.0
    assert machine.follower.follow_when_due()


def test_it_follows_until_it_is_stopped(machine: Machine) -> None:
    machine.shelf.alias = "1"
    stop = threading.Event()
    stop.set()
    machine.follower.run_until(stop)
    assert machine.version() == "tiny-1"


def test_packages_of_long_ago_are_dropped_and_a_fresh_copy_of_another_process_is_not(
    tmp_path: Path, make_package: MakePackage
) -> None:
    folder = ChampionFolder(tmp_path / "served")
    packages = tmp_path / "served" / "packages"
    for number in range(9):
        folder.publish(make_package(f"v{number}", version=str(number)))
        (packages / f".half.{number}").mkdir()
    assert folder.identity == "tiny-8"
    whole = {f.name for f in packages.iterdir() if not f.name.startswith(".")}
    assert len(whole) == 6
    assert "tiny-8" in whole
    assert len([f for f in packages.iterdir() if f.name.startswith(".half")]) == 9


def test_a_damaged_package_is_not_published(tmp_path: Path, make_package: MakePackage) -> None:
    folder = ChampionFolder(tmp_path / "served")
    good, bad = make_package("good"), make_package("bad", version="2")
    folder.publish(good)
    damage(bad)
    with pytest.raises(ModelPackageError):
        folder.publish(bad)
    assert folder.identity == "tiny-1"
