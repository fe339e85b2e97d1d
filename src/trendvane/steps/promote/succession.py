"""Who reigns: the book, the registry's alias and the link on the disk, kept in step."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trendvane.domain.errors import ConfigurationError
from trendvane.warehouse import promotions
from trendvane.warehouse.promotions import Action, Entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trendvane.model.champion import ChampionFolder
    from trendvane.model.registry import ModelVersion, Registry
    from trendvane.warehouse.engine import Warehouse

_TAG = "promotion"  # of a version: number of the line in the book that made it champion, once that is done


@dataclass(frozen=True, slots=True)
class Palace:
    """The three places that name the champion."""

    warehouse: Warehouse
    registry: Registry
    champion: ChampionFolder


def book(palace: Palace) -> list[Entry]:
    """Every line, oldest first."""
    with palace.warehouse.begin() as connection:
        return promotions.history(connection)


def crown(palace: Palace, entry: Entry, package: Path | None) -> Entry:
    """Write a line and, when ``package`` is given, make it the champion everywhere; see the step's docstring.

    Args:
        palace: Where.
        entry: Its ``previous_version`` is the champion this was decided under.
        package: Verified by the caller; None for a refusal.
    """
    if package is not None:
        package = palace.champion.bring(package)
    with palace.warehouse.begin() as connection:
        written = promotions.record(connection, entry, champion=entry.previous_version)
    if package is not None:
        _point_alias(palace, written)
        palace.champion.publish(package)
    return written


def settle(palace: Palace, actor: str) -> str:
    """Finish what a crash left undone, and take note of an alias that somebody moved by other means.

    Returns:
        What was done; empty when book, alias and link agreed.
    """
    reigning = promotions.reign(book(palace))
    alias = palace.registry.champion()
    done = ""
    if not reigning and alias is None:
        return ""
    if reigning and _is_behind(palace, reigning[-1], alias):
        _point_alias(palace, reigning[-1])
        done = f"The alias was moved to {reigning[-1].model_version}, as the book says."
    elif alias is not None and (not reigning or alias.identity != reigning[-1].model_version):
        done = f"{alias.identity} was made champion in the registry, and not by this command."
        before = reigning[-1].model_version if reigning else None
        _adopt(palace, alias, before, actor, done)
    return f"{done} {_settle_link(palace)}".strip()


def rollback(palace: Palace, *, to: str = "", actor: str, reason: str) -> Entry:
    """Bring back the champion before this one, or the version ``to``: one line, the alias, the link.

    Its golden rows are asked before anything moves. Its files come from this disk or from the registry.

    Raises:
        ConfigurationError: There is nothing to go back to.
        ModelPackageError: The older version does not work here; the champion stays.
    """
    settle(palace, actor)
    reigning = promotions.reign(book(palace))
    if not reigning:
        raise ConfigurationError("There is no champion yet.", remedy="Run `trendvane learn`.")
    if to:
        target = palace.registry.version(to)
    elif len(reigning) > 1:
        target = palace.registry.version(reigning[-2].model_version)
    else:
        raise ConfigurationError(
            f"{reigning[-1].model_version} is the first champion; there is none before it.",
            remedy="Name another version: `trendvane model rollback --to VERSION`.",
        )
    if target.identity == reigning[-1].model_version:
        raise ConfigurationError(f"{target.identity} is the champion already.")
    with fetched(palace, target) as package:
        _check(package)
        entry = Entry(
            model_version=target.identity,
            registered=target.version,
            action=Action.ROLLBACK,
            actor=actor,
            reason=reason,
            previous_version=reigning[-1].model_version,
        )
        return crown(palace, entry, package)


@contextmanager
def fetched(palace: Palace, version: ModelVersion) -> Iterator[Path]:
    """The package of a version for the block: the copy that is here, or one from the registry."""
    if (here := palace.champion.find(version.identity)) is not None:
        yield here
        return
    with tempfile.TemporaryDirectory(prefix="trendvane-") as scratch:
        yield palace.registry.fetch(version.version, Path(scratch) / "package")


def _is_behind(palace: Palace, line: Entry, alias: ModelVersion | None) -> bool:
    """Whether the alias was never moved to the champion of the book, as after a crash."""
    if alias is None:
        return True
    version = palace.registry.version(line.model_version)
    return version.tags.get(_TAG) != str(line.promotion_id)


def _point_alias(palace: Palace, line: Entry) -> None:
    palace.registry.set_champion(line.registered)
    palace.registry.tag(line.registered, _TAG, str(line.promotion_id))


def _adopt(palace: Palace, alias: ModelVersion, before: str | None, actor: str, reason: str) -> None:
    entry = Entry(
        model_version=alias.identity,
        registered=alias.version,
        action=Action.ADOPT,
        actor=actor,
        reason=reason,
        previous_version=before,
    )
    with fetched(palace, alias) as package:
        _check(package)
        crown(palace, entry, package)


def _settle_link(palace: Palace) -> str:
    alias = palace.registry.champion()
    if alias is None or palace.champion.identity == alias.identity:
        return ""
    with fetched(palace, alias) as package:
        _check(package)
        palace.champion.publish(package)
    return f"{alias.identity} was put into use on this machine."


def _check(package: Path) -> None:
    """Ask the package its golden rows."""
    from trendvane.model.holder import open_engine  # noqa: PLC0415  brings onnxruntime

    open_engine(package, threads=1).close()
