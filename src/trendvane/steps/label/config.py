"""What labelling is told, and what it says it did."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trendvane.llm.spending import Tally
    from trendvane.llm.voting import Verdict


@dataclass(frozen=True, slots=True)
class LabelConfig:
    """How samples are labelled.

    Attributes:
        limit: Tweets asked about in one run.
        batch: Tweets whose labels are written together; a kill loses no more than these.
        gold: Tweets labelled by people that the labeller is asked about first.
        min_gold: Tweets labelled by both before agreement is judged.
        min_kappa: Cohen's kappa below which labelling stops.
        allow_x_content: Whether tweets of the real X may be shown to the labeller.
    """

    limit: int = 500
    batch: int = 16
    gold: int = 200
    min_gold: int = 30
    min_kappa: float = 0.4
    allow_x_content: bool = False


@dataclass(frozen=True, slots=True)
class LabelReport:
    """What labelling did.

    Attributes:
        asked: Tweets asked about.
        labelled, abstained: Of these, what came of it.
        unanswered: Of these, those that got no verdict and will be asked about again.
        noted: Tweets asked about earlier, out of turn, whose turn came.
        gold: Tweets labelled by this labeller and by people.
        kappa: Cohen's kappa on these, low and high end of its interval; empty when it is not defined.
        requests, tokens_in, tokens_out, dollars: What was used, by the server's own count.
        reasons: Why single votes had no label.
        troubles: Requests that were sent again or given up, by reason.
        limited: Whether the limit ended the run before the work did.
    """

    asked: int = 0
    labelled: int = 0
    abstained: int = 0
    unanswered: int = 0
    noted: int = 0
    gold: int = 0
    kappa: tuple[float, ...] = ()
    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    dollars: float = 0.0
    reasons: Mapping[str, int] = field(default_factory=dict)
    troubles: Mapping[str, int] = field(default_factory=dict)
    limited: bool = False

    @property
    def changed(self) -> bool:
        """Whether anything was done."""
        return bool(self.asked or self.noted)

    @property
    def more(self) -> bool:
        """Whether the limit ended the run before the work did."""
        return self.limited

    def after(self, verdicts: Sequence[Verdict | None], tally: Tally) -> LabelReport:
        """The report with one more batch."""
        reached = [verdict for verdict in verdicts if verdict is not None]
        reasons = Counter(reason for verdict in reached for reason in verdict.reasons)
        return replace(
            self,
            asked=self.asked + len(verdicts),
            labelled=self.labelled + sum(verdict.label is not None for verdict in reached),
            abstained=self.abstained + sum(verdict.label is None for verdict in reached),
            unanswered=self.unanswered + len(verdicts) - len(reached),
            requests=self.requests + tally.requests,
            tokens_in=self.tokens_in + tally.tokens_in,
            tokens_out=self.tokens_out + tally.tokens_out,
            dollars=round(self.dollars + tally.micros / 1e6, 6),
            reasons=dict(Counter(self.reasons) + reasons),
            troubles=dict(Counter(self.troubles) + tally.troubles),
        )
