from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from trendvane.domain.errors import ModelPackageError
from trendvane.model.holder import ModelHolder

MakePackage = Callable[..., Path]


def test_nothing_is_held_before_the_first_load(tmp_path: Path) -> None:
    holder = ModelHolder(tmp_path)
    assert holder.current is None
    with pytest.raises(ModelPackageError, match="No model is loaded"):
        holder.require()


def test_a_good_package_is_taken_into_use(make_package: MakePackage) -> None:
    holder = ModelHolder(make_package())
    assert holder.reload()
    assert holder.require().version == "tiny-1"
    assert (holder.state.swaps, holder.state.refusals, holder.state.trouble) == (1, 0, "")


def test_a_missing_package_says_so(tmp_path: Path) -> None:
    holder = ModelHolder(tmp_path / "none")
    assert not holder.reload()
    assert "missing" in holder.state.trouble
    with pytest.raises(ModelPackageError, match="missing"):
        holder.require()


def test_the_last_good_model_stays_when_the_next_one_fails_its_golden_rows(make_package: MakePackage) -> None:
    holder = ModelHolder(make_package())
    holder.reload()
    bad = make_package("bad", version="2", golden={"good": (2.0, 0.5, -2.0)})
    assert not holder.reload(bad)
    assert holder.require().version == "tiny-1"
    assert "golden" in holder.state.trouble
    assert holder.state.refusals == 1


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "golden.jsonl", "package.json"])
@pytest.mark.parametrize("damage", ["missing", "truncated", "flipped", "linked"])
def test_a_damaged_file_never_replaces_a_good_model(
    make_package: MakePackage, name: str, damage: str
) -> None:
    holder = ModelHolder(make_package())
    holder.reload()
    bad = make_package("bad", version="2")
    file: Path = bad / name
    data = file.read_bytes()
    if damage == "missing":
        file.unlink()
    elif damage == "truncated":
        file.write_bytes(data[: len(data) // 2])
    elif damage == "flipped":
        file.write_bytes(bytes([data[0] ^ 0x40]) + data[1:])
    else:
        file.rename(bad / "elsewhere")
        file.symlink_to("elsewhere")
    assert not holder.reload(bad)
    assert holder.require().version == "tiny-1"
    assert holder.state.trouble


def test_polling_follows_a_link_that_moves(make_package: MakePackage, tmp_path: Path) -> None:
    first, second = make_package("v1", version="1"), make_package("v2", version="2")
    link = tmp_path / "pointer"
    link.symlink_to(first)
    holder = ModelHolder(link)
    assert holder.poll()
    assert not holder.poll()
    link.unlink()
    link.symlink_to(second)
    assert holder.poll()
    assert holder.require().version == "tiny-2"


def test_a_refused_package_is_not_tried_again_until_it_changes(
    make_package: MakePackage, tmp_path: Path
) -> None:
    tried: list[Path] = []

    def refuse(path: Path) -> NoReturn:
        tried.append(path)
        raise ModelPackageError("no good")

    package = make_package()
    holder = ModelHolder(package, refuse)
    assert [holder.poll(), holder.poll(), holder.poll()] == [False, False, False]
    assert len(tried) == 1
    (package / "package.json").write_text("{}")
    holder.poll()
    assert len(tried) == 2


def test_an_engine_taken_before_a_swap_keeps_working(make_package: MakePackage) -> None:
    holder = ModelHolder(make_package())
    holder.reload()
    old = holder.require()
    holder.reload(make_package("next", version="2"))
    assert holder.require().version == "tiny-2"
    assert old.predict(["good"])[0].argmax() == 2
