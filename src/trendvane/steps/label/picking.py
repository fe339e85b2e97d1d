"""Which tweets are asked about, page by page: first those that people labelled, then both samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trendvane.warehouse import labelling
from trendvane.warehouse.labelling import Asker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trendvane.llm.labeller import Labeller
    from trendvane.llm.spending import Estimate
    from trendvane.steps.label.config import LabelConfig
    from trendvane.warehouse.engine import Warehouse
    from trendvane.warehouse.labelling import Candidate, Compared

# Each page reads the whole sample once, sorted by hash; its texts are all that is held in memory.
_PAGE = 50_000


def asker(labeller: Labeller, config: LabelConfig) -> Asker:
    """Whose labels are looked up."""
    return Asker(labeller.name, labeller.prompt_version, config.allow_x_content)


def compared(warehouse: Warehouse, who: Asker) -> Compared:
    """What this labeller said so far of tweets that people labelled."""
    with warehouse.begin() as connection:
        found = labelling.comparisons(connection, who)
    none = labelling.Compared(who.labeller, who.prompt_version, ((0,) * 3,) * 3, 0)
    return found[0] if found else none


def gold(warehouse: Warehouse, who: Asker, config: LabelConfig) -> list[Candidate]:
    """Tweets of the gold slice that are still to be asked about."""
    known = compared(warehouse, who)
    missing = config.gold - sum(map(sum, known.confusion)) - known.abstained
    with warehouse.begin() as connection:
        return labelling.gold(connection, who, limit=min(missing, config.limit)) if missing > 0 else []


def pages(warehouse: Warehouse, who: Asker, limit: int) -> Iterator[list[Candidate]]:
    """Tweets of both samples, in the order of their hash; no transaction is open between two pages."""
    after = labelling.FIRST
    while True:
        with warehouse.begin() as connection:
            page = labelling.sample(connection, who, after=after, limit=min(limit, _PAGE))
        if not page:
            return
        yield page
        after = page[-1]


def plan(warehouse: Warehouse, labeller: Labeller, config: LabelConfig) -> Estimate:
    """What a run would cost at most; nothing is sent, nothing written.

    Raises:
        StorageUnavailableError: The warehouse did not answer.
    """
    who = asker(labeller, config)
    first = gold(warehouse, who, config)
    total = labeller.estimate([candidate.text for candidate in first])
    asked = {candidate.tweet_id for candidate in first}
    for page in pages(warehouse, who, config.limit):
        fresh = [c.text for c in page if not c.known and c.tweet_id not in asked]
        total += labeller.estimate(fresh[: config.limit - total.texts])
        if total.texts >= config.limit:
            break
    return total
