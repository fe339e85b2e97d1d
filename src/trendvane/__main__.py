"""``python -m trendvane``: how the supervisor starts its children."""

from trendvane.cli import main

main()
