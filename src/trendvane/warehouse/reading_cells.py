"""The cells that every number is summed from: for each topic and minute, the counts of one model version.

After a promotion a minute may hold the counts of two versions, of the same tweets or of some of them. The
version that has read the most tweets of the minute speaks for it; between equals the champion, then the one
that wrote last. So nothing counts twice, and a minute changes over when its tweets have all been read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import BigInteger, Integer, and_, cast, exists, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from trendvane.warehouse.tables import topic_rollup
from trendvane.warehouse.tables_learning import label_rollup, model_promotion

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import ColumnElement, Connection, Row, ScalarSelect, Subquery


class Counts(NamedTuple):
    """Sums over rollup rows. ``tweets`` counts everything, the rest independent voices only.

    Attributes:
        tweets: Every tweet, copies and unread languages included.
        negative, neutral, positive: Voices by predicted class.
        p_negative, p_neutral, p_positive: Sums of the same voices' probabilities.
        true_negative, true_neutral, true_positive: Of these voices, those with a label, by that label. Only
            labels that chance asked for.
        called_negative, called_neutral, called_positive: The labelled voices by predicted class.
        q_negative, q_neutral, q_positive: Sums of the labelled voices' probabilities.
    """

    tweets: int = 0
    negative: int = 0
    neutral: int = 0
    positive: int = 0
    p_negative: float = 0.0
    p_neutral: float = 0.0
    p_positive: float = 0.0
    true_negative: int = 0
    true_neutral: int = 0
    true_positive: int = 0
    called_negative: int = 0
    called_neutral: int = 0
    called_positive: int = 0
    q_negative: float = 0.0
    q_neutral: float = 0.0
    q_positive: float = 0.0

    @property
    def voices(self) -> int:
        """First tweets of a cluster, in a language the model reads."""
        return self.negative + self.neutral + self.positive

    @property
    def labelled(self) -> int:
        """Voices that carry a label."""
        return self.true_negative + self.true_neutral + self.true_positive


_CLASSES = ("negative", "neutral", "positive")
_WHOLE = ("tweets", *(f"n_{name}" for name in _CLASSES))
_PARTS = tuple(f"p_{name}" for name in _CLASSES)
_LABELLED = tuple(f"{kind}_{name}" for kind in ("true", "called") for name in _CLASSES)
_LABELLED_PARTS = tuple(f"q_{name}" for name in _CLASSES)
COLUMNS = (*_WHOLE, *_PARTS, *_LABELLED, *_LABELLED_PARTS)


def champion() -> ScalarSelect[str]:
    """The version that was made champion last, as a sub-query; null before the first promotion."""
    rows = model_promotion.c
    newest = select(rows.model_version).where(rows.action != "refuse").order_by(rows.promotion_id.desc())
    return newest.limit(1).scalar_subquery()


def champion_first(version: ColumnElement[Any]) -> ColumnElement[bool]:
    """To order by: rows of the champion before all others."""
    return func.coalesce(version == champion(), False).desc()


def cells(connection: Connection, inside: Callable[[Any], ColumnElement[bool]]) -> Subquery:
    """One row for each topic and minute that ``inside`` holds for, with the columns of ``COLUMNS``.

    Most of the time there is one version and no label, and then neither is searched for: sorting the cells
    takes several times as long as summing them. The labels' columns are missing when there is none.

    Args:
        connection: To look whether there is more than one version, or any label.
        inside: Condition on the columns (``topic_id``, ``minute``) of either rollup table.
    """
    several, labelled = connection.execute(select(_several(inside), _any_label(inside))).one()
    rows = topic_rollup.c
    spoken = select(topic_rollup).where(inside(rows))
    if several:
        spoken = spoken.ext(distinct_on(rows.topic_id, rows.minute)).order_by(
            rows.topic_id,
            rows.minute,
            rows.tweets.desc(),
            champion_first(rows.model_version),
            rows.updated_at.desc(),
            rows.model_version.desc(),
        )
    if not labelled:
        return spoken.subquery("cells")
    voices, labels = spoken.subquery("spoken"), _labels(inside)
    same = and_(*(voices.c[key] == labels.c[key] for key in ("topic_id", "minute", "model_version")))
    columns = [
        *voices.c,
        *(func.coalesce(labels.c[name], 0).label(name) for name in (*_LABELLED, *_LABELLED_PARTS)),
    ]
    return select(*columns).outerjoin_from(voices, labels, same).subquery("cells")


def _several(inside: Callable[[Any], ColumnElement[bool]]) -> ColumnElement[bool]:
    """Whether more than one version counted anything; equality is all that is asked, so no row is sorted."""
    rows = topic_rollup.c
    first = topic_rollup.alias("first").c
    one = select(first.model_version).where(inside(first)).limit(1).scalar_subquery()
    return exists().where(inside(rows), rows.model_version != one)


def _any_label(inside: Callable[[Any], ColumnElement[bool]]) -> ColumnElement[bool]:
    return exists().where(inside(label_rollup.c))


def _labels(inside: Callable[[Any], ColumnElement[bool]]) -> Subquery:
    rows = label_rollup.c
    keys = (rows.topic_id, rows.minute, rows.model_version)
    sums: list[ColumnElement[Any]] = []
    for kind, said in (("true", rows.truth), ("called", rows.predicted)):
        sums += [
            cast(func.sum(rows.n).filter(said == place), Integer).label(f"{kind}_{name}")
            for place, name in enumerate(_CLASSES)
        ]
    sums += [func.sum(rows[f"p_{name}"]).label(f"q_{name}") for name in _CLASSES]
    return select(*keys, *sums).where(inside(rows)).group_by(*keys).subquery("labels")


def sums(source: Subquery) -> list[ColumnElement[Any]]:
    """Those of ``COLUMNS`` that ``source`` has, summed, in their order."""
    whole = {*_WHOLE, *_LABELLED}
    return [
        (cast(func.sum(source.c[name]), BigInteger) if name in whole else func.sum(source.c[name])).label(
            name
        )
        for name in COLUMNS
        if name in source.c
    ]


def counts_of(row: Row[Any]) -> Counts:
    """From columns named as in ``COLUMNS``; null, from an outer join, is zero, and so is a missing column."""
    return Counts(*(getattr(row, name) or 0 for name in COLUMNS if name in row._fields))
