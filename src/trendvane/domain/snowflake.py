"""Tweet ids carry their time of birth: milliseconds since X's epoch, shifted left by 22 bits."""

from __future__ import annotations

from datetime import UTC, datetime

# Thursday, 4 November 2010 01:42:54.657 UTC, from Twitter's announcement of the scheme.
EPOCH_MS = 1_288_834_974_657
_SHIFT = 22
MAX_ID = 2**63 - 1


def to_ms(tweet_id: int) -> int:
    """Unix milliseconds at which ``tweet_id`` was made."""
    return (tweet_id >> _SHIFT) + EPOCH_MS


def to_datetime(tweet_id: int) -> datetime:
    """Time at which ``tweet_id`` was made, in UTC."""
    return datetime.fromtimestamp(to_ms(tweet_id) / 1000, tz=UTC)


def floor(unix_ms: int) -> int:
    """Smallest id made at ``unix_ms``; usable as ``since_id`` or ``until_id``."""
    return max(unix_ms - EPOCH_MS, 0) << _SHIFT
