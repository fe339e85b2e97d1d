"""The command line.

Exit codes: 0 done · 1 failed for good, the message says what to change · 2 wrong usage · 3 the audit does not
balance · 4 the doctor found something missing · 75 failed for now, trying again can help (EX_TEMPFAIL).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from trendvane.cli.app import build
from trendvane.domain.errors import RetryableError, TrendvaneError

FAILED = 1
UNBALANCED = 3
UNWELL = 4
TRY_AGAIN = 75


def main() -> None:
    """Run the command line; turn expected errors into one readable line and an exit code."""
    sys.exit(run(build()))


def run(app: Callable[[], Any]) -> int:
    """Call ``app`` and return the exit code."""
    from rich.console import Console
    from rich.markup import escape

    try:
        app()
    except TrendvaneError as error:
        console = Console(stderr=True, soft_wrap=True)
        console.print(f"[bold red]Error:[/] {escape(error.message)}")
        if error.remedy:
            console.print(f"[bold]Remedy:[/] {escape(error.remedy)}")
        return TRY_AGAIN if isinstance(error, RetryableError) else FAILED
    except KeyboardInterrupt:
        return 130
    return 0
