"""Progress of a training, for people before a terminal."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_SHOWN = {"train_loss": "loss", "dev_macro_f1": "dev F1"}


@contextmanager
def bar(name: str) -> Iterator[Callable[[int, int, Mapping[str, float]], None]]:
    """A bar on stderr for this block; gives the function that moves it: step, steps in all, figures."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[said]}"),
        TimeRemainingColumn(),
    )
    figures: dict[str, float] = {}
    with Progress(*columns, console=Console(stderr=True)) as shown:
        task = shown.add_task(name, total=None, said="")

        def move(step: int, total: int, said: Mapping[str, float]) -> None:
            figures.update({label: said[key] for key, label in _SHOWN.items() if key in said})
            text = ", ".join(f"{label} {value:.3f}" for label, value in figures.items())
            shown.update(task, completed=step, total=total, said=text)

        yield move
