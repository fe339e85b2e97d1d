from __future__ import annotations

import pytest

from trendvane.domain.errors import ConfigurationError
from trendvane.warehouse import engine


@pytest.mark.parametrize("url", ["", "not a url", "sqlite:///x.db", "mysql://a@b/c"])
def test_what_is_not_postgresql_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        engine.open(url)
    assert "postgresql://" in caught.value.remedy


def test_integers_as_the_text_of_an_array() -> None:
    assert engine.int8s([]) == "{}"
    assert engine.int8s([1, -2, 3]) == "{1,-2,3}"
