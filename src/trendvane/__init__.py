"""Trendvane: which way opinion blows on trending topics, live and with error bars."""

__version__ = "0.1.0"
