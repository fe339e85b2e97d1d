"""The tables. Names that people know from the brief stay as they are; ours stand after them.

Text columns that strangers fill are never indexed (a long tweet would break the btree); their hashes are.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    false,
    func,
    text,
    true,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    },
)

_NOW = func.now()


def at(name: str, *, nullable: bool = True, default: bool = False) -> Column[object]:
    """A moment, with its time zone; ``default`` is the time of the insert."""
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=_NOW if default else None)


topic = Table(
    "topic",
    metadata,
    Column("topic_id", Text, primary_key=True, comment="sixteen hex digits, domain.topic.topic_id"),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False, comment="trending, hashtag, keyword, user"),
    Column("source", Text, nullable=False, comment="x, emulator or replay"),
    at("first_seen_at", nullable=False, default=True),
    at("last_seen_at", nullable=False, default=True),
    at("polled_at"),
    Column("rank", Integer, comment="place in the last list of trends; null for topics from settings"),
)

tweet_staging = Table(
    "tweet_staging",
    metadata,
    Column("tweet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("topic", Text, nullable=False, comment="topic_id under which the tweet was first seen"),
    Column("content", Text, nullable=False),
    Column("type", Text, nullable=False),
    at("crawl_at", nullable=False),
    Column("inference_done", Boolean, nullable=False, server_default=false()),
    at("inferred_at"),
    Column("predicted_sentiment", SmallInteger),
    Column("sentiment_score", Double),
    Column("moved_to_product", Boolean, nullable=False, server_default=false()),
    at("moved_at"),
    Column("processed_done", Boolean, nullable=False, server_default=false()),
    at("processed_at"),
    at("updated_at", nullable=False, default=True),
    # ours
    at("created_at", nullable=False),
    Column("lang", Text, nullable=False),
    Column("author_hash", BigInteger, comment="keyed hash; the author's id itself is never stored"),
    Column("cluster_id", BigInteger, nullable=False, comment="tweet_id of the first tweet that said this"),
    Column("sample", Text, comment="validation, training, or null"),
    Column("source", Text, nullable=False),
    Column(
        "raw_ref", Text, nullable=False, comment="lake object and page, so that each row can be traced back"
    ),
    Column("sanitized", Boolean, nullable=False, server_default=false()),
    Column("attempts", SmallInteger, nullable=False, server_default=text("0"), comment="raised at claim"),
    Column("claim_epoch", BigInteger, nullable=False, server_default=text("0"), comment="fence of a claim"),
    at("claimed_until", nullable=True),
    Index("ix_tweet_staging_pending", "tweet_id", postgresql_where=text("NOT inference_done")),
    Index("ix_tweet_staging_sample", "sample", "tweet_id", postgresql_where=text("sample IS NOT NULL")),
)

tweet_topic = Table(
    "tweet_topic",
    metadata,
    # No foreign key to tweet_staging: checked row by row it costs a tenth of staging. Both are written
    # and deleted in the same transactions, and the audit looks for strays.
    Column("tweet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("topic_id", Text, primary_key=True),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Index("ix_tweet_topic_topic_id_created_at", "topic_id", "created_at"),
)

tweet_product = Table(
    "tweet_product",
    metadata,
    Column(
        "staging_id", BigInteger, ForeignKey("tweet_staging.tweet_id", ondelete="CASCADE"), primary_key=True
    ),
    Column("tweet_id", BigInteger, nullable=False),
    Column("topic", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("predicted_sentiment", SmallInteger, nullable=False),
    Column("sentiment_score", Double, nullable=False, comment="probability of the predicted class"),
    at("processed_at", nullable=False),
    at("created_at", nullable=False),
    at("updated_at", nullable=False, default=True),
    # ours
    Column("p_negative", Double, nullable=False),
    Column("p_neutral", Double, nullable=False),
    Column("p_positive", Double, nullable=False),
    Column("model_version", Text, primary_key=True),
    Column(
        "voice",
        Boolean,
        nullable=False,
        server_default=true(),
        comment="counted in shares: first of its cluster, in a language this model reads",
    ),
    CheckConstraint("predicted_sentiment BETWEEN 0 AND 2", name="sentiment"),
)

lake_object = Table(
    "lake_object",
    metadata,
    Column("key", Text, primary_key=True, comment="path in the lake"),
    Column("sha256", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("pages", Integer, nullable=False),
    Column("source", Text, nullable=False),
    at("pushed_at", nullable=False, default=True),
    at("staged_at"),
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    Column("tweets", Integer, comment="tweets read when staged, repeated ones included"),
    Column("inserted", Integer, comment="rows that were new"),
    Column("error", Text, comment="why the object could not be staged, if so"),
    Index("ix_lake_object_unstaged", "key", postgresql_where=text("staged_at IS NULL")),
)

dead_letter = Table(
    "dead_letter",
    metadata,
    Column("dead_letter_id", BigInteger, Identity(always=True), primary_key=True),
    Column("stage", Text, nullable=False, comment="push, stage or score"),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("tweet_id", BigInteger),
    Column("raw_ref", Text, nullable=False),
    Column("position", Integer, nullable=False, server_default=text("-1")),
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    at("created_at", nullable=False, default=True),
    Index("uq_dead_letter_origin", "stage", "raw_ref", "position", "reason", unique=True),
    Index("ix_dead_letter_tweet_id", "tweet_id"),
)

cluster_key = Table(
    "cluster_key",
    metadata,
    Column("key", BigInteger, primary_key=True, autoincrement=False, comment="fingerprint of the wording"),
    Column("cluster_id", BigInteger, nullable=False),
    at("seen_at", nullable=False, default=True),
)

topic_rollup = Table(
    "topic_rollup",
    metadata,
    Column("topic_id", Text, primary_key=True),
    Column("minute", DateTime(timezone=True), primary_key=True),
    Column("model_version", Text, primary_key=True),
    Column("tweets", Integer, nullable=False, comment="every tweet, copies and all languages included"),
    Column("n_negative", Integer, nullable=False, comment="voices: see tweet_product.voice"),
    Column("n_neutral", Integer, nullable=False),
    Column("n_positive", Integer, nullable=False),
    Column("p_negative", Double, nullable=False, comment="sum of the probabilities of the same voices"),
    Column("p_neutral", Double, nullable=False),
    Column("p_positive", Double, nullable=False),
    at("updated_at", nullable=False, default=True),
    Index("ix_topic_rollup_minute", "minute"),
    Index("ix_topic_rollup_updated_at", "updated_at"),
)

crawl_cursor = Table(
    "crawl_cursor",
    metadata,
    Column("topic_id", Text, primary_key=True),
    Column("since_id", BigInteger, comment="newest id of the last window that was saved whole"),
    Column("window_newest_id", BigInteger, comment="newest id of the window being read; else null"),
    Column("window_until_id", BigInteger, comment="oldest id saved of that window; reading goes on below it"),
    at("updated_at", nullable=False, default=True),
)

crawl_gap = Table(
    "crawl_gap",
    metadata,
    Column("gap_id", BigInteger, Identity(always=True), primary_key=True),
    Column("topic_id", Text, nullable=False),
    at("from_at", nullable=False),
    at("to_at", nullable=False),
    Column("reason", Text, nullable=False),
    at("created_at", nullable=False, default=True),
)

spend = Table(
    "spend",
    metadata,
    Column("day", Text, primary_key=True, comment="UTC day, YYYY-MM-DD; X's meter resets at midnight UTC"),
    Column("item", Text, primary_key=True, comment="posts, trends, counts, users"),
    Column("source", Text, primary_key=True),
    Column("units", BigInteger, nullable=False, server_default=text("0")),
    Column("micros", BigInteger, nullable=False, server_default=text("0"), comment="millionths of a dollar"),
    Column("requests", BigInteger, nullable=False, server_default=text("0")),
    at("updated_at", nullable=False, default=True),
)

tombstone = Table(
    "tombstone",
    metadata,
    Column("tweet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("reason", Text, nullable=False, comment="deleted, suspended, retention, request, ..."),
    at("created_at", nullable=False, default=True),
    Column("erased_at", DateTime(timezone=True), comment="null until lake and spool are free of it"),
    Index("ix_tombstone_unerased", "tweet_id", postgresql_where=text("erased_at IS NULL")),
)
