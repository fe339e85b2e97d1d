from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from trendvane.domain.errors import ConfigurationError
from trendvane.flow import FLOW, Schedule
from trendvane.settings import Settings, child_environment

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    monkeypatch.chdir(tmp_path)  # no .env of the developer's
    return monkeypatch


def test_lists_are_written_with_semicolons(env: pytest.MonkeyPatch) -> None:
    env.setenv("TRENDVANE_COLLECT__TOPICS", "#one; from:two;three, four")
    assert Settings.load().collect.topics == ("#one", "from:two", "three, four")


def test_a_wrong_value_names_its_variable(env: pytest.MonkeyPatch) -> None:
    env.setenv("TRENDVANE_SERVE__PORT", "99999")
    with pytest.raises(ConfigurationError, match="TRENDVANE_SERVE__PORT"):
        Settings.load()


def test_an_unknown_key_of_a_section_is_refused(env: pytest.MonkeyPatch) -> None:
    env.setenv("TRENDVANE_SERVE__PROT", "80")
    with pytest.raises(ConfigurationError, match="PROT"):
        Settings.load()


def test_secrets_do_not_show() -> None:
    settings = Settings(hash_key=SecretStr("CANARY"))
    assert "CANARY" not in repr(settings)
    assert "CANARY" not in settings.model_dump_json()


def test_every_step_has_an_interval() -> None:
    assert set(Settings().intervals()) == {step.name for step in FLOW if step.schedule is not Schedule.LEARN}


def test_children_inherit_and_override() -> None:
    child = child_environment({"X__SOURCE": "emulator"})
    assert child["TRENDVANE_X__SOURCE"] == "emulator"
    assert "PATH" in child
