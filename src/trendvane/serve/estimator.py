"""The estimator behind the page: the shares of ``insight`` with the error rates of the model in use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trendvane.domain.errors import ConfigurationError
from trendvane.insight import shares

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from trendvane.domain.sentiment import Shares
    from trendvane.model.engine import Engine
    from trendvane.model.holder import ModelHolder
    from trendvane.warehouse.reading import Counts


class ModelEstimator:
    """Asks the holder at every estimate, so that a new champion brings its own error rates.

    Counts that an earlier model made are read with the error rates of the one in use, until their tweets have
    been read again; the topic view lists every model that contributed, and ``method`` says so.

    Args:
        holder: The model in use; may be empty, and then there are counts but no shares.
        level: Coverage the intervals aim at.
    """

    def __init__(self, holder: ModelHolder, level: float) -> None:
        self._holder = holder
        self._level = level
        self._prior: tuple[Hashable, shares.SharePrior | ConfigurationError] | None = None

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
        prior = self._prior_of(engine)
        if isinstance(prior, ConfigurationError):
            return f"Nothing is estimated: {prior}"
        return (
            f"{self._level:.0%} intervals. Shares are corrected for the errors the model made on "
            f"{prior.topics} topics judged by people. An interval holds both chance and the bias of its own "
            "that each topic has, which more tweets do not cure; labels of a topic's tweets do. Counts of an "
            "earlier model, where the topic lists one, are corrected as if they were this one's."
        )

    def __call__(self, counts: Counts) -> Shares | None:
        """Shares of the voices counted; None without a model, or when its error rates cannot be read."""
        engine = self._holder.current
        prior = None if engine is None else self._prior_of(engine)
        if prior is None or isinstance(prior, ConfigurationError):
            return None
        seen = shares.Counts(
            (counts.negative, counts.neutral, counts.positive),
            (counts.p_negative, counts.p_neutral, counts.p_positive),
        )
        return shares.estimate(seen, prior, _labelled(counts), self._level)

    def _prior_of(self, engine: Engine) -> shares.SharePrior | ConfigurationError:
        """Read from the manifest once per package; two threads reading it at once do no harm."""
        identity, known = _identity(engine), self._prior
        if known is None or known[0] != identity:
            known = self._prior = (identity, _read(engine))
        return known[1]


def _labelled(counts: Counts) -> shares.Labelled | None:
    """Labels that chance asked for. More labels than voices cannot be, and would teach nothing."""
    if not 0 < counts.labelled <= counts.voices:
        return None
    return shares.Labelled(
        (counts.true_negative, counts.true_neutral, counts.true_positive),
        (counts.called_negative, counts.called_neutral, counts.called_positive),
        (counts.q_negative, counts.q_neutral, counts.q_positive),
    )


def _read(engine: Engine) -> shares.SharePrior | ConfigurationError:
    try:
        return shares.SharePrior.from_dict(engine.package.share_prior)
    except ConfigurationError as error:  # counts are still worth showing; the method says what is missing
        return error


def _identity(engine: Engine) -> Hashable:
    return (engine.package.identity, *sorted(engine.package.sha256.items()))
