"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = (
    "topic",
    "lake_object",
    "dead_letter",
    "crawl_cursor",
    "crawl_gap",
    "tweet_staging",
    "cluster_key",
    "tweet_topic",
    "tweet_product",
    "topic_rollup",
    "spend",
    "tweet_label",
    "model_promotion",
    "tombstone",
)


def upgrade() -> None:
    _topic()
    _lake_object()
    _dead_letter()
    _crawl_cursor()
    _crawl_gap()
    _tweet_staging()
    _cluster_key()
    _tweet_topic()
    _tweet_product()
    _topic_rollup()
    _spend()
    _tweet_label()
    _model_promotion()
    _tombstone()


def downgrade() -> None:
    for name in reversed(_TABLES):
        op.drop_table(name)


def _topic() -> None:
    op.create_table(
        "topic",
        sa.Column("topic_id", sa.Text(), nullable=False, comment="sixteen hex digits, domain.topic.topic_id"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False, comment="trending, hashtag, keyword, user"),
        sa.Column("source", sa.Text(), nullable=False, comment="x, emulator or replay"),
        sa.Column(
            "first_seen_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")
        ),
        sa.Column(
            "last_seen_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")
        ),
        sa.Column("polled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "rank",
            sa.Integer(),
            nullable=True,
            comment="place in the last list of trends; null for topics from settings",
        ),
        sa.PrimaryKeyConstraint("topic_id", name="pk_topic"),
    )


