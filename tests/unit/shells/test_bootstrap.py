from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import pytest

from trendvane.bootstrap import Systems
from trendvane.domain.errors import ConfigurationError
from trendvane.flow import FLOW, Step
from trendvane.settings import Settings, XSettings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("step", FLOW, ids=lambda s: s.name)
def test_every_parameter_of_a_step_can_be_supplied(step: Step) -> None:
    for name, parameter in inspect.signature(step.function).parameters.items():
        optional = parameter.default is not inspect.Parameter.empty
        assert name in {"config", "now"} or hasattr(Systems, name) or optional, f"{step.name} wants {name}"


@pytest.mark.parametrize("step", FLOW, ids=lambda s: s.name)
def test_every_step_has_a_config_made_from_settings(step: Step, tmp_path: Path) -> None:
    with Systems(Settings(data_dir=tmp_path)) as systems:
        config = systems.config_of(step.name)
    wanted = inspect.signature(step.function).parameters["config"].annotation
    assert type(config).__name__ == wanted


def test_the_hash_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    with Systems(Settings(data_dir=tmp_path)) as first, Systems(Settings(data_dir=tmp_path)) as second:
        assert first.hash_key == second.hash_key
    assert (tmp_path / "hash.key").stat().st_mode & 0o077 == 0


def test_without_a_token_the_source_is_refused(tmp_path: Path) -> None:
    with Systems(Settings(data_dir=tmp_path)) as systems, pytest.raises(ConfigurationError, match="token"):
        _ = systems.x


def test_the_settings_choose_the_source(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, x=XSettings(source="replay", bearer_token="t"))
    with Systems(settings) as systems:
        assert systems.config_of("collect").source == "replay"
        assert systems.config_of("forget").source == "replay"
