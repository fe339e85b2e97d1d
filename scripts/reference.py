"""Write the reference pages that are derived from the code, or check that they are current.

python scripts/reference.py           writes docs/settings.md and docs/cli.md
python scripts/reference.py --check   exits 1 if one of them is stale
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel, SecretStr
from typer.cli import get_docs_for_click

from trendvane.cli.app import build
from trendvane.settings import Settings

DOCS = Path(__file__).parent.parent / "docs"


def settings_page() -> str:
    """Every setting with its variable, default and meaning."""
    lines = [
        "# Settings",
        "",
        "Given as environment variables, or in a file `.env` in the working directory.",
        "Made from `settings/` by `scripts/reference.py`.",
        "",
        "| Variable | Default | Meaning |",
        "|---|---|---|",
    ]
    lines += _rows(Settings, "TRENDVANE_")
    return "\n".join(lines) + "\n"


def _rows(model: type[BaseModel], prefix: str) -> list[str]:
    rows = []
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            rows += _rows(kind, f"{prefix}{name.upper()}__")
        else:
            rows.append(
                f"| `{prefix}{name.upper()}` | {_default(field.default)} | {field.description or ''} |"
            )
    return rows


def _default(value: Any) -> str:
    if value is None or value in ("", ()):
        return "*empty*"
    if isinstance(value, tuple):
        return f"`{';'.join(value)}`"
    return "*secret*" if isinstance(value, SecretStr) else f"`{value}`"


def cli_page() -> str:
    """Every command with its help."""
    command = typer.main.get_command(build())
    context = typer.Context(command, info_name="trendvane")
    text = get_docs_for_click(obj=command, ctx=context, name="trendvane", title="Command line")
    return text.strip() + "\n"


def main() -> int:
    """Write or check."""
    check = "--check" in sys.argv
    stale = []
    for name, text in {"settings.md": settings_page(), "cli.md": cli_page()}.items():
        path = DOCS / name
        if check and (not path.exists() or path.read_text() != text):
            stale.append(name)
        elif not check:
            path.write_text(text)
    if stale:
        sys.stderr.write(f"Stale: {', '.join(stale)}. Run: python scripts/reference.py\n")
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main())
