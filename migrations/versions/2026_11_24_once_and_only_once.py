"""Once and only once: holds, alerts, workers, the pace of platforms, steps of threads."""

import sqlalchemy as sa
from alembic import op

from store.types import Instant

revision = "once_and_only_once"
down_revision = "the_mix_is_kept"
branch_labels = None
depends_on = None

TABLES = ("hold", "alert_delivery", "alert_target", "alert", "worker", "pace")
TEXTS = (
    ("channel", "refresh_worker", 80),
    ("instance", "held_why", 2000),
    ("publication", "through_hold", 2000),
)
COLUMNS = (
    ("channel", "pace_at", Instant()),
    ("channel", "rests_until", Instant()),
    ("channel", "token_expires_at", Instant()),
    ("channel", "refresh_at", Instant()),
    ("channel", "preflight_at", Instant()),
    ("instance", "held_at", Instant()),
    ("instance", "restored_at", Instant()),
    ("publication", "dispatched_until", Instant()),
    ("publication", "steps_done", sa.JSON(none_as_null=True)),
)
COUNTS = (("channel", "failures"), ("publication", "polls"))


def upgrade() -> None:
    """Add the columns with their checks, then the tables."""
    for table, column, length in TEXTS:
        # A column's own check needs no new table on SQLite, whose rows others refer to.
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN {column} VARCHAR({length}) "
            f"CONSTRAINT ck_{table}_{column}_length CHECK (length({column}) <= {length})"
        )
    for table, column, kind in COLUMNS:
        op.add_column(table, sa.Column(column, kind, nullable=True))
    for table, column in COUNTS:
        op.add_column(table, sa.Column(column, sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "pace",
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.CheckConstraint("length(key) <= 40", name=op.f("ck_pace_key_length")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_pace")),
    )
    op.create_table(
        "worker",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("role", sa.String(length=6), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.CheckConstraint("length(name) <= 80", name=op.f("ck_worker_name_length")),
        sa.CheckConstraint("length(role) <= 6", name=op.f("ck_worker_role_length")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker")),
        sa.UniqueConstraint("name", name=op.f("uq_worker_name")),
    )
    op.create_index(op.f("ix_worker_seen_at"), "worker", ["seen_at"], unique=False)
    op.create_table(
        "alert",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("noun", sa.String(length=20), nullable=False),
        sa.Column("row_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("spread_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('failed', 'needs_review', 'missed', 'handed_over', 'unconfirmed', 'needs_reauth', 'unapproved', 'preflight', 'test')",
            name=op.f("ck_alert_kind"),
        ),
        sa.CheckConstraint("length(key) <= 160", name=op.f("ck_alert_key_length")),
        sa.CheckConstraint("length(kind) <= 16", name=op.f("ck_alert_kind_length")),
        sa.CheckConstraint("length(noun) <= 20", name=op.f("ck_alert_noun_length")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_alert_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_alert_workspace_id_id")),
        sa.UniqueConstraint("workspace_id", "key", name=op.f("uq_alert_workspace_id_key")),
    )
    op.create_index(
        "ix_alert_unspread",
        "alert",
        ["id"],
        unique=False,
        sqlite_where=sa.text("spread_at IS NULL"),
        postgresql_where=sa.text("spread_at IS NULL"),
    )
    op.create_table(
        "alert_target",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("medium", sa.String(length=7), nullable=False),
        sa.Column("address", sa.String(length=2000), nullable=False),
        sa.Column("secrets", sa.JSON(), nullable=False),
        sa.Column("kinds", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.CheckConstraint("medium IN ('webhook', 'email')", name=op.f("ck_alert_target_medium")),
        sa.CheckConstraint("length(address) <= 2000", name=op.f("ck_alert_target_address_length")),
        sa.CheckConstraint("length(medium) <= 7", name=op.f("ck_alert_target_medium_length")),
        sa.CheckConstraint("length(name) <= 80", name=op.f("ck_alert_target_name_length")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_alert_target_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_target")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_alert_target_workspace_id_id")),
    )
    op.create_table(
        "alert_delivery",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("target_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(length=9), nullable=False),
        sa.Column("next_at", Instant(), nullable=False),
        sa.Column("tries", sa.JSON(), nullable=False),
        sa.Column("delivered_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "status IN ('waiting', 'delivered', 'failed')", name=op.f("ck_alert_delivery_status")
        ),
        sa.CheckConstraint("length(status) <= 9", name=op.f("ck_alert_delivery_status_length")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "alert_id"],
            ["alert.workspace_id", "alert.id"],
            name=op.f("fk_alert_delivery_workspace_id_alert_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "target_id"],
            ["alert_target.workspace_id", "alert_target.id"],
            name=op.f("fk_alert_delivery_workspace_id_target_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_alert_delivery_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_delivery")),
        sa.UniqueConstraint(
            "alert_id", "target_id", name=op.f("uq_alert_delivery_alert_id_target_id")
        ),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_alert_delivery_workspace_id_id")),
    )
    op.create_index(
        "ix_alert_delivery_waiting",
        "alert_delivery",
        ["next_at"],
        unique=False,
        sqlite_where=sa.text("status = 'waiting'"),
        postgresql_where=sa.text("status = 'waiting'"),
    )
    op.create_table(
        "hold",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("scope", sa.String(length=9), nullable=False),
        sa.Column("channel_id", sa.Uuid(), nullable=True),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("type", sa.String(length=40), nullable=True),
        sa.Column("reason", sa.String(length=2000), nullable=False),
        sa.Column("placed_by", sa.String(length=64), nullable=False),
        sa.Column("on_the_wire", sa.JSON(), nullable=False),
        sa.Column("released_at", Instant(), nullable=True),
        sa.Column("released_by", sa.String(length=64), nullable=True),
        sa.CheckConstraint(
            "scope IN ('workspace', 'channel', 'campaign', 'type')", name=op.f("ck_hold_scope")
        ),
        sa.CheckConstraint("length(placed_by) <= 64", name=op.f("ck_hold_placed_by_length")),
        sa.CheckConstraint("length(reason) <= 2000", name=op.f("ck_hold_reason_length")),
        sa.CheckConstraint("length(released_by) <= 64", name=op.f("ck_hold_released_by_length")),
        sa.CheckConstraint("length(scope) <= 9", name=op.f("ck_hold_scope_length")),
        sa.CheckConstraint("length(type) <= 40", name=op.f("ck_hold_type_length")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "campaign_id"],
            ["campaign.workspace_id", "campaign.id"],
            name=op.f("fk_hold_workspace_id_campaign_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "channel_id"],
            ["channel.workspace_id", "channel.id"],
            name=op.f("fk_hold_workspace_id_channel_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_hold_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_hold_workspace_id_id")),
    )
    op.create_index(
        "ix_hold_standing",
        "hold",
        ["workspace_id"],
        unique=False,
        sqlite_where=sa.text("released_at IS NULL"),
        postgresql_where=sa.text("released_at IS NULL"),
    )
    polled = sa.text("status = 'processing'")
    op.create_index(
        "ix_publication_polling",
        "publication",
        ["poll_at"],
        sqlite_where=polled,
        postgresql_where=polled,
    )


def downgrade() -> None:
    """Take all of it away again."""
    op.drop_index("ix_publication_polling", "publication")
    for table in TABLES:
        op.drop_table(table)
    for table, column in COUNTS:
        op.drop_column(table, column)
    for table, column, _ in (*COLUMNS, *TEXTS):
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
