"""Score: claim pending tweets, ask the model with no transaction open, write everything in one transaction.

Any number of scorers may run, on any number of machines. Attempts are counted at the claim, so a tweet that
kills its scorer is given up after a few tries; tweets with a history of failure are claimed in ever smaller
company, so that the one at fault does not take its neighbours with it.

After a promotion the champion reads recent tweets again, behind all fresh ones and one batch a run, so that
topics are not told by two models for longer than needed. What the earlier model said stays beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import numpy as np

from trendvane.domain.errors import ModelPackageError
from trendvane.domain.sentiment import LABELS
from trendvane.warehouse import rescoring, scoring

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from trendvane.warehouse.engine import Warehouse

_SECOND_COMPANY = 8
_TOLERANCE = 1e-3


class Predictor(Protocol):
    """What scoring needs of a model: the champion, or a challenger in a shadow run."""

    @property
    def version(self) -> str:
        """Name of the model's version, stored with every row."""

    @property
    def languages(self) -> frozenset[str]:
        """Primary language tags the model reads."""

    def predict(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Calibrated probabilities, shape (n, 3), in the order of ``domain.sentiment.LABELS``."""


@dataclass(frozen=True, slots=True)
class ScoreConfig:
    """How tweets are scored.

    Attributes:
        batch: Tweets claimed at a time.
        lease: How long a claim holds; several times what a batch takes.
        max_attempts: Claims after which a tweet is given up.
        rescore: How old tweets are that a new champion reads again; nothing for no time at all.
        settle: How long ago it must have become champion, so that every scorer knows of it.
    """

    batch: int = 256
    lease: timedelta = timedelta(minutes=5)
    max_attempts: int = 3
    rescore: timedelta = timedelta(0)
    settle: timedelta = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """What scoring did; ``lost`` are claims that another scorer had taken over, or whose tweets are gone.

    ``rescored`` are tweets that the champion read after another model.
    """

    claimed: int = 0
    scored: int = 0
    lost: int = 0
    dead: int = 0
    limited: bool = False
    rescored: int = 0

    @property
    def changed(self) -> bool:
        """Whether anything was done."""
        return bool(self.claimed or self.dead or self.rescored)

    @property
    def more(self) -> bool:
        """Whether the limit ended the run before the work did."""
        return self.limited


def score(
    warehouse: Warehouse,
    predictor: Predictor,
    config: ScoreConfig,
    *,
    now: Callable[[], datetime],
    limit: int = 1_000,
) -> ScoreReport:
    """Score pending tweets until none is left, or ``limit`` were claimed.

    Raises:
        ModelPackageError: The model gave no usable probabilities; nothing was written, the claims were
            given back.
        StorageUnavailableError: The warehouse did not answer; open claims end with their lease.
    """
    claimed = scored = lost = 0
    with warehouse.begin() as connection:
        dead = scoring.bury(connection, max_attempts=config.max_attempts, now=now())
    while claimed < limit:
        claims = _claim(warehouse, config, limit - claimed)
        if not claims:
            break
        results, failed, fault = _infer(predictor, claims)
        with warehouse.begin() as connection:
            # When nothing at all came out, the model is at fault and not the tweets.
            scoring.release(connection, failed, refund=not results and len(failed) > 1)
            written = scoring.write(connection, results, version=predictor.version, now=now())
        if fault is not None and not results:
            raise fault
        claimed += len(claims)
        scored += written
        lost += len(results) - written
    if claimed >= limit or not config.rescore:
        return ScoreReport(claimed, scored, lost, dead, limited=claimed >= limit)
    rescored = _rescore(warehouse, predictor, config, now=now)
    return ScoreReport(claimed, scored, lost, dead, limited=rescored == config.batch, rescored=rescored)


def _rescore(
    warehouse: Warehouse, predictor: Predictor, config: ScoreConfig, *, now: Callable[[], datetime]
) -> int:
    """One batch of tweets that an earlier champion read. Where the model fails, the earlier row stays.

    Tweets it failed on are left claimed, so that they are tried again only when the lease has ended.
    """
    version = predictor.version
    with warehouse.begin() as connection:
        due = rescoring.turn(
            connection, version=version, window=config.rescore, settle=config.settle, now=now()
        )
        if due is None:
            return 0
        claims = rescoring.claim(connection, due, lease=config.lease, limit=config.batch)
    written = 0
    if claims:
        results, _, _ = _infer(predictor, claims)
        with warehouse.begin() as connection:
            written = rescoring.write(connection, results, version=version, now=now())
    with warehouse.begin() as connection:
        rescoring.advance(connection, due)
    return written


def _claim(warehouse: Warehouse, config: ScoreConfig, left: int) -> list[scoring.Claim]:
    """Fresh tweets first, in full batches; then those that failed once, a few at a time; then one by one."""
    companies = (
        ((0, 0), config.batch),
        ((1, 1), _SECOND_COMPANY),
        ((2, config.max_attempts - 1), 1),
    )
    for (low, high), size in companies:
        if low > config.max_attempts - 1:
            break
        with warehouse.begin() as connection:
            claims = scoring.claim(
                connection, lease=config.lease, limit=min(size, left), attempts=(low, high)
            )
        if claims:
            return claims
    return []


def _infer(
    predictor: Predictor, claims: Sequence[scoring.Claim]
) -> tuple[list[scoring.Scored], list[scoring.Claim], Exception | None]:
    """Predict; when that fails, try by halves, so that one tweet the model chokes on fails alone.

    Returns:
        Predictions, claims that failed, and the last error.
    """
    try:
        return _predict(predictor, claims), [], None
    except Exception as error:  # noqa: BLE001 - whatever a model raises, the other tweets go on
        if len(claims) == 1:
            return [], list(claims), error
        middle = len(claims) // 2
        left, left_failed, left_error = _infer(predictor, claims[:middle])
        right, right_failed, right_error = _infer(predictor, claims[middle:])
        return left + right, left_failed + right_failed, right_error or left_error or error


def _predict(predictor: Predictor, claims: Sequence[scoring.Claim]) -> list[scoring.Scored]:
    probabilities = np.asarray(predictor.predict([c.content for c in claims]), dtype=np.float64)
    if probabilities.shape != (len(claims), len(LABELS)):
        raise ModelPackageError(
            f"The model answered {len(claims)} texts with an array of shape {probabilities.shape}.",
            remedy="Roll back to the version before it.",
        )
    sums = probabilities.sum(axis=1)
    if not np.isfinite(sums).all() or (np.abs(sums - 1) > _TOLERANCE).any() or (probabilities < 0).any():
        raise ModelPackageError(
            "The model gave values that are no probabilities.", remedy="Roll back to the version before it."
        )
    labels = probabilities.argmax(axis=1)
    return [
        scoring.Scored(
            item,
            int(label),
            (float(row[0]), float(row[1]), float(row[2])),
            item.cluster_id == item.tweet_id and reads(predictor.languages, item.lang),
        )
        for item, label, row in zip(claims, labels, probabilities, strict=True)
    ]


def reads(languages: frozenset[str], lang: str) -> bool:
    """Whether such a model reads ``lang``: the language, a regional variant, or an undetermined tweet."""
    return lang == "und" or lang in languages or lang.partition("-")[0] in languages
