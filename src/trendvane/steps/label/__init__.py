"""Label: ask a large language model about the samples, as long as it agrees with people.

Tweets that people labelled come first, so that a labeller that cannot be believed is found out before it has
cost much. Labels are written in small batches, abstentions too: whoever starts again after a kill asks nobody
twice beyond the batch that was in flight.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trendvane.domain.errors import DisagreementError
from trendvane.insight.agreement import Agreement, agreement
from trendvane.steps.label.config import LabelConfig, LabelReport
from trendvane.steps.label.picking import asker, compared, gold, pages, plan
from trendvane.warehouse import labels
from trendvane.warehouse.labels import LabelRow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from trendvane.llm.labeller import Labeller
    from trendvane.warehouse.engine import Warehouse
    from trendvane.warehouse.labelling import Candidate

__all__ = ["LabelConfig", "LabelReport", "label", "plan"]


def _quiet(_: LabelReport) -> None:
    """Tell nobody."""


def label(
    warehouse: Warehouse,
    labeller: Labeller,
    config: LabelConfig,
    *,
    now: Callable[[], datetime],
    progress: Callable[[LabelReport], None] = _quiet,
) -> LabelReport:
    """Label unlabelled tweets of the samples until none is left, or ``config.limit`` were asked about.

    Args:
        warehouse: Where tweets and labels are.
        labeller: The model.
        config: How much, and how well it must agree with people.
        now: Wall clock, UTC.
        progress: Hears the report so far after each batch.

    Raises:
        DisagreementError: The labeller agrees too little with people; what it said is kept.
        BudgetExhaustedError: The next request might pass the month's cap.
        LabellerRefusedError: The endpoint refuses key, model or request.
        LabellerUnavailableError, RateLimitedError: It does not answer now; running again goes on.
        StorageUnavailableError: The warehouse did not answer.
    """
    run = _Run(warehouse, labeller, config, now, progress)
    who = asker(labeller, config)
    run.work(gold(warehouse, who, config))
    found = agreement(compared(warehouse, who).confusion)
    _check(found, labeller.name, config)
    kappa = found.kappa
    bounds = (kappa.value, kappa.low, kappa.high) if kappa else ()
    run.report = replace(run.report, gold=found.n, kappa=tuple(round(bound, 4) for bound in bounds))
    if run.left > 0:
        for page in pages(warehouse, who, config.limit):
            run.work(page)
            if run.left <= 0:
                break
    return replace(run.report, limited=run.left <= 0)


def _check(found: Agreement, name: str, config: LabelConfig) -> None:
    if found.kappa is None or found.n < config.min_gold or found.kappa.value >= config.min_kappa:
        return
    k = found.kappa
    raise DisagreementError(
        f"{name} agrees too little with people: Cohen's kappa {k.value:.2f} ({k.low:.2f} to {k.high:.2f}) on"
        f" {found.n} tweets labelled by both, below {config.min_kappa:.2f}. Nothing more was sent.",
        remedy="See `trendvane label agreement`; take another model, or check the labels of people.",
    )


class _Run:
    """One run: asks in batches, writes each at once."""

    def __init__(
        self,
        warehouse: Warehouse,
        labeller: Labeller,
        config: LabelConfig,
        now: Callable[[], datetime],
        progress: Callable[[LabelReport], None],
    ) -> None:
        self._warehouse = warehouse
        self._labeller = labeller
        self._config = config
        self._now = now
        self._progress = progress
        self.report = LabelReport()

    @property
    def left(self) -> int:
        """Tweets that may still be asked about."""
        return self._config.limit - self.report.asked

    def work(self, candidates: Sequence[Candidate]) -> None:
        """Ask about candidates in their order, as many as may be asked about."""
        size = self._config.batch
        for start in range(0, len(candidates), size):
            if self.left <= 0:
                return
            self._batch(candidates[start : start + size])

    def _batch(self, candidates: Sequence[Candidate]) -> None:
        name, version = self._labeller.name, self._labeller.prompt_version
        fresh = [c for c in candidates if not c.known][: self.left]
        result = self._labeller.label([c.text for c in fresh])
        rows = [
            LabelRow(c.tweet_id, name, version, v.label, v.votes, "llm", v.share, c.at_random)
            for c, v in zip(fresh, result.verdicts, strict=True)
            if v is not None
        ]
        known = [c.tweet_id for c in candidates if c.known]
        with self._warehouse.begin() as connection:
            labels.write(connection, rows, now=self._now())
        with self._warehouse.begin() as connection:
            noted = labels.chosen_by_chance(connection, known, labeller=name, prompt_version=version)
        self.report = self.report.after(result.verdicts, result.tally)
        self.report = replace(self.report, noted=self.report.noted + noted)
        self._progress(self.report)
        if result.stopped_by is not None:
            raise result.stopped_by
