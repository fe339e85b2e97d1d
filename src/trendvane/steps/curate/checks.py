"""Is what is left enough? If not, say so before anything is written, and what became of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import numpy as np

from trendvane.domain.errors import ConfigurationError
from trendvane.domain.sentiment import LABELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from trendvane.steps.curate.config import CurateConfig


def by_class(labels: npt.NDArray[np.int8]) -> dict[str, int]:
    """Name of each class to number of rows."""
    return dict(zip(LABELS, np.bincount(labels, minlength=len(LABELS)).tolist(), strict=True))


def enough_to_train(counts: Mapping[str, int], config: CurateConfig, dropped: Mapping[str, int]) -> None:
    """Check the rows for training and development.

    Raises:
        ConfigurationError: There are too few, or a class has none.
    """
    _check(
        "train on",
        counts,
        config.min_train_rows,
        dropped,
        "Label more tweets, or give labelled ones (`--labels FILE`, TRENDVANE_TRAINING__FILES).",
    )


def enough_to_judge(counts: Mapping[str, int], config: CurateConfig, dropped: Mapping[str, int]) -> None:
    """Check the rows of a test set.

    Raises:
        ConfigurationError: There are too few, or a class has none.
    """
    _check(
        "judge models by",
        counts,
        config.min_test_rows,
        dropped,
        "One wording in twenty judges, if people labelled it: label more tweets (`trendvane label review`),"
        " or name a file whose rows all judge (TRENDVANE_TRAINING__TEST_FILE); then"
        " `trendvane dataset test-set --renew`.",
    )


def _check(what: str, counts: Mapping[str, int], least: int, dropped: Mapping[str, int], remedy: str) -> None:
    number = sum(counts.values())
    if number < least:
        _refuse(f"Only {number} rows to {what}; {least} are needed{_but(dropped)}.", remedy)
    absent = [name for name in LABELS if not counts.get(name)]
    if absent:
        _refuse(f"No {' and no '.join(absent)} row among those to {what}{_but(dropped)}.", remedy)


def _but(dropped: Mapping[str, int]) -> str:
    most = sorted(dropped.items(), key=lambda item: -item[1])[:4]
    return f" (dropped: {', '.join(f'{n} {reason}' for reason, n in most)})" if most else ""


def _refuse(message: str, remedy: str) -> NoReturn:
    raise ConfigurationError(message, remedy=remedy)
