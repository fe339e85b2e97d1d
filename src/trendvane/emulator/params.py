"""Query parameters as X reads them: strict about values, silent about unknown field names."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from trendvane.domain import snowflake
from trendvane.emulator.problems import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")
_ID = re.compile(r"[0-9]{1,19}")
FIELD_PARAMETERS = frozenset(
    {
        "tweet.fields",
        "post.fields",
        "expansions",
        "user.fields",
        "media.fields",
        "poll.fields",
        "place.fields",
    }
)


class Params:
    """The query string of one request.

    Args:
        pairs: Each name with all its values, in order.
    """

    def __init__(self, pairs: Mapping[str, Sequence[str]]) -> None:
        self._pairs = pairs

    def __contains__(self, name: str) -> bool:
        return name in self._pairs

    def only(self, allowed: frozenset[str]) -> None:
        """Refuse names that the endpoint does not know, as X does."""
        for name, values in self._pairs.items():
            if name not in allowed:
                known = ",".join(sorted(allowed))
                raise invalid(name, values[0], f"The query parameter [{name}] is not one of [{known}]")

    def text(self, name: str) -> str | None:
        """First value, or None."""
        values = self._pairs.get(name)
        return values[0] if values else None

    def csv(self, name: str) -> tuple[str, ...]:
        """Comma-separated values, over repeated names too, without repetitions."""
        parts = (part.strip() for value in self._pairs.get(name, ()) for part in value.split(","))
        return tuple(dict.fromkeys(part for part in parts if part))

    def integer(self, name: str, low: int, high: int, default: int) -> int:
        """A number in ``low..high``."""
        raw = self.text(name)
        if raw is None:
            return default
        if not re.fullmatch(r"-?[0-9]{1,9}", raw):
            raise invalid(name, raw, f"The `{name}` query parameter value [{raw}] is not a number")
        if not low <= int(raw) <= high:
            raise invalid(
                name, raw, f"The `{name}` query parameter value [{raw}] is not between {low} and {high}"
            )
        return int(raw)

    def choice(self, name: str, options: tuple[str, ...], default: str) -> str:
        """One of ``options``."""
        raw = self.text(name)
        if raw is not None and raw not in options:
            raise invalid(
                name, raw, f"The `{name}` query parameter value [{raw}] is not one of [{','.join(options)}]"
            )
        return default if raw is None else raw

    def flag(self, name: str) -> bool:
        """``true`` or ``false``; absent is false."""
        return self.choice(name, ("true", "false"), "false") == "true"

    def post_id(self, name: str) -> int | None:
        """An id that fits a snowflake."""
        raw = self.text(name)
        if raw is None:
            return None
        if not _ID.fullmatch(raw) or int(raw) > snowflake.MAX_ID:
            raise invalid(name, raw, f"The `{name}` query parameter value [{raw}] is not valid")
        return int(raw)

    def time_ms(self, name: str) -> int | None:
        """An RFC 3339 time in UTC, cut to whole seconds as X does; Unix milliseconds."""
        raw = self.text(name)
        if raw is None:
            return None
        message = f"The `{name}` query parameter value [{raw}] is not a valid RFC3339 timestamp"
        if not _TIME.fullmatch(raw):
            raise invalid(name, raw, message)
        try:
            parsed = datetime.strptime(raw[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
        except ValueError as error:
            raise invalid(name, raw, message) from error
        return int(parsed.timestamp()) * 1000

    def at_most_one(self, *names: str) -> None:
        """Refuse a request that sets two of ``names``."""
        present = [name for name in names if name in self._pairs]
        if len(present) > 1:
            value = self.text(present[1]) or ""
            raise invalid(present[1], value, f"Only one of [{','.join(names)}] may be given")
