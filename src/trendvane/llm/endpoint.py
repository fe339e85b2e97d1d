"""One question to the endpoint: paid for, paced, sent again when that may help.

The official client sends each request exactly once (``max_retries=0``): sending again is done here alone,
where every attempt is put on the books and counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trendvane.domain.errors import LabellerRefusedError, LabellerUnavailableError, RateLimitedError
from trendvane.llm import failures
from trendvane.llm.answers import Reply, Vote
from trendvane.llm.asking import asking
from trendvane.llm.failures import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import httpx2

    from trendvane.llm.config import LlmConfig
    from trendvane.llm.pace import Pacer
    from trendvane.llm.spending import Purse, Tally

_FIRST_PAUSE = 1.0
_MAX_PAUSE = 30.0
_PATIENCE = 120.0  # seconds; a server that asks for more ends the run, which goes on later


class Endpoint:
    """Asks one endpoint; safe to share between threads.

    Args:
        config: Where, and how often.
        purse: Pays.
        pacer: Gives requests their moments.
        now: Wall clock, UTC.
        rng: In [0, 1); spreads the moments at which workers try again.
        http_client: Replaces the network in tests.
    """

    def __init__(
        self,
        config: LlmConfig,
        purse: Purse,
        pacer: Pacer,
        *,
        now: Callable[[], datetime],
        rng: Callable[[], float],
        http_client: httpx2.Client | None = None,
    ) -> None:
        import openai  # noqa: PLC0415  takes a second

        self._config = config
        self._asking = asking(config)
        self._purse = purse
        self._pacer = pacer
        self._now = now
        self._rng = rng
        self._client = openai.OpenAI(
            base_url=config.base_url,
            api_key=config.api_key or "none",  # local servers ask for none, the client insists on one
            max_retries=0,
            timeout=config.timeout,
            http_client=http_client,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ask(self, text: str, tally: Tally) -> Vote:
        """One vote about ``text``.

        Raises:
            BudgetExhaustedError: It might pass the cap.
            LabellerRefusedError: The endpoint will never answer this way.
            RateLimitedError: It asks for more patience than a run has.
            LabellerUnavailableError: It gave no answer, several times.
        """
        trouble = Trouble("none", billed=False)
        for attempt in range(self._config.attempts):
            self._pacer.wait()
            result = self._once(text, tally)
            if isinstance(result, Vote):
                return result
            trouble = result
            tally.trouble(trouble.reason)
            if attempt + 1 < self._config.attempts:
                self._pause(trouble, attempt)
        raise self._given_up(trouble)

    def _once(self, text: str, tally: Tally) -> Vote | Trouble:
        """Send one request and settle what it cost, whatever becomes of it."""
        held = self._purse.reserve(self._asking.contents(text))
        try:
            result = self._send(text)
        except LabellerRefusedError:
            self._purse.release(held, tally)
            raise
        if isinstance(result, Reply):
            self._purse.settle(held, result, tally)
        elif isinstance(result, Trouble) and result.billed:
            self._purse.keep(held, tally)
        else:
            self._purse.release(held, tally)
        return result.vote if isinstance(result, Reply) else result

    def _send(self, text: str) -> Reply | Vote | Trouble:
        import openai  # noqa: PLC0415

        try:
            body = self._asking.send(self._client, text)
        except openai.APIConnectionError as error:
            return failures.lost(error)
        except openai.APIStatusError as error:
            return failures.refused(error, self._config) or Vote(None, "filtered")
        return self._asking.read(body) or Trouble("broken_answer", billed=True)

    def _pause(self, trouble: Trouble, attempt: int) -> None:
        after = trouble.retry_after
        if after is not None and after > _PATIENCE:
            raise self._given_up(trouble)
        if trouble.reason == "rate_limited":
            self._pacer.hold(after if after is not None else min(_FIRST_PAUSE * 2.0**attempt, _MAX_PAUSE))
            return
        pause = min(_FIRST_PAUSE * 2.0**attempt, _MAX_PAUSE) * (0.5 + self._rng())
        self._pacer.pause(max(pause, after or 0.0))

    def _given_up(self, trouble: Trouble) -> LabellerUnavailableError | RateLimitedError:
        where = failures.host(self._config)
        if trouble.reason == "rate_limited":
            after = trouble.retry_after or _MAX_PAUSE
            return RateLimitedError(
                f"{where} asks for patience: {after:.0f} seconds.",
                retry_at=self._now().timestamp() + after,
                remedy="Lower TRENDVANE_LABEL__REQUESTS_PER_MINUTE, or go on later.",
            )
        return LabellerUnavailableError(
            f"{where} gave no answer ({trouble.reason}), asked {self._config.attempts} times.",
            remedy="Check TRENDVANE_LABEL__BASE_URL, and that the server runs; then run it again.",
        )
