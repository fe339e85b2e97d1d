"""The tables of the learning loop: labels, what they say about the champion, promotions, drift."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Identity,
    Index,
    Integer,
    SmallInteger,
    Table,
    TableClause,
    Text,
    column,
    false,
    text,
)

from trendvane.warehouse.tables import at, metadata

__all__ = [
    "drift_report",
    "label_rollup",
    "metadata",
    "model_promotion",
    "rescore_cursor",
    "tweet_label",
    "tweet_truth",
]

tweet_label = Table(
    "tweet_label",
    metadata,
    Column("tweet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("labeller", Text, primary_key=True, comment="who said it: a person, a model, a file"),
    Column("prompt_version", Text, primary_key=True, server_default=text("''")),
    Column("label", SmallInteger, comment="null when the labeller abstained"),
    Column("votes", Integer, nullable=False, server_default=text("1")),
    at("created_at", nullable=False, default=True),
    Column("kind", Text, nullable=False, comment="human, file or llm; people outrank files, files models"),
    Column("share", Double, nullable=False, server_default=text("1"), comment="of the votes, for the label"),
    Column(
        "at_random",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="whether chance chose the tweet; only such labels measure anything",
    ),
    CheckConstraint("kind IN ('human', 'file', 'llm')", name="kind"),
    CheckConstraint("label BETWEEN 0 AND 2", name="label"),
)

# A view: the label that counts for each labelled tweet.
tweet_truth = TableClause(
    "tweet_truth",
    column("tweet_id", BigInteger),
    column("label", SmallInteger),
    column("kind", Text),
    column("labeller", Text),
    column("at_random", Boolean),
)

label_rollup = Table(
    "label_rollup",
    metadata,
    Column("topic_id", Text, primary_key=True),
    Column("minute", DateTime(timezone=True), primary_key=True),
    Column("model_version", Text, primary_key=True),
    Column("truth", SmallInteger, primary_key=True, autoincrement=False),
    Column("predicted", SmallInteger, primary_key=True, autoincrement=False),
    Column(
        "home",
        Boolean,
        primary_key=True,
        comment="whether the voice was first seen under this topic; sums over all topics ask for it",
    ),
    Column("n", Integer, nullable=False, comment="voices whose label chance chose to ask for"),
    Column("p_negative", Double, nullable=False, comment="sum of the probabilities of the same voices"),
    Column("p_neutral", Double, nullable=False),
    Column("p_positive", Double, nullable=False),
    at("updated_at", nullable=False, default=True),
    Index("ix_label_rollup_minute", "minute"),
    Index("ix_label_rollup_updated_at", "updated_at"),
)

model_promotion = Table(
    "model_promotion",
    metadata,
    Column("promotion_id", BigInteger, Identity(always=True), primary_key=True),
    Column("model_version", Text, nullable=False),
    Column("previous_version", Text),
    Column("action", Text, nullable=False, comment="adopt, promote, refuse, rollback"),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("report", Text, nullable=False, server_default=text("'{}'"), comment="JSON of the comparison"),
    at("created_at", nullable=False, default=True),
    Column("registered", Text, comment="number of the version in the registry"),
    Column("test_set", Text, comment="that judged it; null if none"),
    CheckConstraint("action IN ('adopt', 'promote', 'refuse', 'rollback')", name="action"),
)

rescore_cursor = Table(
    "rescore_cursor",
    metadata,
    Column("promotion_id", BigInteger, primary_key=True, autoincrement=False),
    Column("below_id", BigInteger, nullable=False, comment="no tweet from here up waits to be read again"),
    at("updated_at", nullable=False, default=True),
)

drift_report = Table(
    "drift_report",
    metadata,
    Column("drift_id", BigInteger, Identity(always=True), primary_key=True),
    Column("model_version", Text, nullable=False),
    at("from_at", nullable=False),
    at("to_at", nullable=False),
    Column("tweets", Integer, nullable=False, comment="in the window looked at"),
    Column("prediction_psi", Double, comment="null when there were too few tweets to tell"),
    Column("text_psi", Double, comment="the largest of the text statistics"),
    Column("vocabulary_psi", Double, comment="the larger of unfamiliar and longest words"),
    Column("retrain", Boolean, nullable=False, comment="whether training anew is recommended"),
    Column("reason", Text, nullable=False),
    Column("report", Text, nullable=False, server_default=text("'{}'"), comment="JSON of every figure"),
    at("created_at", nullable=False, default=True),
)
