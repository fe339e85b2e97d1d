"""The labeller: several votes on each text, many texts at a time."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trendvane.domain.errors import ConfigurationError, LabellerUnavailableError, TrendvaneError
from trendvane.llm import prompt
from trendvane.llm.asking import asking
from trendvane.llm.endpoint import Endpoint
from trendvane.llm.pace import Pacer
from trendvane.llm.spending import Estimate, Purse, Tally, estimate_request
from trendvane.llm.voting import decide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    import httpx2

    from trendvane.llm.answers import Vote
    from trendvane.llm.config import LlmConfig
    from trendvane.llm.spending import Books
    from trendvane.llm.voting import Verdict

_FAILURES_IN_A_ROW = 5  # texts without an answer, after which the endpoint and not the text is at fault


@dataclass(frozen=True, slots=True)
class Labelled:
    """What became of some texts.

    Attributes:
        verdicts: One for each text; None where no verdict was reached, so that the text is asked about again.
        tally: What was used.
        stopped_by: Why the labeller will not go on now, if so; verdicts reached before are there.
    """

    verdicts: tuple[Verdict | None, ...]
    tally: Tally
    stopped_by: TrendvaneError | None


class Labeller:
    """Labels texts by one model under one version of the question. Made by :func:`open_labeller`."""

    def __init__(self, config: LlmConfig, endpoint: Endpoint, purse: Purse) -> None:
        self._config = config
        self._endpoint = endpoint
        self._asking = asking(config)
        self._purse = purse
        self._pool = ThreadPoolExecutor(config.concurrency, thread_name_prefix="label")
        self.name = f"llm:{config.model}"
        self.prompt_version = prompt.version(config)

    def close(self) -> None:
        """End the workers; requests in flight are waited for."""
        self._pool.shutdown(cancel_futures=True)

    def label(self, texts: Sequence[str]) -> Labelled:
        """Ask about each text until its verdict is certain.

        Never raises for what the endpoint does: what was reached and paid for is returned with the reason
        why there is no more.
        """
        batch = _Batch(self._config, self._endpoint)
        verdicts = tuple(self._pool.map(batch.judge, texts))
        return Labelled(verdicts, batch.tally, batch.stopped_by)

    def estimate(self, texts: Sequence[str]) -> Estimate:
        """What labelling would cost if every vote were cast; nothing is sent."""
        total = Estimate()
        votes = self._config.votes
        for text in texts:
            sent, received = estimate_request(self._asking.contents(text))
            dollars = self._purse.price(sent, received) * votes / 1e6
            total += Estimate(1, votes, sent * votes, received * votes, dollars)
        return total

    def left(self) -> float:
        """Dollars that may still be spent this month."""
        return self._purse.left()


class _Batch:
    """Workers on one batch, and what they tell each other."""

    def __init__(self, config: LlmConfig, endpoint: Endpoint) -> None:
        self._config = config
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._failures = 0
        self.tally = Tally()
        self.stopped_by: TrendvaneError | None = None

    def judge(self, text: str) -> Verdict | None:
        """The verdict on one text; None when it could not be reached, or the batch was stopped."""
        votes: list[Vote] = []
        while (verdict := decide(votes, self._config.votes, self._config.min_share)) is None:
            if self.stopped_by is not None:
                return None
            try:
                votes.append(self._endpoint.ask(text, self.tally))
            except TrendvaneError as error:
                self._failed(error)
                return None
            self._failures = 0
        return verdict

    def _failed(self, error: TrendvaneError) -> None:
        with self._lock:
            self._failures += 1
            patient = isinstance(error, LabellerUnavailableError) and self._failures < _FAILURES_IN_A_ROW
            if not patient and self.stopped_by is None:
                self.stopped_by = error


@contextmanager
def open_labeller(
    config: LlmConfig,
    books: Books,
    *,
    now: Callable[[], datetime],
    sleep: Callable[[float], None] = time.sleep,
    http_client: httpx2.Client | None = None,
) -> Iterator[Labeller]:
    """A labeller for the ``with`` block; opening it sends nothing.

    Args:
        config: Endpoint, prices, votes.
        books: Where spending is written down, shared by every process that labels.
        now: Wall clock, UTC.
        sleep: Waits between requests.
        http_client: Replaces the network in tests.

    Raises:
        ConfigurationError: The key holds characters that no header can.
    """
    if not (config.api_key.isascii() and config.api_key.isprintable()):
        raise ConfigurationError(
            "The API key holds characters that no key has.", remedy="Check TRENDVANE_LABEL__API_KEY."
        )
    purse = Purse(books, config, now=now)
    pacer = Pacer(config.per_minute, clock=time.monotonic, sleep=sleep)
    endpoint = Endpoint(config, purse, pacer, now=now, rng=random.random, http_client=http_client)
    labeller = Labeller(config, endpoint, purse)
    try:
        yield labeller
    finally:
        labeller.close()
        endpoint.close()
