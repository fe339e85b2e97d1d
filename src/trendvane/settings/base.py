"""What every group of settings shares."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator
from pydantic_settings import NoDecode


def _split(value: Any) -> Any:
    return (
        tuple(part.strip() for part in value.split(";") if part.strip()) if isinstance(value, str) else value
    )


# Topics hold commas and quotes, so lists are written with semicolons rather than as JSON.
Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Paths = Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_split)]


class Section(BaseModel):
    """A group of settings; unknown keys are refused so that a typing slip is seen."""

    model_config = {"extra": "forbid", "frozen": True}
