"""One tick of the collector: first the trends, then each topic that is due."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from trendvane.domain import snowflake
from trendvane.domain.cursor import Cursor, floor
from trendvane.domain.errors import (
    BudgetExhaustedError,
    ConfigurationError,
    CursorTooOldError,
    RateLimitedError,
    SourceUnavailableError,
    TrendvaneError,
)
from trendvane.domain.page import RawPage
from trendvane.domain.topic import Topic, TopicKind
from trendvane.steps.collect.config import CollectReport
from trendvane.warehouse import cursors, topics
from trendvane.x import parse, query
from trendvane.x.errors import MalformedRequestError
from trendvane.x.paid import LEAST
from trendvane.x.window import Ending, Plan, read_window

if TYPE_CHECKING:
    from collections.abc import Callable

    from trendvane.lake.spool import Spool
    from trendvane.steps.collect.config import CollectConfig, CollectMemory
    from trendvane.warehouse.engine import Warehouse
    from trendvane.x.client import Window
    from trendvane.x.paid import PaidX
    from trendvane.x.wire import Reply

log = structlog.get_logger(__name__)

_ID = re.compile(rb'"id"\s*:\s*"(\d{1,19})"')
_EMPTY = re.compile(rb'\{\s*"meta"\s*:\s*\{\s*"result_count"\s*:\s*"?0"?\s*\}\s*\}\s*')
_BREAKER = 3  # X down for three topics in a row is down for all
_MAX_PAUSE = 60.0


class Tick:
    """The state of one look. See ``collect`` for the arguments."""

    def __init__(
        self,
        paid: PaidX,
        spool: Spool,
        warehouse: Warehouse,
        config: CollectConfig,
        now: Callable[[], datetime],
        memory: CollectMemory,
    ) -> None:
        self.paid, self.spool, self.warehouse = paid, spool, warehouse
        self.config, self.now, self.memory = config, now, memory
        self.count: Counter[str] = Counter()
        self.done: list[str] = []
        self.skipped: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()

    def report(self) -> CollectReport:
        """What was done so far."""
        return CollectReport(
            tuple(self.done),
            **self.count,
            reserved_micros=self.paid.reserved,
            settled_micros=self.paid.settled,
            skipped=dict(self.skipped),
            errors=dict(self.errors),
        )

    def refresh_trends(self) -> None:
        """Enter the listed topics, and replace the list of trends when it is due."""
        config, memory, now = self.config, self.memory, self.now()
        with self.warehouse.begin() as connection:
            topics.list_topics(connection, config.topics, source=config.source, now=now)
            seen = topics.trends_seen_at(connection, source=config.source)
        asked_lately = memory.trends_not_before is not None and now < memory.trends_not_before
        if not config.trends or asked_lately or (seen is not None and now - seen < config.trends_every):
            return
        try:
            names = self.paid.trends(config.woeid)
        except RateLimitedError as error:
            memory.trends_not_before = datetime.fromtimestamp(error.retry_at, now.tzinfo)
            self._failed(error, "trends")
        except (SourceUnavailableError, MalformedRequestError) as error:
            self._failed(error, "trends")
        except BudgetExhaustedError as error:
            log.warning("budget_exhausted", item="trends", detail=str(error))
            self.skipped["trends_budget"] += 1
        else:
            # An empty list, or a crash before the next line, must not turn into a request each tick.
            memory.trends_not_before = now + config.trends_every
            found = [Topic(name, TopicKind.TRENDING) for name in names]
            if found:
                with self.warehouse.begin() as connection:
                    topics.set_trends(connection, found, source=config.source, now=now)
            self.count["trends"] = len(found)

    def read_topics(self) -> None:
        """Read every topic that is due; what goes wrong with one leaves the others alone."""
        config, now = self.config, self.now()
        with self.warehouse.begin() as connection:
            due = topics.due(
                connection,
                source=config.source,
                listed={t.topic_id for t in config.topics},
                trends=config.trends,
                before=now - config.poll_every,
            )
        due.sort(
            key=lambda w: w.topic.topic_id in self.memory.sick
        )  # stable: the healthy first, oldest first
        for index, watched in enumerate(due):
            reason = self._why_not() or self._poll(watched.topic)
            if reason:
                self.skipped[reason] += len(due) - index
                log.warning("topics_skipped", reason=reason, topics=len(due) - index)
                return

    def _why_not(self) -> str:
        if self.spool.room() == "full":
            return "spool_full"
        wait = self.memory.search_not_before
        return "not_before" if wait is not None and self.now() < wait else ""

    def _poll(self, topic: Topic) -> str:
        """Read one topic. Returns why no other topic can be read now, or nothing."""
        self.memory.sick.add(topic.topic_id)
        try:
            self._read(topic)
        except RateLimitedError as error:
            self.memory.search_not_before = datetime.fromtimestamp(error.retry_at, self.now().tzinfo)
            self._failed(error, topic.topic_id)
            return "rate_limited"
        except BudgetExhaustedError as error:
            log.warning("budget_exhausted", item="posts", detail=str(error))
            return "budget"
        except CursorTooOldError as error:
            self._failed(error, topic.topic_id)
            self._start_over(topic)
        except SourceUnavailableError as error:
            self._failed(error, topic.topic_id)
            return self._breaker()
        except (MalformedRequestError, ConfigurationError) as error:
            self._failed(error, topic.topic_id)
        else:
            self.memory.failures = 0
            self.memory.sick.discard(topic.topic_id)
            self.done.append(topic.topic_id)
            with self.warehouse.begin() as connection:
                topics.polled(connection, topic.topic_id, now=self.now())
        return ""

    def _read(self, topic: Topic) -> None:
        """Finish the window of an earlier look, if there is one, then read the newest."""
        text = query.build(topic, languages=self.config.languages, retweets=self.config.retweets)
        pages = self.config.pages_per_tick
        while pages > 0:
            now = self.now()
            cursor, start = self._begin(topic, now)
            lowest = cursor.since_id if start else cursor.overlapping(self.config.overlap, now)
            outcome = read_window(
                lambda bounds, token: self._page(topic, text, bounds, token),
                lambda cursor: self._store(topic, cursor),
                cursor,
                Plan(lowest or 1, start, now, pages),
            )
            if outcome.ending is Ending.UNREADABLE:
                raise SourceUnavailableError("X answered with something that is no whole page of tweets.")
            if outcome.ending is not Ending.COMPLETE or not cursor.open:
                break
            pages -= outcome.pages

    def _begin(self, topic: Topic, now: datetime) -> tuple[Cursor, datetime | None]:
        """Where to read from; the start of the first look, or of one after a cursor that X refused."""
        with self.warehouse.begin() as connection:
            cursor = cursors.load(connection, topic.topic_id)
            if cursor.since_id is None:
                start = (now - min(self.config.lookback, self.config.max_age)).replace(microsecond=0)
                return Cursor(floor(start) - 1), start
            oldest = now - self.config.max_age
            if cursor.since_id < floor(oldest):
                since = snowflake.to_datetime(cursor.since_id)
                cursors.record_gap(connection, topic.topic_id, since, oldest, "cursor_too_old")
                cursor = cursor.raised(floor(oldest) - 1)
                cursors.save(connection, topic.topic_id, cursor, now=now)
                self.count["gaps"] += 1
        return cursor, None

    def _page(self, topic: Topic, text: str, bounds: Window, token: str | None) -> parse.Page:
        # While answers get lost, each costs its worst case; then the smallest page is asked for.
        most = LEAST if self.memory.failures else self.config.max_results
        page = self.paid.search(text, bounds, token, most=most, keep=lambda r: self._keep(topic, text, r))
        self.count["tweets"] += len(page.tweets)
        self.count["bad_rows"] += len(page.bad)
        for problem in page.errors:
            log.info("partial_error", topic_id=topic.topic_id, kind=problem.kind)
        if page.tweets and all(tweet.author_id is None for tweet in page.tweets):
            log.warning("fields_missing", topic_id=topic.topic_id, field="author_id")
        return page

    def _keep(self, topic: Topic, text: str, reply: Reply) -> None:
        """Save a page, unless every id in it was saved for this topic by this process before."""
        ids = _ID.findall(reply.body)
        repeated = self.memory.saved.knows(topic.topic_id, ids) if ids else _EMPTY.fullmatch(reply.body)
        if repeated:
            self.count["repeated"] += 1
            return
        at = int(reply.received_at.timestamp() * 1000)
        digest = hashlib.sha256(topic.topic_id.encode() + reply.body).hexdigest()
        page_id = f"{at:013d}-{digest[:16]}"
        self.spool.save(
            RawPage(
                page_id=page_id,
                topic=topic.name,
                topic_kind=topic.kind.value,
                source=self.config.source,
                endpoint="search",
                query=text,
                fetched_at=reply.received_at,
                status=reply.status,
                content_type=reply.content_type,
                body=reply.body,
            )
        )
        self.memory.saved.add(topic.topic_id, ids)
        self.count["pages"] += 1
        log.debug("page_saved", topic_id=topic.topic_id, page_id=page_id, ids=len(ids))

    def _store(self, topic: Topic, cursor: Cursor) -> None:
        with self.warehouse.begin() as connection:
            cursors.save(connection, topic.topic_id, cursor, now=self.now())

    def _start_over(self, topic: Topic) -> None:
        """X refused the cursor: drop it, and say what will not be read."""
        now = self.now()
        with self.warehouse.begin() as connection:
            since = cursors.load(connection, topic.topic_id).since_id
            start = snowflake.to_datetime(since) if since else now - self.config.max_age
            cursors.record_gap(
                connection, topic.topic_id, start, now - self.config.lookback, "cursor_refused"
            )
            cursors.save(connection, topic.topic_id, Cursor(), now=now)
        self.count["gaps"] += 1

    def _breaker(self) -> str:
        """X did not answer; after some topics in a row, leave it alone for a while."""
        self.memory.failures += 1
        if self.memory.failures < _BREAKER:
            return ""
        pause = min(2.0 ** (self.memory.failures - _BREAKER), _MAX_PAUSE)
        self.memory.search_not_before = self.now() + timedelta(seconds=pause)
        return "source_down"

    def _failed(self, error: TrendvaneError, what: str) -> None:
        self.errors[type(error).__name__] += 1
        log.warning("source_failed", what=what, error_class=type(error).__name__, detail=str(error))