def _lake_object() -> None:
    op.create_table(
        "lake_object",
        sa.Column("key", sa.Text(), nullable=False, comment="path in the lake"),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("pushed_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.Column("staged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column(
            "tweets", sa.Integer(), nullable=True, comment="tweets read when staged, repeated ones included"
        ),
        sa.Column("inserted", sa.Integer(), nullable=True, comment="rows that were new"),
        sa.Column("error", sa.Text(), nullable=True, comment="why the object could not be staged, if so"),
        sa.PrimaryKeyConstraint("key", name="pk_lake_object"),
    )
    op.create_index(
        "ix_lake_object_unstaged", "lake_object", ["key"], postgresql_where=sa.text("staged_at IS NULL")
    )


def _dead_letter() -> None:
    op.create_table(
        "dead_letter",
        sa.Column("dead_letter_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False, comment="push, stage or score"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("tweet_id", sa.BigInteger(), nullable=True),
        sa.Column("raw_ref", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, server_default=sa.text("-1")),
        sa.Column("attempts", sa.SmallInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("dead_letter_id", name="pk_dead_letter"),
    )
    op.create_index("ix_dead_letter_tweet_id", "dead_letter", ["tweet_id"])
    op.create_index(
        "uq_dead_letter_origin", "dead_letter", ["stage", "raw_ref", "position", "reason"], unique=True
    )


def _crawl_cursor() -> None:
    op.create_table(
        "crawl_cursor",
        sa.Column("topic_id", sa.Text(), nullable=False),
        sa.Column(
            "since_id",
            sa.BigInteger(),
            nullable=True,
            comment="newest id of the last window that was saved whole",
        ),
        sa.Column(
            "window_newest_id",
            sa.BigInteger(),
            nullable=True,
            comment="newest id of the window being read; else null",
        ),
        sa.Column(
            "window_until_id",
            sa.BigInteger(),
            nullable=True,
            comment="oldest id saved of that window; reading goes on below it",
        ),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("topic_id", name="pk_crawl_cursor"),
    )


def _crawl_gap() -> None:
    op.create_table(
        "crawl_gap",
        sa.Column("gap_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("topic_id", sa.Text(), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("to_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("gap_id", name="pk_crawl_gap"),
    )


def _tweet_staging() -> None:
    op.create_table(
        "tweet_staging",
        sa.Column("tweet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "topic", sa.Text(), nullable=False, comment="topic_id under which the tweet was first seen"
        ),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("crawl_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("inference_done", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("inferred_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("predicted_sentiment", sa.SmallInteger(), nullable=True),
        sa.Column("sentiment_score", sa.Double(), nullable=True),
        sa.Column("moved_to_product", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("processed_done", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("processed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lang", sa.Text(), nullable=False),
        sa.Column(
            "author_hash",
            sa.BigInteger(),
            nullable=True,
            comment="keyed hash; the author's id itself is never stored",
        ),
        sa.Column(
            "cluster_id",
            sa.BigInteger(),
            nullable=False,
            comment="tweet_id of the first tweet that said this",
        ),
        sa.Column("sample", sa.Text(), nullable=True, comment="validation, training, or null"),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column(
            "raw_ref",
            sa.Text(),
            nullable=False,
            comment="lake object and page, so that each row can be traced back",
        ),
        sa.Column("sanitized", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column(
            "attempts",
            sa.SmallInteger(),
            nullable=False,
            server_default=sa.text("0"),
            comment="raised at claim",
        ),
        sa.Column(
            "claim_epoch",
            sa.BigInteger(),
            nullable=False,
            server_default=sa.text("0"),
            comment="fence of a claim",
        ),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("tweet_id", name="pk_tweet_staging"),
    )
    op.create_index(
        "ix_tweet_staging_pending",
        "tweet_staging",
        ["tweet_id"],
        postgresql_where=sa.text("NOT inference_done"),
    )


def _cluster_key() -> None:
    op.create_table(
        "cluster_key",
        sa.Column(
            "key", sa.BigInteger(), autoincrement=False, nullable=False, comment="fingerprint of the wording"
        ),
        sa.Column("cluster_id", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("key", name="pk_cluster_key"),
    )


def _tweet_topic() -> None:
    op.create_table(
        "tweet_topic",
        sa.Column("tweet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("topic_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tweet_id", "topic_id", name="pk_tweet_topic"),
    )
    op.create_index("ix_tweet_topic_topic_id_created_at", "tweet_topic", ["topic_id", "created_at"])


def _tweet_product() -> None:
    op.create_table(
        "tweet_product",
        sa.Column("staging_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tweet_id", sa.BigInteger(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("predicted_sentiment", sa.SmallInteger(), nullable=False),
        sa.Column(
            "sentiment_score", sa.Double(), nullable=False, comment="probability of the predicted class"
        ),
        sa.Column("processed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.Column("p_negative", sa.Double(), nullable=False),
        sa.Column("p_neutral", sa.Double(), nullable=False),
        sa.Column("p_positive", sa.Double(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column(
            "voice",
            sa.Boolean(),
            nullable=False,
            server_default=sa.text("true"),
            comment="counted in shares: first of its cluster, in a language this model reads",
        ),
        sa.PrimaryKeyConstraint("staging_id", "model_version", name="pk_tweet_product"),
        sa.ForeignKeyConstraint(
            ["staging_id"], ["tweet_staging.tweet_id"], name="fk_tweet_product_staging_id", ondelete="CASCADE"
        ),
        sa.CheckConstraint("predicted_sentiment BETWEEN 0 AND 2", name=op.f("ck_tweet_product_sentiment")),
    )


def _topic_rollup() -> None:
    op.create_table(
        "topic_rollup",
        sa.Column("topic_id", sa.Text(), nullable=False),
        sa.Column("minute", sa.DateTime(timezone=True), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column(
            "tweets", sa.Integer(), nullable=False, comment="every tweet, copies and all languages included"
        ),
        sa.Column("n_negative", sa.Integer(), nullable=False, comment="voices: see tweet_product.voice"),
        sa.Column("n_neutral", sa.Integer(), nullable=False),
        sa.Column("n_positive", sa.Integer(), nullable=False),
        sa.Column(
            "p_negative", sa.Double(), nullable=False, comment="sum of the probabilities of the same voices"
        ),
        sa.Column("p_neutral", sa.Double(), nullable=False),
        sa.Column("p_positive", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("topic_id", "minute", "model_version", name="pk_topic_rollup"),
    )
    op.create_index("ix_topic_rollup_minute", "topic_rollup", ["minute"])
    op.create_index("ix_topic_rollup_updated_at", "topic_rollup", ["updated_at"])


def _spend() -> None:
    op.create_table(
        "spend",
        sa.Column(
            "day", sa.Text(), nullable=False, comment="UTC day, YYYY-MM-DD; X's meter resets at midnight UTC"
        ),
        sa.Column("item", sa.Text(), nullable=False, comment="posts, trends, counts, users"),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column(
            "micros",
            sa.BigInteger(),
            nullable=False,
            server_default=sa.text("0"),
            comment="millionths of a dollar",
        ),
        sa.Column("requests", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("day", "item", "source", name="pk_spend"),
    )


def _tweet_label() -> None:
    op.create_table(
        "tweet_label",
        sa.Column("tweet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("labeller", sa.Text(), nullable=False, comment="who said it: a person, a model, a file"),
        sa.Column("prompt_version", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column("label", sa.SmallInteger(), nullable=True, comment="null when the labeller abstained"),
        sa.Column("votes", sa.Integer(), nullable=False, server_default=sa.text("1")),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("tweet_id", "labeller", "prompt_version", name="pk_tweet_label"),
    )


def _model_promotion() -> None:
    op.create_table(
        "model_promotion",
        sa.Column("promotion_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("previous_version", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False, comment="promote, refuse, rollback"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "report",
            sa.Text(),
            nullable=False,
            server_default=sa.text("'{}'"),
            comment="JSON of the comparison",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("promotion_id", name="pk_model_promotion"),
    )


def _tombstone() -> None:
    op.create_table(
        "tombstone",
        sa.Column("tweet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, comment="deleted, suspended, retention, request, ..."),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.Column(
            "erased_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="null until lake and spool are free of it",
        ),
        sa.PrimaryKeyConstraint("tweet_id", name="pk_tombstone"),
    )
    op.create_index(
        "ix_tombstone_unerased", "tombstone", ["tweet_id"], postgresql_where=sa.text("erased_at IS NULL")
    )
