"""Lines of the log."""

from __future__ import annotations

import contextlib
import io

import structlog

from trendvane.bootstrap import configure_logging
from trendvane.settings import Settings


def test_a_logger_outlives_the_stream_it_was_made_under() -> None:
    log = structlog.get_logger("outlives")
    first, second = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(first):
        configure_logging(Settings(log_level="info"))
        log.info("one")
    first.close()
    with contextlib.redirect_stderr(second):
        log.info("two")
    assert "two" in second.getvalue()
