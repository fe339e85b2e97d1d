"""The composition root: builds every system from settings and hands steps what they ask for by name."""

from trendvane.bootstrap.logs import configure_logging
from trendvane.bootstrap.reports import print_report
from trendvane.bootstrap.systems import Systems, utc_now

__all__ = ["Systems", "configure_logging", "print_report", "utc_now"]
