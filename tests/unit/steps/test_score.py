from __future__ import annotations

import pytest

from trendvane.steps.score import reads


@pytest.mark.parametrize(
    ("lang", "expected"),
    [("en", True), ("en-GB", True), ("und", True), ("fr", False), ("eng", False), ("", False)],
)
def test_a_model_reads_its_languages_their_variants_and_what_has_none(lang: str, expected: bool) -> None:  # noqa: FBT001
    assert reads(frozenset({"en"}), lang) is expected
