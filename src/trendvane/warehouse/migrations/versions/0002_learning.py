"""What the learning loop keeps: who chose a label's tweet, counts of labelled voices, drift."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# One label a tweet: people outrank files, files models, the newest wins among equals. Chance chose the
# tweet if it chose it for anybody: a person who corrects a label does not change why the tweet was looked at.
_TRUTH = """
    CREATE VIEW tweet_truth AS
    SELECT DISTINCT ON (tweet_id) tweet_id, label, kind, labeller,
        bool_or(at_random) OVER (PARTITION BY tweet_id) AS at_random
    FROM tweet_label
    WHERE label IS NOT NULL
    ORDER BY tweet_id, array_position(ARRAY['human', 'file', 'llm'], kind), created_at DESC, labeller
"""

# Who moved the champion, and why, is not for anybody to rewrite; not even for us.
_REFUSE_CHANGE = """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$
"""
_APPEND_ONLY = """
    CREATE TRIGGER model_promotion_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON model_promotion
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""


def upgrade() -> None:
    op.add_column(
        "tweet_label",
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment="human, file or llm; people outrank files, files models",
        ),
    )
    op.add_column(
        "tweet_label",
        sa.Column(
            "share",
            sa.Double(),
            nullable=False,
            server_default=sa.text("1"),
            comment="of the votes, for the label",
        ),
    )
    op.add_column(
        "tweet_label",
        sa.Column(
            "at_random",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="whether chance chose the tweet; only such labels measure anything",
        ),
    )
    op.create_check_constraint(op.f("ck_tweet_label_kind"), "tweet_label", "kind IN ('human', 'file', 'llm')")
    op.create_check_constraint(op.f("ck_tweet_label_label"), "tweet_label", "label BETWEEN 0 AND 2")
    op.create_index(
        "ix_tweet_staging_sample",
        "tweet_staging",
        ["sample", "tweet_id"],
        postgresql_where=sa.text("sample IS NOT NULL"),
    )
    op.execute(_TRUTH)
    _label_rollup()
    _model_promotion()
    _rescore_cursor()
    _drift_report()


def downgrade() -> None:
    op.execute("DROP TRIGGER model_promotion_append_only ON model_promotion")
    op.execute("DROP FUNCTION refuse_change()")
    op.drop_constraint(op.f("ck_model_promotion_action"), "model_promotion")
    for name in ("test_set", "registered"):
        op.drop_column("model_promotion", name)
    op.alter_column("model_promotion", "action", comment="promote, refuse, rollback")
    op.drop_table("drift_report")
    op.drop_table("rescore_cursor")
    op.drop_table("label_rollup")
    op.execute("DROP VIEW tweet_truth")
    op.drop_index("ix_tweet_staging_sample", "tweet_staging")
    op.drop_constraint(op.f("ck_tweet_label_label"), "tweet_label")
    op.drop_constraint(op.f("ck_tweet_label_kind"), "tweet_label")
    for name in ("at_random", "share", "kind"):
        op.drop_column("tweet_label", name)


def _label_rollup() -> None:
    op.create_table(
        "label_rollup",
        sa.Column("topic_id", sa.Text(), primary_key=True),
        sa.Column("minute", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("model_version", sa.Text(), primary_key=True),
        sa.Column("truth", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("predicted", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column(
            "home",
            sa.Boolean(),
            primary_key=True,
            comment="whether the voice was first seen under this topic; sums over all topics ask for it",
        ),
        sa.Column("n", sa.Integer(), nullable=False, comment="voices whose label chance chose to ask for"),
        sa.Column(
            "p_negative",
            sa.Double(),
            nullable=False,
            comment="sum of the probabilities of the same voices",
        ),
        sa.Column("p_neutral", sa.Double(), nullable=False),
        sa.Column("p_positive", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint(
            "topic_id", "minute", "model_version", "truth", "predicted", "home", name=op.f("pk_label_rollup")
        ),
    )
    op.create_index("ix_label_rollup_minute", "label_rollup", ["minute"])
    op.create_index("ix_label_rollup_updated_at", "label_rollup", ["updated_at"])


def _model_promotion() -> None:
    op.alter_column("model_promotion", "action", comment="adopt, promote, refuse, rollback")
    op.create_check_constraint(
        op.f("ck_model_promotion_action"),
        "model_promotion",
        "action IN ('adopt', 'promote', 'refuse', 'rollback')",
    )
    op.add_column(
        "model_promotion", sa.Column("registered", sa.Text(), comment="number of the version in the registry")
    )
    op.add_column("model_promotion", sa.Column("test_set", sa.Text(), comment="that judged it; null if none"))
    op.execute(_REFUSE_CHANGE)
    op.execute(_APPEND_ONLY)


def _rescore_cursor() -> None:
    op.create_table(
        "rescore_cursor",
        sa.Column("promotion_id", sa.BigInteger(), autoincrement=False),
        sa.Column(
            "below_id",
            sa.BigInteger(),
            nullable=False,
            comment="no tweet from here up waits to be read again",
        ),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("promotion_id", name=op.f("pk_rescore_cursor")),
    )


def _drift_report() -> None:
    at = sa.DateTime(timezone=True)
    op.create_table(
        "drift_report",
        sa.Column("drift_id", sa.BigInteger(), sa.Identity(always=True)),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("from_at", at, nullable=False),
        sa.Column("to_at", at, nullable=False),
        sa.Column("tweets", sa.Integer(), nullable=False, comment="in the window looked at"),
        sa.Column("prediction_psi", sa.Double(), comment="null when there were too few tweets to tell"),
        sa.Column("text_psi", sa.Double(), comment="the largest of the text statistics"),
        sa.Column("vocabulary_psi", sa.Double(), comment="the larger of unfamiliar and longest words"),
        sa.Column("retrain", sa.Boolean(), nullable=False, comment="whether training anew is recommended"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "report",
            sa.Text(),
            nullable=False,
            server_default=sa.text("'{}'"),
            comment="JSON of every figure",
        ),
        sa.Column("created_at", at, nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("drift_id", name=op.f("pk_drift_report")),
    )
