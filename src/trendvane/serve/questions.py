"""Parameters that several read-only endpoints share, and how bad ones are refused."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import HTTPException, Path, Query

from trendvane.serve.snapshot_series import WINDOWS, Window

_TOPIC_ID = re.compile(r"[0-9a-f]{16}")
MAX_COMPARED = 4

WindowName = Annotated[str, Query(description=f"How far back to look: {', '.join(WINDOWS)}.", max_length=8)]
TopicId = Annotated[str, Path(description="Sixteen hex digits.", max_length=64)]


def checked_window(name: str) -> Window:
    """The window called ``name``, or a 422."""
    window = WINDOWS.get(name)
    if window is None:
        raise HTTPException(422, f"The window must be one of {', '.join(WINDOWS)}.")
    return window


def checked_topic_id(topic_id: str) -> str:
    """A well-formed topic id, or a 422."""
    if not _TOPIC_ID.fullmatch(topic_id):
        raise HTTPException(422, "A topic id is sixteen hex digits.")
    return topic_id


def checked_topic_ids(ids: str) -> list[str]:
    """Two to four different topic ids out of a comma-separated list, or a 422."""
    found = list(dict.fromkeys(checked_topic_id(part.strip()) for part in ids.split(",")))
    if not 2 <= len(found) <= MAX_COMPARED:  # noqa: PLR2004 - one topic has its own view
        raise HTTPException(422, f"Give two to {MAX_COMPARED} different topic ids, separated by commas.")
    return found
