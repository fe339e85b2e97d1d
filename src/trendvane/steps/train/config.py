"""What the step ``train`` is told, and what it tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """What is trained.

    Attributes:
        recipes: Names, as in ``model.finetune.RECIPES``; one model each.
        base_model: Folder or hub name of the encoder, instead of the recipe's own.
        epochs: Passes; 0 for the recipe's own number.
        seed: Of everything random; 0 for the recipe's own.
        threads: CPU threads; 0 for all.
        min_rows: Training and development rows without which nothing is trained.
        max_weights: Bytes of weights that are stored with the run as well; larger ones stay in their folder.
        again: Train anew what was trained before.
    """

    recipes: tuple[str, ...] = ("modernbert", "bert")
    base_model: str = ""
    epochs: float = 0.0
    seed: int = 0
    threads: int = 0
    min_rows: int = 200
    max_weights: int = 2 * 2**30
    again: bool = False


class TrainedRun(NamedTuple):
    """A finished run and the version it made; ``new`` when this call trained it."""

    recipe: str
    run_id: str
    version: str
    identity: str
    macro_f1: float
    new: bool


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What happened.

    Attributes:
        snapshot: Id of the data.
        runs: In the order of the recipes.
    """

    snapshot: str
    runs: tuple[TrainedRun, ...]

    @property
    def changed(self) -> bool:
        """Whether anything was trained."""
        return any(run.new for run in self.runs)

    @property
    def more(self) -> bool:
        """Never: one call trains every recipe."""
        return False
