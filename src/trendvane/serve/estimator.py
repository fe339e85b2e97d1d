"""The estimator behind the page: the shares of ``insight`` with the error rates of the model in use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trendvane.insight import shares

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from trendvane.domain.sentiment import Shares
    from trendvane.model.engine import Engine
    from trendvane.model.holder import ModelHolder
    from trendvane.warehouse.reading import Counts


class ModelEstimator:
    """Asks the holder at every estimate, so that a new champion brings its own error rates.

    Counts that an earlier model made are read with the error rates of the one in use; the topic view lists
    every model that contributed.

    Args:
        holder: The model in use; may be empty, and then there are counts but no shares.
        level: Coverage the intervals aim at.
    """

    def __init__(self, holder: ModelHolder, level: float) -> None:
        self._holder = holder
        self._level = level
        self._prior: tuple[Hashable, shares.SharePrior] | None = None

    @property
    def key(self) -> Hashable:
        """The manifest's own hashes: two packages of one name are still two."""
        engine = self._holder.current
        return None if engine is None else _identity(engine)

    @property
    def languages(self) -> Sequence[str]:
        """Languages the model in use was trained on."""
        engine = self._holder.current
        return () if engine is None else engine.package.languages

    @property
    def method(self) -> str:
        """How intervals are made, in plain words."""
        engine = self._holder.current
        if engine is None:
            return "No model is loaded, so nothing is estimated."
        topics = self._prior_of(engine).topics
        return (
            f"{self._level:.0%} intervals. Shares are corrected for the errors that the model made on "
            f"{topics} topics judged by people; the interval holds both chance and the bias of its own that "
            "each topic has, which more tweets do not cure."
        )

    def __call__(self, counts: Counts) -> Shares | None:
        """Shares of the voices counted; None while no model is loaded."""
        engine = self._holder.current
        if engine is None:
            return None
        seen = shares.Counts(
            (counts.negative, counts.neutral, counts.positive),
            (counts.p_negative, counts.p_neutral, counts.p_positive),
        )
        return shares.estimate(seen, self._prior_of(engine), level=self._level)

    def _prior_of(self, engine: Engine) -> shares.SharePrior:
        """Read from the manifest once per package; reading it twice at once does no harm."""
        identity, known = _identity(engine), self._prior
        if known is None or known[0] != identity:
            known = self._prior = (identity, shares.SharePrior.from_dict(engine.package.share_prior))
        return known[1]


def _identity(engine: Engine) -> Hashable:
    return (engine.package.identity, *sorted(engine.package.sha256.items()))
