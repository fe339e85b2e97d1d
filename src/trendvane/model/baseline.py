"""VADER, the word list that every model must beat before it may become the first champion.

Hutto and Gilbert (ICWSM 2014). Rules and words only, so it needs no training and has seen no test set. From
the extra ``train``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trendvane.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_CUT = 0.05  # of the compound score; the authors' own bounds of neutral


class Vader:
    """Answers like an engine. Its rows are certainties, not probabilities: it has none to offer.

    Raises:
        ConfigurationError: The library is not installed.
    """

    version = "vader"

    def __init__(self) -> None:
        try:
            from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # noqa: PLC0415 - an extra
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                "The first champion is judged against VADER, which is not installed.",
                remedy="Install the extra `train` (`make train-env`).",
            ) from error
        self._analyzer = SentimentIntensityAnalyzer()

    def predict(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One-hot rows (n x 3) in the order of ``LABELS``; of raw texts, whose capitals VADER reads."""
        rows = np.zeros((len(texts), 3), np.float32)
        for i, text in enumerate(texts):
            compound = float(self._analyzer.polarity_scores(text)["compound"])
            rows[i, 0 if compound <= -_CUT else 2 if compound >= _CUT else 1] = 1.0
        return rows
